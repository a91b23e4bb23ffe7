"""tf2onnx's models put right: sizes, pads, transposes, clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from toolkit.convert.repairs import repair

pytestmark = pytest.mark.tensorflow


def model_of(
    nodes: list[onnx.NodeProto],
    shape: list[int],
    rank: int,
    **constants: NDArray[Any],
) -> onnx.ModelProto:
    """A model from x, float32 of a shape, to y."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(["y"], {"x": x})[0])


def live(model: onnx.ModelProto) -> list[str]:
    from toolkit.convert.editor import Editor

    return [node.op_type for node in Editor(model).live()]


def values(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_a_resize_by_a_factor_gives_the_size_that_was_meant() -> None:
    scales = np.array([1, 1, 13 / 11, 13 / 11], np.float32)
    resize = helper.make_node(
        "Resize",
        ["x", "", "scales"],
        ["middle"],
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["first"]),
        resize,
        helper.make_node("Relu", ["middle"], ["y"]),
    ]
    resize.input[0] = "first"
    model = model_of(nodes, [1, 2, 11, 11], 4, scales=scales)
    x = values(1, 2, 11, 11)
    assert run(model, x).shape[2:] == (12, 12)  # the runtime cuts off
    assert run(repair(model), x).shape[2:] == (13, 13)


@pytest.mark.parametrize("dilation", [1, 3])
def test_automatic_pads_are_written_out(dilation: int) -> None:
    conv = helper.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        auto_pad="SAME_UPPER",
        dilations=[dilation] * 2,
        kernel_shape=[3, 3],
    )
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0, 1, 1] = 1
    model = repair(model_of([conv], [1, 1, 9, 9], 4, w=kernel))
    x = values(1, 1, 9, 9)
    np.testing.assert_array_equal(run(model, x), x)
    assert not any(entry.name == "auto_pad" for entry in model.graph.node[0].attribute)


def test_a_transpose_is_dropped_before_its_inverse_whatever_lies_between() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Div", ["last", "three"], ["divided"]),
        helper.make_node("Floor", ["divided"], ["rounded"]),
        helper.make_node("Add", ["rounded", "last"], ["added"]),
        helper.make_node("Transpose", ["added"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Abs", ["first"], ["y"]),
    ]
    model = model_of(nodes, [1, 2, 5, 7], 4, three=np.array(3.0, np.float32))
    x = values(1, 2, 5, 7) * 10
    repaired = repair(model)
    np.testing.assert_array_equal(run(repaired, x), run(model, x))
    kept = [name for name in live(repaired) if name == "Transpose"]
    assert kept == []


def test_a_transpose_that_meets_no_inverse_stays() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Floor", ["last"], ["y"]),
    ]
    model = model_of(nodes, [1, 2, 5, 7], 4)
    x = values(1, 2, 5, 7) * 10
    np.testing.assert_array_equal(run(repair(model), x), run(model, x))


def test_arithmetic_with_one_number_for_each_channel_keeps_its_transpose() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["last", "gains"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["y"], perm=[0, 3, 1, 2]),
    ]
    model = model_of(nodes, [1, 2, 5, 7], 4, gains=np.array([2.0, 3.0], np.float32))
    x = values(1, 2, 5, 7)
    np.testing.assert_array_equal(run(repair(model), x), run(model, x))


def test_a_chain_of_clips_is_one_clip() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["positive"]),
        helper.make_node("Max", ["positive", "low"], ["above"]),
        helper.make_node("Min", ["above", "high"], ["inside"]),
        helper.make_node("Clip", ["inside", "lower", "higher"], ["clipped"]),
        helper.make_node("Abs", ["clipped"], ["y"]),
    ]
    numbers = {"low": 0.25, "high": 4.0, "lower": 0.0, "higher": 3.0}
    model = model_of(
        nodes, [50], 1, **{name: np.array(v, np.float32) for name, v in numbers.items()}
    )
    x = values(50) * 4
    repaired = repair(model)
    np.testing.assert_array_equal(run(repaired, x), run(model, x))
    assert sorted(live(repaired)) == ["Abs", "Clip"]


def test_a_clip_that_empties_the_range_keeps_its_result() -> None:
    nodes = [
        helper.make_node("Clip", ["x", "one", "two"], ["high"]),
        helper.make_node("Clip", ["high", "minus", "zero"], ["y"]),
    ]
    numbers = {"one": 1.0, "two": 2.0, "minus": -1.0, "zero": 0.0}
    model = model_of(
        nodes, [50], 1, **{name: np.array(v, np.float32) for name, v in numbers.items()}
    )
    x = values(50)
    np.testing.assert_array_equal(run(repair(model), x), run(model, x))
