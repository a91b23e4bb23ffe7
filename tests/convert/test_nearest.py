"""Nearest-neighbor resizing takes TensorFlow's pixels at every size."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from toolkit.convert.nearest import exact_nearest

sides = st.integers(1, 2100)


def resizing_model(mode: str, opset: int = 11) -> onnx.ModelProto:
    """A model that resizes as tf2onnx writes ResizeNearestNeighbor."""
    node = helper.make_node(
        "Resize",
        ["x", "", "", "sizes"],
        ["y"],
        mode="nearest",
        coordinate_transformation_mode=mode,
        nearest_mode="round_prefer_ceil" if mode == "align_corners" else "floor",
    )
    graph = helper.make_graph(
        [node],
        "resize",
        [
            helper.make_tensor_value_info("x", TensorProto.INT32, [1, 1, None, None]),
            helper.make_tensor_value_info("sizes", TensorProto.INT64, [4]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 1, None, None])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@functools.cache
def session(mode: str) -> onnxruntime.InferenceSession:
    model = exact_nearest(resizing_model(mode))
    assert "Resize" not in {node.op_type for node in model.graph.node}
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def taken(mode: str, old: int, new: int) -> NDArray[np.int32]:
    """The number of the input row that each output row was taken from."""
    rows = np.arange(old, dtype=np.int32).reshape(1, 1, old, 1)
    (found,) = session(mode).run(None, {"x": rows, "sizes": np.array([1, 1, new, 1])})
    return np.asarray(found[0, 0, :, 0], np.int32)


@pytest.mark.tensorflow
@pytest.mark.parametrize("mode", ["align_corners", "asymmetric"])
@settings(max_examples=150, deadline=None)
@given(old=sides, new=sides)
@example(old=60, new=401)  # row 200 lies exactly between two rows; Resize took the other one
@example(old=1, new=7)
@example(old=7, new=1)
def test_the_pixels_are_tensorflows(mode: str, old: int, new: int) -> None:
    import tensorflow as tf

    rows = np.arange(old, dtype=np.int32).reshape(1, old, 1, 1)
    expected = tf.raw_ops.ResizeNearestNeighbor(
        images=rows, size=[new, 1], align_corners=mode == "align_corners"
    )
    np.testing.assert_array_equal(taken(mode, old, new), expected.numpy()[0, :, 0, 0])


def test_columns_are_resized_as_rows_are() -> None:
    image = np.arange(60, dtype=np.int32).reshape(1, 1, 1, 60)
    (found,) = session("align_corners").run(None, {"x": image, "sizes": np.array([1, 1, 1, 401])})
    np.testing.assert_array_equal(found[0, 0, 0], taken("align_corners", 60, 401))


def test_the_half_pixel_kind_is_left_as_it_is() -> None:
    model = resizing_model("half_pixel")
    assert exact_nearest(model) == model


def test_a_model_without_one_is_left_as_it_is() -> None:
    model = resizing_model("align_corners")
    model.graph.node[0].CopyFrom(helper.make_node("Identity", ["x"], ["y"]))
    assert exact_nearest(model) == model
