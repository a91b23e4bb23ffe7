"""Values that training would have found, measured on a few made-up scenes.

Batch norms get the mean and the variance of what they see. Each label's logits get mean 0 and a
common spread, a wider one for a few labels: so every network tells several labels apart. FakeQuant
nodes get the range of what they see. Measured values are rounded coarsely, so that another thread
count or processor does not change them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.zoo.running import run
from tests.zoo.scenes import scene
from toolkit.graphs import import_tensorflow

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

Values = dict[str, NDArray[np.float32]]

_MARGIN = 1.1
_WIDE_LABELS = 4
_DIRECTIONS = 4
_NOISE = 0.05
_WIDE_SPREAD, _SPREAD = 3.0, 1.0


def measure(graph: GraphDef, logits_layers: Iterable[str], crop: tuple[int, int]) -> Values:
    """Return values for the batch norms and the last layer, by variable.

    Parameters
    ----------
    graph : GraphDef
        With FusedBatchNormV3 nodes, nothing folded.
    logits_layers : iterable of str
        Scopes of the 1x1 layers whose sum the logits are.
    crop : tuple of int
        (height, width) that the network runs on.
    """
    values = _measure_norms(graph, crop)
    return values | _measure_logits(with_values(graph, values), list(logits_layers), crop)


def measure_ranges(graph: GraphDef, crop: tuple[int, int]) -> Values:
    """Return the ranges of the FakeQuant nodes, by variable."""
    nodes = [node for node in graph.node if node.op == "FakeQuantWithMinMaxVars"]
    operations = {node.name: node.op for node in graph.node}
    # one after the other: a range that is not there yet would cut what later nodes see
    open_graph = type(graph)()
    open_graph.CopyFrom(graph)
    for node in open_graph.node:
        if node.op == "FakeQuantWithMinMaxVars":
            node.op = "Identity"
            del node.input[1:]
            for name in ("num_bits", "narrow_range"):
                node.attr.pop(name, None)
            node.attr["T"].type = 1
    seen = run(open_graph, [_tensor(node.name) for node in nodes], _photos(crop))
    values: Values = {}
    for place, node in enumerate(nodes):
        low = min(0.0, *(float(tensors[place].min()) for tensors in seen))
        high = max(0.0, *(float(tensors[place].max()) for tensors in seen))
        if operations.get(node.input[0]) == "Relu6":
            low, high = 0.0, 6.0
        elif not node.attr["narrow_range"].b:  # activations: other photos go a little further
            low, high = low * _MARGIN, high * _MARGIN
        for name, value in zip(node.input[1:], (low, high), strict=True):
            values[_variable(name)] = np.array(_rounded(value), np.float32)
    return values


def _rounded(value: float) -> float:
    """Return the value to about three digits."""
    if value == 0:
        return 0.0
    step = 2.0 ** (np.floor(np.log2(abs(value))) - 8)
    return float(np.round(value / step) * step)


@functools.cache
def _photos(crop: tuple[int, int]) -> tuple[NDArray[np.uint8], ...]:
    """Return scenes that the graph need not resize, with and without padding."""
    height, width = crop
    sizes = [crop, (height * 2 // 3, width), (height, width * 3 // 4), crop, crop]
    return tuple(scene(*size, seed) for seed, size in enumerate(sizes, 1))


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
    seen = [np.asarray(found) for found in zip(*run(training, tensors, _photos(crop)), strict=True)]
    values: Values = {}
    for variable, means, variances in zip(first, seen[::2], seen[1::2], strict=True):
        mean, variance = means.mean(0), variances.mean(0) + means.var(0)
        if not variances.any():  # one pixel, the image-level feature: photos must not all differ
            variance = np.maximum(variance, 1)
        # a channel with little to say keeps it little: enlarged it would be noise
        spread = np.sqrt(np.maximum(variance, max(variance.mean(), 1e-6)))
        spread = 2.0 ** (np.round(np.log2(spread) * 4) / 4)
        values[variable] = np.asarray(np.round(mean / spread * 8) / 8 * spread, np.float32)
        scale = variable.replace("moving_mean", "moving_variance")
        values[scale] = np.asarray(spread**2, np.float32)
    return values


def _measure_logits(graph: GraphDef, layers: list[str], crop: tuple[int, int]) -> Values:
    """Have the last layer look at what tells areas apart; scale and shift each label's logits."""
    tf = import_tensorflow()
    nodes = {node.name: node for node in graph.node}

    def value(name: str) -> NDArray[np.float32]:
        return np.asarray(tf.make_ndarray(nodes[name].attr["value"].tensor), np.float32)

    inputs = [_tensor(nodes[f"{layer}/Conv2D"].input[0]) for layer in layers]
    seen = run(graph, inputs, _photos(crop))
    logits: list[Any] = [0.0] * len(seen)
    values: Values = {}
    for layer, features in zip(layers, zip(*seen, strict=True), strict=True):
        weights = value(f"{layer}/weights")[0, 0]
        weights = _telling_areas(features) @ weights
        values[f"{layer}/weights"] = weights
        logits = [
            total + feature @ weights for total, feature in zip(logits, features, strict=True)
        ]
    spread = np.sqrt(np.mean([each.var((0, 1, 2)) for each in logits], 0))
    center = np.mean([each.mean((0, 1, 2)) for each in logits], 0)
    labels = spread.size
    wide = np.arange(labels) % max(1, labels // _WIDE_LABELS) == 0
    factor = np.where(wide, _WIDE_SPREAD, _SPREAD) / np.maximum(spread, 1e-3)
    for place, layer in enumerate(layers):
        biases = np.random.default_rng(labels).uniform(-0.2, 0.2, labels)
        biases -= center * factor if place == 0 else 0
        values[f"{layer}/weights"] = _on_grid(values[f"{layer}/weights"] * factor)[None, None]
        values[f"{layer}/biases"] = _on_grid(biases)
    return values


def _telling_areas(features: Iterable[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the projection to the features that vary inside a photo, not between photos.

    Without it a dark photo would be one label, a light one another. What varies little counts as
    noise: quantization must not decide the label.
    """
    maps = [feature.reshape(-1, feature.shape[-1]).astype(np.float64) for feature in features]
    inside = np.mean([np.cov(each, rowvar=False) for each in maps], 0)
    between = np.cov(np.stack([each.mean(0) for each in maps]), rowvar=False)
    channels = len(inside)
    noise = np.trace(inside) / channels * _NOISE
    root = np.linalg.inv(np.linalg.cholesky(between + noise * np.eye(channels)))
    _, directions = np.linalg.eigh(root @ inside @ root.T)
    basis = root.T @ directions[:, -_DIRECTIONS:]
    basis /= np.linalg.norm(basis, axis=0)
    projection: NDArray[np.float64] = basis @ np.linalg.pinv(basis)
    return projection


def _on_grid(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.round(values * 1024) / 1024, np.float32)


def _variable(read: str) -> str:
    return read.removesuffix("/read")


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"
