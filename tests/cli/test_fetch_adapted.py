"""``toolkit fetch`` of SavedModels and of graphs with other tensors, and MODEL as their path."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.graphs.saved_models import make_net, photo, run, write_tf1, write_tf2
from tests.support import made_up
from tests.support.packing import member, write_archive
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.hub.store import Store
from training import deeplab_graph

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen graph of 5 labels with other tensor names."""
    graph_def = made_up.build_graph(crop=65, width=4, classes=5)
    names = {"ImageTensor": "photo", "SemanticPredictions": "out"}
    for node in graph_def.node:
        node.name = names.get(node.name, node.name)
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
    path = tmp_path_factory.mktemp("renamed") / "other.pb"
    path.write_bytes(deeplab_graph.serialize(graph_def))
    return path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TF1 SavedModel with its own crop."""
    folder = tmp_path_factory.mktemp("saved") / "seg_net"
    write_tf1(folder)
    return folder


def labels_file(folder: Path, *names: str) -> Path:
    path = folder / "labels.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def test_a_graph_with_other_tensors_is_refused_with_the_command_that_takes_it(
    toolkit: Command, renamed: Path
) -> None:
    outcome = toolkit("fetch", "--from", renamed, "--quiet")
    assert outcome.code == 3
    (line,) = outcome.stderr.splitlines()
    assert "has no tensor ImageTensor:0; toolkit fetch NAME --from FILE --input X" in line
    assert "X may be photo:0; Y may be out:0" in line


def test_tensors_and_labels_given_are_taken_and_recorded(
    toolkit: Command, renamed: Path, tmp_path: Path
) -> None:
    names = ("nothing", "cat", "dog", "bird", "person")
    options = ("--input", "photo", "--output", "out:0", "--labels", labels_file(tmp_path, *names))
    outcome = toolkit("fetch", "--from", renamed, *options, "--json")
    assert outcome.code == 0
    source = json.loads(outcome.stdout)["source"]
    assert (source["name"], source["archive"]) == ("other", "other.pb")
    assert (source["input"], source["output"]) == ("photo:0", "out:0")
    assert (source["frozen_from"], source["adapted"]) == ("frozen graph", [])
    assert tuple(source["labels"]) == names
    record = Store.default().source("other")
    assert record is not None
    assert (record.input, record.labels) == ("photo:0", names)
    again = toolkit("fetch", "--from", renamed, *options)
    assert "tensors  photo:0 to out:0 of a frozen graph" in again.stdout


def test_labels_are_renamed_under_the_same_pin_and_other_tensors_are_not(
    toolkit: Command, renamed: Path, tmp_path: Path
) -> None:
    tensors = ("--input", "photo", "--output", "out")
    assert toolkit("fetch", "--from", renamed, *tensors).code == 0
    file = labels_file(tmp_path, *"abcde")
    assert toolkit("fetch", "--from", renamed, *tensors, "--labels", file).code == 0
    record = Store.default().source("other")
    assert record is not None
    assert record.labels == tuple("abcde")
    before = Store.default().graph_path("other").read_bytes()
    outcome = toolkit("fetch", "--from", renamed, "--input", "photo", "--output", "ResizeLogits")
    assert outcome.code == 3
    assert "another graph of the same source; toolkit models --remove other" in outcome.stderr
    assert Store.default().graph_path("other").read_bytes() == before


@pytest.mark.parametrize("names", [("a", "b"), tuple("abcdef")])
def test_another_number_of_labels_is_refused(
    toolkit: Command, renamed: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    file = labels_file(tmp_path, *names)
    outcome = toolkit(
        "fetch", "--from", renamed, "--input", "photo", "--output", "out", "--labels", file, "-q"
    )
    assert outcome.code == 3
    assert f"labels.txt: names {len(names)} labels, the network has 5" in outcome.stderr
    assert Store.default().names() == []


@pytest.mark.parametrize("option", ["--input", "--output", "--labels"])
def test_what_says_how_to_take_a_file_needs_one(toolkit: Command, option: str) -> None:
    outcome = toolkit("fetch", "some_model", option, "x")
    assert outcome.code == 2
    assert "--input, --output and --labels need --from" in outcome.stderr


def test_a_saved_models_folder_its_file_and_its_archive_are_one_model(
    toolkit: Command, saved: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz") as target:
        target.add(saved, "export/seg_net")
    hashes = set()
    for name, origin in (("a", saved), ("b", saved / "saved_model.pb"), ("c", archive)):
        outcome = toolkit("fetch", name, "--from", origin, "--json")
        assert outcome.code == 0, outcome.stderr
        source = json.loads(outcome.stdout)["source"]
        assert source["frozen_from"] == "TF1 SavedModel"
        assert source["adapted"][0] == "variables are constants"
        hashes.add(source["graph_sha256"])
    assert len(hashes) == 1
    image = photo(40, 30)
    graph = Store.default().graph_path("a").read_bytes()
    expected = write_tf1(tmp_path / "again")
    assert np.array_equal(run(graph, OUTPUT.name, INPUT.name, image), expected)


def test_a_folder_is_pinned_by_its_files(toolkit: Command, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    write_tf1(folder)
    first = toolkit("fetch", "--from", folder)
    assert "net is in the store now" in first.stdout
    assert "photo:0 to labels:0 of a TF1 SavedModel" in first.stdout
    assert "was in the store already" in toolkit("fetch", "--from", folder).stdout
    index = folder / "variables" / "variables.index"
    index.write_bytes(index.read_bytes() + b"x")
    outcome = toolkit("fetch", "--from", folder)
    assert outcome.code == 3
    assert "toolkit models --remove net drops the pin" in outcome.stderr


def test_a_saved_models_folder_is_a_model(toolkit: Command, saved: Path) -> None:
    verified = toolkit("verify", saved, "--json")
    assert verified.code == 0, verified.stderr
    document = json.loads(verified.stdout)
    assert document["model"] == "seg_net"
    assert document["contract"]["network"]["crop"] == [65, 65]
    converted = toolkit("convert", saved, "--profile", "plain")
    assert converted.code == 0, converted.stderr
    assert Store.default().export_path("seg_net", "plain", 18).is_file()


def test_a_tf2_network_of_any_size_is_verified_and_converted(
    toolkit: Command, tmp_path: Path
) -> None:
    write_tf2(tmp_path / "branches")
    assert toolkit("fetch", "--from", tmp_path / "branches").code == 0
    outcome = toolkit("verify", "branches")
    assert outcome.code == 0, outcome.stderr
    write_tf2(tmp_path / "straight", module=make_net(branches=False))
    outcome = toolkit("convert", tmp_path / "straight")
    assert outcome.code == 0, outcome.stderr


def test_a_folder_without_a_saved_model_is_no_model(toolkit: Command, tmp_path: Path) -> None:
    outcome = toolkit("verify", tmp_path)
    assert outcome.code == 3
    assert "no saved_model.pb in it" in outcome.stderr
    outcome = toolkit("fetch", "x", "--from", tmp_path)
    assert outcome.code == 3
    assert "saved_model.pb: no such file" in outcome.stderr


def test_a_hostile_saved_model_is_one_line_and_exit_3(toolkit: Command, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    write_tf1(tmp_path / "net", initializer=lambda tf: tf.io.write_file(str(victim), "written"))
    for arguments in (
        ("fetch", "--from", tmp_path / "net", "-q"),
        ("verify", tmp_path / "net", "-q"),
    ):
        outcome = toolkit(*arguments)
        assert outcome.code == 3
        assert "uses operations that inference does not need: WriteFile" in outcome.stderr
        assert len(outcome.stderr.splitlines()) == 1
    assert not victim.exists()
    assert Store.default().names() == []


def test_bytes_that_are_no_saved_model_in_an_archive_are_one_line(
    toolkit: Command, tmp_path: Path
) -> None:
    path = write_archive(tmp_path / "m.tar.gz", member("a/saved_model.pb", b"\xff\xff no"))
    outcome = toolkit("fetch", "--from", path, "-q")
    assert outcome.code == 3
    (line,) = outcome.stderr.splitlines()
    assert "m.tar.gz: its saved_model.pb is not a SavedModel" in line
