"""The logits of an ONNX file, whichever axis its labels have and whatever it leaves out."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.onnx_logits import OnnxLogits
from toolkit.errors import MissingDependencyError
from toolkit.graphs.network import INPUT, OUTPUT

onnx = pytest.importorskip("onnx", reason="reading a file's logits needs the onnx package")

IMAGE = np.random.default_rng(2).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def network(*, axis: int = 3, choices: int = 1, left_out: bool = False) -> bytes:
    """A file whose logits are the photo's channels."""
    helper = onnx.helper
    nodes = [helper.make_node("Cast", [INPUT.name], ["logits"], to=onnx.TensorProto.FLOAT)]
    name = "logits"
    if axis == 1:
        nodes.append(helper.make_node("Transpose", [name], ["planes"], perm=[0, 3, 1, 2]))
        name = "planes"
    if left_out:
        nodes.append(helper.make_node("Compress", [name, "possible"], ["few"], axis=axis))
        name = "few"
    for number in range(choices):
        output = "other" if number else OUTPUT.name
        nodes.append(helper.make_node("ArgMax", [name], [output], axis=axis, keepdims=0))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(INPUT.name, onnx.TensorProto.UINT8, [1, None, None, 3])],
        [helper.make_tensor_value_info(OUTPUT.name, onnx.TensorProto.INT64, [1, None, None])],
        [onnx.numpy_helper.from_array(np.array([True, False, True]), "possible")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


def logits_of(file: Path | bytes) -> NDArray[np.float32]:
    opened = OnnxLogits.open(file, threads=1)
    assert opened is not None
    return opened.infer(IMAGE)


@pytest.mark.parametrize("axis", [1, 3, -1])
def test_labels_come_last_on_whichever_axis_they_are(axis: int) -> None:
    np.testing.assert_array_equal(logits_of(network(axis=axis)), IMAGE)


@pytest.mark.parametrize("axis", [1, 3])
def test_labels_that_the_file_leaves_out_have_logits_all_the_same(axis: int) -> None:
    content = network(axis=axis, left_out=True)
    with OnnxBackend(content, threads=1) as backend:
        assert set(np.unique(backend.infer(IMAGE).label_map)) <= {0, 1}
    np.testing.assert_array_equal(logits_of(content), IMAGE)


@pytest.mark.parametrize("choices", [0, 2])
def test_without_one_argmax_there_are_none(choices: int) -> None:
    assert OnnxLogits.open(network(choices=choices), threads=1) is None


def test_the_file_itself_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(network())
    np.testing.assert_array_equal(logits_of(path), IMAGE)
    assert path.read_bytes() == network()


def test_without_the_onnx_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match="convert extra"):
        OnnxLogits.open(b"", threads=1)
