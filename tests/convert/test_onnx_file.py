"""An ONNX file is described without being run; metadata that lies is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.convert.onnx_file import OnnxReport, inspect_onnx
from toolkit.errors import ExportError
from toolkit.hub.catalog import load_catalog

onnx = pytest.importorskip("onnx", reason="inspecting an ONNX file needs the convert extra")
BUNDLED = load_catalog().bundled


def test_an_export_says_what_it_was_made_of() -> None:
    found = inspect_onnx(BUNDLED.onnx)
    assert found.model == BUNDLED.name
    assert found.profile == "plain-logits"
    assert found.passes is not None
    assert found.passes[-1] == "canonical_form"
    assert found.crop == BUNDLED.network.crop
    assert found.labels == len(BUNDLED.network.labels)
    assert found.opsets == {"ai.onnx": 18}
    assert [tensor.name for tensor in found.outputs] == ["SemanticPredictions:0", "Logits:0"]
    assert found.inputs[0].dtype == "uint8"
    assert found.inputs[0].shape == ("1", "height", "width", "3")
    assert found.operations["ArgMax"] == 1
    assert found.calibration_photos is None
    assert found.size == BUNDLED.onnx.stat().st_size


def changed(tmp_path: Path, **metadata: str) -> OnnxReport:
    """The report of the bundled export with other metadata."""
    model = onnx.load(BUNDLED.onnx)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, tmp_path / "changed.onnx")
    return inspect_onnx(tmp_path / "changed.onnx")


def test_a_file_without_metadata_says_nothing_of_its_making(tmp_path: Path) -> None:
    found = changed(tmp_path)
    said = (found.model, found.profile, found.passes, found.crop, found.labels, found.tools)
    assert set(said) == {None}


def test_an_int8_export_says_how_many_photos_it_was_calibrated_on(tmp_path: Path) -> None:
    calibration = json.dumps(["a" * 64, "b" * 64])
    found = changed(tmp_path, calibration=calibration, least_agreement="0.8")
    assert (found.calibration_photos, found.least_agreement) == (2, 0.8)


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("crop", "crop", "[1e999, 2]"),
        ("crop", "crop", "{}"),
        ("labels", "labels", '{"a": 1}'),
        ("passes", "passes", "[" * 100_000),
        ("calibration", "calibration_photos", "7"),
        ("tools", "tools", "none"),
    ],
)
def test_damaged_metadata_is_passed_over(tmp_path: Path, key: str, field: str, value: str) -> None:
    assert getattr(changed(tmp_path, **{key: value}), field) is None


def test_operations_in_branches_are_counted(tmp_path: Path) -> None:
    def branch(operation: str) -> Any:
        node = onnx.helper.make_node(operation, ["x"], ["y"])
        value = onnx.helper.make_tensor_value_info("y", 1, None)
        return onnx.helper.make_graph([node], operation, [], [value])

    choice = onnx.helper.make_node(
        "If", ["p"], ["z"], then_branch=branch("Relu"), else_branch=branch("Neg")
    )
    inputs = [
        onnx.helper.make_tensor_value_info("p", 9, []),
        onnx.helper.make_tensor_value_info("x", 1, [None, 3]),
    ]
    output = onnx.helper.make_tensor_value_info("z", 1, None)
    graph = onnx.helper.make_graph([choice], "g", inputs, [output])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "if.onnx")
    found = inspect_onnx(tmp_path / "if.onnx")
    assert found.operations == {"If": 1, "Neg": 1, "Relu": 1}
    assert found.inputs[1].shape == ("?", "3")


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\xff\xff"])
def test_what_is_no_model_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(ExportError, match=r"a\.onnx: is no ONNX model"):
        inspect_onnx(tmp_path / "a.onnx")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="can't be read"):
        inspect_onnx(tmp_path / "missing.onnx")
