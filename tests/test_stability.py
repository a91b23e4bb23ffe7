"""What docs/stability.md promises: the fields of every JSON document, no more and no fewer."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.reports import make_report
from tests.conftest import ROOT, Command, Outcome
from tests.evaluate.datasets import small_folder, write_voc
from tests.evaluate.evaluations import make_evaluation
from tests.recommend.fakes import usual
from tests.report.gates import FAILURE, INCONCLUSIVE, SAME, SLOWER, make_gate, without_interval
from tests.test_docs import COMMANDS, archive_of, rows_of
from toolkit.bench.files import write_report
from toolkit.cli import info
from toolkit.evaluate.files import write_evaluation
from toolkit.hub.catalog import load_catalog
from toolkit.hub.store import Store
from toolkit.imaging import demo_photo, write_photo

TEXT = (ROOT / "docs" / "stability.md").read_text()
TYPES: dict[str, set[type]] = {
    "text": {str},
    "integer": {int},
    "number": {int, float},
    "true": {bool},
    "false": {bool},
    "null": {type(None)},
    "list": {list},
    "object": {dict},
    "as": {dict, list, type(None)},  # as in another table
}


def promised(heading: str) -> dict[str, str]:
    """The fields under a heading: path to type."""
    _, found, rest = TEXT.partition(f"# {heading}\n")
    assert found, heading
    text = re.split(r"^#{2,3} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return {
        path: kind for names, kind, _ in rows_of(text) for path in re.findall(r"`(.+?)`", names)
    }


def fields(document: Any, closed: set[str], path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a document with their paths; what lies in `closed` is not opened."""
    if isinstance(document, dict) and path not in closed:
        for key, value in document.items():
            yield from fields(value, closed, f"{path}.{key}" if path else key)
    elif (
        isinstance(document, list)
        and path not in closed
        and isinstance(next(iter(document), 0), dict)
    ):
        for item in document:
            yield from fields(item, closed, f"{path}[]")
    else:
        yield path, document


def check(heading: str, *documents: Any) -> None:
    """Every field there is promised, and every promised field is in one of the documents."""
    table = promised(heading)
    closed = {path for path, kind in table.items() if re.match("object by|as in", kind)}
    parents = {path[:end] for path in table for end in range(len(path)) if path[end] in ".["}
    found = [item for document in documents for item in fields(document, closed)]
    assert {path for path, _ in found} - parents == set(table) - parents
    for path, value in found:
        if path in table:
            words = re.findall(r"\w+", table[path])
            assert type(value) in set().union(*(TYPES.get(word, set()) for word in words)), path


def document(outcome: Outcome, command: str, code: int = 0) -> Any:
    """The JSON document that a command printed, without what every one opens with."""
    assert outcome.code == code, outcome.stderr
    found = json.loads(outcome.stdout)
    assert (found.pop("schema"), found.pop("version")) == (f"toolkit-{command}", 1)
    return found


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photo with a person."""
    path = tmp_path / "photo.png"
    write_photo(path, demo_photo()[:240, :320])
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The bundled graph as an archive that the catalog doesn't know."""
    path = tmp_path / "my_network.tar.gz"
    path.write_bytes(archive_of(load_catalog().bundled.graph.read_bytes()))
    return path


def test_every_command_has_its_fields_promised() -> None:
    for name in COMMANDS:
        assert f"### `toolkit {name} --json`\n" in TEXT, name


def test_info(toolkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(info.NEEDED, "no_such_module", "no-such-package")
    check("`toolkit info --json`", document(toolkit("info", "--json"), "info", code=3))


def test_compare(toolkit: Command, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("base.json", "head.json")]
    for path, variants, cpu in zip(paths, ("tf", "onnx"), ("A", "B"), strict=True):
        report = make_report({"onnx@threads=1": [[10**6]] * 8, variants: [[10**6]] * 8})
        host = dataclasses.replace(report.host, cpu=cpu)
        write_report(path, dataclasses.replace(report, host=host))
    heading = "`toolkit compare --json`"
    check(heading, document(toolkit("compare", *paths, "--json", "-q"), "compare", code=4))


def test_gate(toolkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = {"load": SAME, "mask": INCONCLUSIVE, "blur": SLOWER}
    gate = make_gate(stages, failures=[FAILURE])
    reports = [gate, without_interval(gate)]
    monkeypatch.setattr("toolkit.gate.run.run_gate", lambda *_, **__: reports.pop())
    sides = ("--base", "onnx", "--head", "onnx", "--json", "-q")
    documents = [document(toolkit("gate", *sides), "gate", code=1) for _ in range(2)]
    check("`toolkit gate --json`", *documents)


def test_portrait(toolkit: Command, photo: Path) -> None:
    made = toolkit("portrait", photo, photo.with_name("missing.png"), "--json", "-q")
    check("`toolkit portrait --json`", document(made, "portrait", code=3))


def test_portrait_of_a_video(toolkit: Command, tmp_path: Path) -> None:
    from tests.video.clips import clip, walk, write_clip

    frames = [frame for frame, _ in clip(walk(3))]
    source = write_clip(tmp_path / "a.mp4", frames)
    whole = document(toolkit("portrait", source, "--json", "-q"), "portrait-video")
    write_clip(source, [frame for frame, _ in clip(walk(60))], options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    cut = document(toolkit("portrait", source, "--json", "-q"), "portrait-video", code=3)
    check("`toolkit portrait --json` of a video", whole, cut)


@pytest.mark.tensorflow
def test_fetch_models_and_the_record_of_a_fetch(toolkit: Command, archive: Path) -> None:
    fetched = document(toolkit("fetch", "--from", archive, "--json"), "fetch")
    check("`toolkit fetch --json`", fetched)
    check("source.json", json.loads(Store.default().source_path("my_network").read_text()))
    check(
        "`toolkit models --json`",
        document(toolkit("models", "--json"), "models"),
        document(toolkit("models", "--remove", "my_network", "--json"), "models"),
    )


@pytest.mark.tensorflow
def test_inspect(toolkit: Command, tmp_path: Path) -> None:
    from toolkit.graphs import parse_graph, read_graph

    graph_def = parse_graph(read_graph(load_catalog().bundled.graph))
    graph_def.node.add(name="steal", op="ReadFile")
    (tmp_path / "refused.pb").write_bytes(graph_def.SerializeToString())
    check(
        "`toolkit inspect --json`",
        document(toolkit("inspect", "mnv2_dm05_person", "--json", "-q"), "inspect"),
        document(toolkit("inspect", tmp_path / "refused.pb", "--json", "-q"), "inspect", code=3),
        document(toolkit("inspect", load_catalog().bundled.onnx, "--json", "-q"), "inspect"),
    )


@pytest.mark.tensorflow
def test_verify(toolkit: Command) -> None:
    check(
        "`toolkit verify --json`",
        document(toolkit("verify", "mnv2_dm05_person", "--json", "-q"), "verify"),
    )


@pytest.mark.tensorflow
def test_convert_and_its_manifest(toolkit: Command, photo: Path) -> None:
    made = document(toolkit("convert", "mnv2_dm05_person", "--json", "-q"), "convert")
    listed = document(toolkit("convert", "--profiles", "--json"), "convert")
    check("`toolkit convert --json`", made, listed)
    manifest = json.loads(Path(made["path"] + ".json").read_text())
    assert manifest == {**made["manifest"], "schema": "toolkit-manifest", "version": 1}
    options = ("--profile", "int8", "--calibrate", photo.parent)
    in_bytes = document(toolkit("convert", "mnv2_dm05_person", *options, "--json", "-q"), "convert")
    judged = toolkit("evaluate", small_folder(photo.parent / "set"), "--record", "-q")
    assert judged.code == 0, judged.stderr
    recorded = json.loads(Path(made["path"] + ".json").read_text())
    assert recorded == {**manifest, "quality": recorded["quality"]}
    check("Manifest", recorded, json.loads(Path(in_bytes["path"] + ".json").read_text()))


@pytest.mark.tensorflow
def test_parity(toolkit: Command, photo: Path) -> None:
    compared = toolkit("parity", photo, photo.with_name("missing.png"), "--json", "-q")
    check("`toolkit parity --json`", document(compared, "parity", code=3))


def test_evaluate(toolkit: Command, tmp_path: Path) -> None:
    """Its document is named after what it holds, as that of `bench` is."""
    labels = np.zeros((60, 80), np.uint8)
    labels[:30] = 15
    voc = write_voc(tmp_path / "voc", {"a": (np.zeros((60, 80, 3), np.uint8), labels)})
    folder = small_folder(tmp_path / "set")
    missing = ("--variant", "onnx:missing.onnx")
    documents = [
        document(
            toolkit("evaluate", path, "-m", "mnv2_dm05_person", *options, "--json", "-q"),
            "evaluation",
            code,
        )
        for path, options, code in (
            (voc, ("--limit", "1"), 0),
            (folder, ("--variant", "onnx", *missing), 3),
        )
    ]
    check("`toolkit evaluate --json`", *documents)


def test_recommend(toolkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = usual()
    machine.install(monkeypatch.setattr)
    path, config = small_folder(tmp_path / "set"), tmp_path / "recommend.toml"
    asked = ("recommend", "--dataset", path, "-m", "mnv2_dm05_person", "-o", config, "--json", "-q")
    documents = [
        document(toolkit(*asked, *limit), "recommend", code)
        for limit, code in (((), 0), (("--max-latency", "1"), 1))
    ]
    check("`toolkit recommend --json`", *documents)


def test_report(toolkit: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the page needs the report extra")
    result, page = tmp_path / "result.json", tmp_path / "page.html"
    quality = tmp_path / "quality.json"
    write_report(result, make_report({"onnx": [[10**6]] * 8, "tf": [[2 * 10**6]] * 8}))
    write_evaluation(quality, make_evaluation({name: [0.9] for name in ("onnx", "tf", "opencv")}))
    made = document(toolkit("report", result, quality, "-o", page, "--json", "-q"), "report")
    check("`toolkit report --json`", made)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_demo_and_its_summary(toolkit: Command, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    done = document(toolkit("demo", photo, "--output", folder, "--json", "-q"), "demo")
    check("`toolkit demo --json`", done)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary == {**done, "schema": "toolkit-demo", "version": 1}
    left = {path.name.removeprefix("mnv2_dm05_person") for path in folder.iterdir()}
    row = next(row for row in TEXT.splitlines() if row.startswith("| `exported/demo/`"))
    assert all(name.startswith(".") or name in row for name in left)
