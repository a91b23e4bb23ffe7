"""``toolkit inspect`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command, write_graph
from toolkit.cli.inspect import layout_lines
from toolkit.convert import PROFILES
from toolkit.convert.inspection import LayoutReport, Refusal
from toolkit.graphs import FrozenGraph, GraphLayout, NamedTensor
from toolkit.hub.catalog import load_catalog

pytestmark = pytest.mark.tensorflow
BUNDLED = load_catalog().bundled


def test_a_graph_is_described_and_every_profile_judged(
    toolkit: Command, tiny_graph: FrozenGraph
) -> None:
    done = toolkit("inspect", tiny_graph.source, "--quiet")
    assert done.code == 0, done.stderr
    assert done.stderr == ""
    assert tiny_graph.sha256 in done.stdout
    assert "ArgMax 1" in done.stdout
    assert "crop 65x65" in done.stdout
    lines = done.stdout.splitlines()
    profiles = lines[next(n for n, line in enumerate(lines) if line.startswith("profiles")) :]
    judged = {words[0]: words[1] for line in profiles if (words := line[12:].split())}
    # of residual connections stride 16 makes sums of two sizes
    assert {name: judged[name] for name in PROFILES} == {
        name: "does" if name == "stride16" else "applies" for name in PROFILES
    }


def test_the_report_fits_eighty_columns_but_for_paths(toolkit: Command, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "g.pb", crop=105, width=8)
    for model in (graph.source, BUNDLED.onnx):
        for line in toolkit("inspect", model).stdout.splitlines():
            assert len(line) <= 80 or line.startswith("source"), line
    assert "does not apply: looked for" in toolkit("inspect", graph.source).stdout


def test_json_is_one_document(toolkit: Command, tiny_graph: FrozenGraph) -> None:
    document = json.loads(toolkit("inspect", tiny_graph.source, "--json").stdout)
    assert document["schema"] == "toolkit-inspect"
    assert document["sha256"] == tiny_graph.sha256
    assert document["contract"]["network"]["crop"] == [65, 65]
    assert [profile["name"] for profile in document["profiles"]] == list(PROFILES)
    assert document["profiles"][0]["applies"]


def evil(folder: Path) -> Path:
    """A graph with an operation that is refused, otherwise like any."""
    from toolkit.graphs import parse_graph

    graph_def = parse_graph(write_graph(folder / "evil.pb", crop=65, width=8))
    name = graph_def.node.add(name="name", op="Const")
    name.attr["dtype"].type = name.attr["value"].tensor.dtype = 7
    name.attr["value"].tensor.string_val.append(b"/etc/passwd")
    graph_def.node.add(name="steal", op="ReadFile", input=["name"])
    path = folder / "evil.pb"
    path.write_bytes(graph_def.SerializeToString())
    return path


def test_a_refused_graph_is_described_and_the_exit_code_is_3(
    toolkit: Command, tmp_path: Path
) -> None:
    path = evil(tmp_path)
    done = toolkit("inspect", path, "--quiet")
    assert done.code == 3
    assert "ReadFile 1" in done.stdout
    assert "forbidden   ReadFile" in done.stdout
    assert "takes       ImageTensor:0 uint8" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"toolkit: {path}: uses operations that inference does not need: ReadFile"
    )
    document = toolkit("inspect", path, "--json", "--quiet")
    assert document.code == 3
    assert json.loads(document.stdout)["refusal"]["remedy"].startswith("a graph is a program")


def test_with_trust_graph_it_goes_on(toolkit: Command, tmp_path: Path) -> None:
    done = toolkit("inspect", evil(tmp_path), "--trust-graph")
    assert done.code == 0, done.stderr
    assert "ReadFile (trusted)" in done.stdout
    assert "applies" in done.stdout


def test_an_onnx_file_says_what_it_was_made_of(toolkit: Command) -> None:
    done = toolkit("inspect", BUNDLED.onnx)
    assert done.code == 0
    assert "profile     plain-logits" in done.stdout
    assert "ai.onnx 18" in done.stdout
    assert "21 labels" in done.stdout
    assert (
        json.loads(toolkit("inspect", BUNDLED.onnx, "--json").stdout)["profile"] == "plain-logits"
    )


def test_a_profile_behind_the_model_means_its_export(toolkit: Command) -> None:
    done = toolkit("inspect", f"{BUNDLED.name}+fit", "--quiet")
    assert done.code == 3
    assert "has no export of profile fit yet; toolkit convert" in done.stderr
    assert toolkit("convert", BUNDLED.name, "--profile", "fit", "--quiet").code == 0
    assert "profile     fit" in toolkit("inspect", f"{BUNDLED.name}+fit").stdout


def test_names_out_of_a_hostile_file_do_nothing_to_a_terminal_and_are_bounded() -> None:
    escape = "\x1b[2Jgone" + "x" * 10_000
    operations = {f"Op{number}": 1 for number in range(5000)} | {escape: 1}
    layout = GraphLayout(operations, 0, (escape,), (NamedTensor(escape, escape, None),), ())
    report = LayoutReport(
        escape, "g.pb", "0" * 64, 1, False, {}, layout, refusal=Refusal("no", "never")
    )
    lines = list(layout_lines(report))
    assert all(line.isprintable() and len(line) <= 80 for line in lines)
    assert len(lines) < 100
    assert "and 4901 more" in " ".join(lines)


def test_a_conversion_that_does_not_recognize_a_graph_names_the_command(
    toolkit: Command, tmp_path: Path
) -> None:
    graph = write_graph(tmp_path / "g.pb", crop=105, width=8)
    done = toolkit("convert", graph.source, "--profile", "stride16", "--quiet")
    assert done.code == 3
    assert "toolkit inspect MODEL" in done.stderr
