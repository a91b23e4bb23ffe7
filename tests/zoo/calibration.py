"""Values that training would have found, measured on a made-up scene.

Batch norms get the mean and the variance of what they see. Each label's logits get mean 0 and a
common spread, a wider one for a few labels: so every network tells several labels apart. FakeQuant
nodes get the range of what they see. Measured values are rounded coarsely, so that another thread
count or processor does not change them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.zoo.scenes import scene
from toolkit.graphs import import_tensorflow

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

Values = dict[str, NDArray[np.float32]]

_SCENE = 1
_WIDE_LABELS = 4
_WIDE_SPREAD, _SPREAD = 3.0, 1.0


@dataclass(frozen=True)
class Landmarks:
    """What calibration has to find in a graph.

    Attributes
    ----------
    logits : str
        Tensor of the logits.
    logits_variables : tuple of str
        Scopes of the layers whose sum the logits are.
    """

    logits: str
    logits_variables: tuple[str, ...]


def measure(graph: GraphDef, landmarks: Landmarks, crop: tuple[int, int]) -> Values:
    """Return values for the batch norms and the last layer, by variable."""
    values = _measure_norms(graph, crop)
    logits = run(with_values(graph, values), [landmarks.logits], scene(*crop, _SCENE))[0]
    return values | _normalized_logits(graph, landmarks, logits)


def measure_ranges(graph: GraphDef, landmarks: Landmarks, crop: tuple[int, int]) -> Values:
    """Return the ranges of the FakeQuant nodes, by variable."""
    nodes = [node for node in graph.node if node.op == "FakeQuantWithMinMaxVars"]
    inputs = [_tensor(node.input[0]) for node in nodes]
    operations = {node.name: node.op for node in graph.node}
    # only what leads to the logits: nothing else is quantized
    seen = run(graph, [*inputs, landmarks.logits], scene(*crop, _SCENE))
    values: Values = {}
    for node, tensor in zip(nodes, seen, strict=False):
        low, high = min(float(tensor.min()), 0.0), max(float(tensor.max()), 0.0)
        if operations.get(node.input[0]) == "Relu6":
            low, high = 0.0, 6.0
        elif high - low < 1e-3:
            low, high = -1.0, 1.0
        for name, value in zip(node.input[1:], (low, high), strict=True):
            rounded = np.round(value * 64) / 64 if abs(value) > 1 else np.round(value * 4096) / 4096
            values[_variable(name)] = np.float32(rounded)  # type: ignore[assignment]  # a scalar
    return values


def with_values(graph: GraphDef, values: Values) -> GraphDef:
    """Return a copy of the graph whose variables have these values."""
    tf = import_tensorflow()
    changed = type(graph)()
    changed.CopyFrom(graph)
    for node in changed.node:
        if node.op == "Const" and node.name in values:
            tensor = tf.make_tensor_proto(values[node.name], dtype=tf.float32)
            node.attr["value"].tensor.CopyFrom(tensor)
    return changed


def run(graph: GraphDef, tensors: list[str], photo: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """Run a graph on one photo and return the named tensors."""
    tf = import_tensorflow()
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=2, inter_op_parallelism_threads=1
        )
        with tf.compat.v1.Session(graph=imported, config=config) as session:
            results: list[NDArray[Any]] = session.run(tensors, {"ImageTensor:0": photo[None]})
            return results


def _measure_norms(graph: GraphDef, crop: tuple[int, int]) -> Values:
    """Run the batch norms as in training, where each takes the statistics of its own input."""
    tf = import_tensorflow()
    training = type(graph)()
    training.CopyFrom(graph)
    empty = training.node.add(name="calibration/empty", op="Const")
    empty.attr["dtype"].type = tf.float32.as_datatype_enum
    empty.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([], dtype=tf.float32, shape=[0]))
    first: dict[str, str] = {}
    for node in training.node:
        if node.op == "FusedBatchNormV3":
            first.setdefault(_variable(node.input[3]), node.name)
            node.attr.pop("_output_shapes", None)
            node.attr["is_training"].b = True
            node.input[3] = node.input[4] = empty.name
    tensors = [f"{name}:{output}" for name in first.values() for output in (1, 2)]
    seen = run(training, tensors, scene(*crop, _SCENE))
    values: Values = {}
    for variable, mean, variance in zip(first, seen[::2], seen[1::2], strict=True):
        spread = np.where(variance > 1e-8, np.sqrt(np.maximum(variance, 1e-8)), 1.0)
        spread = 2.0 ** (np.round(np.log2(spread) * 4) / 4)
        values[variable] = np.asarray(np.round(mean / spread * 8) / 8 * spread, np.float32)
        scale = variable.replace("moving_mean", "moving_variance")
        values[scale] = np.asarray(spread**2, np.float32)
    return values


def _normalized_logits(
    graph: GraphDef, landmarks: Landmarks, logits: NDArray[np.float32]
) -> Values:
    tf = import_tensorflow()
    consts = {node.name: node for node in graph.node if node.op == "Const"}

    def value(name: str) -> NDArray[np.float32]:
        return np.asarray(tf.make_ndarray(consts[name].attr["value"].tensor), np.float32)

    labels = logits.shape[-1]
    flat = logits.reshape(-1, labels)
    wanted = np.where(np.arange(labels) % max(1, labels // _WIDE_LABELS) == 0, _WIDE_SPREAD, _SPREAD)
    factor = 2.0 ** (np.round(np.log2(wanted / np.maximum(flat.std(0), 1e-3)) * 4) / 4)
    shift = np.round(flat.mean(0) * factor * 16) / 16
    values: Values = {}
    for place, scope in enumerate(landmarks.logits_variables):
        weights, biases = value(f"{scope}/weights"), value(f"{scope}/biases")
        values[f"{scope}/weights"] = np.asarray(weights * factor, np.float32)
        values[f"{scope}/biases"] = np.asarray(
            biases * factor - (shift if place == 0 else 0), np.float32
        )
    return values


def _variable(read: str) -> str:
    return read.removesuffix("/read")


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"
