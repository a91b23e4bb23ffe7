"""``toolkit verify`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.conftest import Command
from toolkit.graphs import FrozenGraph
from toolkit.hub.catalog import load_catalog
from toolkit.verify import SIZES

pytestmark = pytest.mark.tensorflow
BUNDLED = load_catalog().bundled


def test_the_bundled_graph_and_its_export_pass(toolkit: Command) -> None:
    done = toolkit("verify", "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    assert document["passed"]
    assert document["near_tie"] == 1e-3
    found = {entry["name"]: entry for entry in document["inputs"]}
    assert len(found) == len(SIZES) + 1
    assert found["demo photo"]["size"] == [385, 385]
    for entry in found.values():
        assert entry["export"]["differing"] == entry["export"]["near_ties"]
        assert entry["logit_difference"] < 1e-3


def test_a_graph_without_an_export_is_checked_against_itself(
    toolkit: Command, tiny_graph: FrozenGraph
) -> None:
    done = toolkit("verify", tiny_graph.source)
    assert done.code == 0
    assert "no export of this graph yet" in done.stderr
    assert "no export compared" in done.stdout
    assert "crop 65x65, 21 labels" in done.stdout


def test_an_export_that_differs_fails_with_exit_code_1(toolkit: Command, tmp_path: Path) -> None:
    from tests.convert.test_conversion import with_other_bias

    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(with_other_bias(BUNDLED.onnx.read_bytes()))
    done = toolkit("verify", "mnv2_dm05_person", "--onnx", wrong)
    assert done.code == 1
    assert "pixels differ beyond near-ties" in done.stdout
    assert "FAILED on 8 of 8 inputs" in done.stdout


def test_an_export_of_another_graph_could_not_run(
    toolkit: Command, tiny_graph: FrozenGraph
) -> None:
    done = toolkit("verify", tiny_graph.source, "--onnx", BUNDLED.onnx)
    assert done.code == 3
    assert "was made from graph" in done.stderr
    assert len(done.stderr.splitlines()) <= 4


def test_a_foreign_export_without_metadata_is_compared_all_the_same(
    toolkit: Command, tmp_path: Path
) -> None:
    model = onnx.load(BUNDLED.onnx)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    done = toolkit("verify", "mnv2_dm05_person", "--onnx", tmp_path / "foreign.onnx")
    assert done.code == 0


def test_a_photo_that_is_none_is_named(toolkit: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    done = toolkit("verify", "--quiet", "--image", tmp_path / "broken.jpg")
    assert done.code == 3
    assert "broken.jpg" in done.stderr
    assert len(done.stderr.splitlines()) == 1
