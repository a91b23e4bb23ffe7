"""Static shapes of a network's maps, inferred from the size of what it reads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, NodeProto, TensorProto

Shape = tuple[int, ...]

MOST_VALUES = 64
"""Of a constant that may be a size; larger ones are weights, of which the shape is enough."""


def infer_shapes(
    model: ModelProto, nodes: Sequence[NodeProto], entry: str, shape: Shape
) -> dict[str, Shape]:
    """Infer the shapes of the maps between a network's input and its end.

    Sizes that the graph computes of other maps' shapes are computed here.

    Parameters
    ----------
    model : ModelProto
        Not changed.
    nodes : sequence of NodeProto
        Those of the network, each behind what it reads; what they read besides is constants.
    entry : str
        The float32 tensor that the network reads.
    shape : tuple of int
        Its shape.

    Returns
    -------
    dict of str to tuple of int
        Of each tensor whose whole shape is known, constants among them.
    """
    weights = {each.name: each for each in model.graph.initializer}
    small = {name: each for name, each in weights.items() if math.prod(each.dims) <= MOST_VALUES}
    found = {name: tuple(each.dims) for name, each in weights.items()}
    while True:
        found.update(_inferred(model, nodes, {entry: shape}, weights, small))
        computed = _computed(model, nodes, found, small)
        if not computed:
            return found
        small.update(computed)


def _inferred(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    inputs: dict[str, Shape],
    weights: dict[str, TensorProto],
    small: dict[str, TensorProto],
) -> dict[str, Shape]:
    """Have ONNX infer shapes; of weights only their shape is handed over."""
    from onnx import TensorProto, helper, shape_inference

    kept = [node for node in nodes if node.output[0] not in small]
    read = {name for node in kept for name in node.input}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(sides))
        for name, sides in inputs.items()
    ]
    values += [
        helper.make_tensor_value_info(name, each.data_type, list(each.dims))
        for name, each in weights.items()
        if name in read and name not in small
    ]
    constants = [each for name, each in small.items() if name in read]
    graph = helper.make_graph(kept, "network", values, [], initializer=constants)
    part = helper.make_model(graph, opset_imports=list(model.opset_import))
    found = dict(inputs)
    for value in shape_inference.infer_shapes(part, data_prop=True).graph.value_info:
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(side.HasField("dim_value") for side in kind.shape.dim):
            found[value.name] = tuple(side.dim_value for side in kind.shape.dim)
    return found


def _computed(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    shapes: dict[str, Shape],
    small: dict[str, TensorProto],
) -> dict[str, TensorProto]:
    """Compute what follows from known shapes and small constants and was not known yet."""
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    computed: dict[str, TensorProto] = {}
    for node in nodes:
        name = node.output[0]
        if name in small:
            continue
        if node.op_type == "Shape" and node.input[0] in shapes and not node.attribute:
            value: NDArray[Any] = np.array(shapes[node.input[0]], np.int64)
        else:
            inputs = [each for each in node.input if each]
            if not inputs or any(each not in small and each not in computed for each in inputs):
                continue
            given = {each: computed.get(each) or small[each] for each in inputs}
            graph = helper.make_graph(
                [node],
                "size",
                [],
                [helper.make_empty_tensor_value_info(name)],
                list(given.values()),
            )
            alone = helper.make_model(graph, opset_imports=list(model.opset_import))
            results: Any = ReferenceEvaluator(alone).run([name], {})
            value = np.asarray(results[0])
        if value.size <= MOST_VALUES:
            computed[name] = numpy_helper.from_array(value, name)
    return computed
