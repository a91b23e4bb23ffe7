"""What an ONNX file says of its making, and what it doesn't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.convert import PROFILES
from toolkit.errors import ExportError
from toolkit.hub.catalog import load_catalog
from toolkit.hub.provenance import Provenance, read_provenance

onnx = pytest.importorskip("onnx", reason="ONNX files are made for the test")
BUNDLED = load_catalog().bundled


def write_file(path: Path, **metadata: str) -> Path:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, [1])],
        [helper.make_tensor_value_info("y", kind, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def test_a_file_says_its_graph_its_passes_and_its_photos(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "bytes.onnx",
        source_graph_sha256="ab",
        passes=json.dumps(PROFILES["int8"].passes),
        calibration=json.dumps(["b", "c"]),
    )
    found = read_provenance(path)
    assert found.graph_sha256 == "ab"
    assert found.is_made_by(PROFILES["int8"])
    assert not found.is_made_by(PROFILES["fast"])
    assert found.calibrated_on == {"b", "c"}


def test_another_file_says_nothing(tmp_path: Path) -> None:
    found = read_provenance(write_file(tmp_path / "other.onnx"))
    assert found.graph_sha256 is None
    assert not any(map(found.is_made_by, PROFILES.values()))
    assert found.calibrated_on == frozenset()


@pytest.mark.parametrize("text", ["no JSON", "3", "[[1]]"])
def test_damaged_photos_hide_nothing_else(text: str) -> None:
    found = Provenance(BUNDLED.onnx, {"source_graph_sha256": "ab", "calibration": text})
    assert found.graph_sha256 == "ab"
    with pytest.raises(ExportError, match="calibration metadata is damaged"):
        _ = found.calibrated_on


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"none\.onnx: no such ONNX file"):
        read_provenance(tmp_path / "none.onnx")
