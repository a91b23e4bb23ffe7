"""``toolkit convert`` as a user sees it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf2onnx

from tests.conftest import Command, write_graph
from tests.graphs.conditional import conditional_graph
from toolkit.convert import PROFILES
from toolkit.hub.catalog import load_catalog
from toolkit.hub.store import Store
from toolkit.imaging import write_photo

pytestmark = pytest.mark.tensorflow


def test_the_export_lies_where_it_says_and_beside_it_its_manifest(
    toolkit: Command, home: Path, tmp_path: Path
) -> None:
    graph = write_graph(tmp_path / "narrow.pb", crop=97, width=4)
    done = toolkit("convert", graph.source, "--opset", "13", "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    path = home / "exported" / "narrow.exact.opset13.onnx"
    assert document["path"] == str(path)
    assert document["published"]
    manifest = json.loads(path.with_name(path.name + ".json").read_text())
    assert manifest["schema"] == "toolkit-manifest"
    assert manifest["sha256"] == document["manifest"]["sha256"]
    assert toolkit("verify", graph.source, "--json").code == 0


def test_an_opset_out_of_range_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", "--opset", "10")
    assert done.code == 2
    assert "opset 10 is out of range; choose 11 to 18" in done.stderr


def test_an_onnx_file_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", load_catalog().bundled.onnx)
    assert done.code == 2
    assert "is an ONNX file already" in done.stderr


def test_a_folder_that_can_not_be_written_is_one_line(toolkit: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = toolkit("convert", "--quiet", "--output", tmp_path / "file" / "a.onnx")
    assert done.code == 3
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.tensorflow
def test_a_profile_with_logits_lies_beside_the_one_without(toolkit: Command) -> None:
    for options in ([], ["--logits"]):
        done = toolkit(
            "convert", "mnv2_dm05_person", "--profile", "fit", *options, "--json", "--quiet"
        )
        assert done.code == 0, done.stderr
        manifest = json.loads(done.stdout)["manifest"]
        assert ("logits_output" in manifest["passes"]) == bool(options)
    names = {path.name for path in Store.default().exported.glob("*.onnx")}
    assert names == {
        "mnv2_dm05_person.fit.opset18.onnx",
        "mnv2_dm05_person.fit-logits.opset18.onnx",
    }


def test_the_profiles_are_listed_without_a_model(toolkit: Command) -> None:
    done = toolkit("convert", "--profiles")
    assert done.code == 0
    for name, profile in PROFILES.items():
        assert name in done.stdout
        assert ", ".join(profile.passes) in done.stdout


def test_a_profile_that_is_none_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", "mnv2_dm05_person", "--profile", "quick")
    assert done.code == 2
    assert "choose from: plain, exact" in done.stderr


@pytest.mark.tensorflow
def test_a_folder_of_photos_makes_an_export_in_bytes(toolkit: Command, tmp_path: Path) -> None:
    write_photo(
        tmp_path / "a.png", np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    )
    done = toolkit("convert", "mnv2_dm05_person", "--profile", "int8", "--calibrate", tmp_path)
    assert done.code == 0, done.stderr
    assert "calibrated on 1 photos only" in done.stderr
    assert "int8 calibrated on 1 photos; " in done.stdout


def test_a_profile_in_bytes_without_photos_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", "mnv2_dm05_person", "--profile", "int8")
    assert done.code == 2
    assert "needs photos to be calibrated on; add --calibrate DIR" in done.stderr


class Counts:
    """How often a graph is parsed, and by which modules of the toolkit it is imported."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import tensorflow as tf

        self.parsed = 0
        self.imports: Counter[str] = Counter()
        self.conversions = 0
        self._graph_def = tf.compat.v1.GraphDef
        import_graph_def, from_graph_def = tf.import_graph_def, tf2onnx.convert.from_graph_def

        def counted_import(*args: Any, **options: Any) -> Any:
            importer = sys._getframe(1).f_globals["__name__"]
            if importer.startswith("toolkit."):  # tf2onnx imports what it is given by itself
                self.imports[importer] += 1
            return import_graph_def(*args, **options)

        def counted_conversion(*args: Any, **options: Any) -> Any:
            self.conversions += 1
            return from_graph_def(*args, **options)

        monkeypatch.setattr(tf.compat.v1, "GraphDef", self)
        monkeypatch.setattr(tf, "import_graph_def", counted_import)
        monkeypatch.setattr(tf2onnx.convert, "from_graph_def", counted_conversion)

    def __call__(self) -> Any:
        self.parsed += 1
        return self._graph_def()

    def FromString(self, data: bytes) -> Any:  # noqa: N802 - protobuf's name
        self.parsed += 1
        return self._graph_def.FromString(data)


@pytest.mark.parametrize(
    ("layout", "shape_inferences"),
    [("straight", 1), ("with a choice, which exact refuses", 3)],
)
def test_a_graph_is_parsed_imported_and_given_to_tf2onnx_once(
    toolkit: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: str,
    shape_inferences: int,
) -> None:
    path = tmp_path / "net.pb"
    if layout == "straight":
        write_graph(path, crop=65, width=8, seed=7)
    else:
        conditional_graph(path, control_flow="v1")
    counts = Counts(monkeypatch)
    assert toolkit("convert", path, "--quiet").code == 0
    assert counts.parsed == 1
    # normal form is imported for its shapes alone
    assert counts.imports == {
        "toolkit.graphs.contract": 1,
        "toolkit.graphs.normal_form": shape_inferences,
    }
    assert counts.conversions == 1
