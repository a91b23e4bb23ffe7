"""Small DeepLab-shaped graphs with made-up weights, for the tests.

They have the shape of the zoo's DeepLabV3 on MobileNetV2: a strided stem, inverted residual blocks
of which the last run atrous, a pooled branch, a projection, logits at stride 8. Nothing in them is
trained: seeded random weights, and where asked for two hand-set color filters (warm against cold,
light against dark) that lead through the blocks to the person logit.

Needs the ``convert`` extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs import import_tensorflow
from training.deeplab_graph import (
    build_deeplab,
    convolution,
    depthwise,
    enlarge,
    normalization,
    pool,
)

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

SEED = 20261125
PERSON = 15


class _Builder:
    """Adds layers to the current TF1 graph with weights from a seeded generator."""

    def __init__(self, tf: Any, seed: int, *, hand_set: bool) -> None:
        self.tf = tf
        self.generator = np.random.default_rng(seed)
        self.hand_set = hand_set

    def weights(self, *shape: int, fan_in: int) -> NDArray[np.float32]:
        scale = np.sqrt(2.0 / fan_in)
        return np.asarray(self.generator.standard_normal(shape) * scale, np.float32)

    def norm(self, x: Any, channels: int, name: str) -> Any:
        """Batch normalization; the identity on hand-set channels."""
        scale = self.generator.uniform(0.8, 1.2, channels).astype(np.float32)
        offset = self.generator.uniform(-0.1, 0.1, channels).astype(np.float32)
        if self.hand_set:
            scale[:2], offset[:2] = 1.0, 0.0
        mean, variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)
        epsilon = 0.0 if self.hand_set else 1e-3
        return normalization(x, scale, offset, mean, variance, name, epsilon=epsilon)

    def pointwise(self, x: Any, inputs: int, outputs: int, name: str) -> Any:
        kernel = self.weights(1, 1, inputs, outputs, fan_in=inputs)
        if self.hand_set:
            kernel[..., :2, :] = 0.0
            kernel[..., :, :2] = 0.0
            kernel[0, 0, 0, 0] = kernel[0, 0, 1, 1] = 1.0
        return self.norm(convolution(x, kernel, name), outputs, name)

    def depthwise(self, x: Any, channels: int, name: str, *, stride: int, rate: int) -> Any:
        kernel = self.weights(3, 3, channels, 1, fan_in=9)
        if self.hand_set:
            # smooth while the map shrinks; wider taps would wash the colors out
            kernel[:, :, :2, 0] = 1 / 9 if rate == 1 else 0
            kernel[1, 1, :2, 0] = 1 / 9 if rate == 1 else 1
        x = depthwise(x, kernel, name, stride=stride, rate=rate)
        return self.tf.nn.relu6(self.norm(x, channels, name), name=f"{name}/Relu6")

    def block(self, x: Any, inputs: int, outputs: int, name: str, *, stride: int, rate: int) -> Any:
        inner = inputs * 2
        y = self.tf.nn.relu6(self.pointwise(x, inputs, inner, f"{name}/expand"))
        y = self.depthwise(y, inner, f"{name}/depthwise", stride=stride, rate=rate)
        y = self.pointwise(y, inner, outputs, f"{name}/project")
        if stride == 1 and inputs == outputs and not self.hand_set:
            y = self.tf.add(x, y, name=f"{name}/add")
        return y


def build_graph(
    crop: int = 257,
    width: int = 16,
    classes: int = 21,
    seed: int = SEED,
    *,
    hand_set: bool = False,
) -> GraphDef:
    """Build a DeepLab-shaped GraphDef with seeded random weights.

    Parameters
    ----------
    crop : int
        Side of the square the graph resizes and pads to, pixels; 8k + 1.
    width : int
        Channels of the blocks; at least 4.
    classes : int
        Number of labels; at least 2, and at least 16 with `hand_set`.
    seed : int
        Of the random weights.
    hand_set : bool
        Put the color filters in, so that warm areas become label 15.

    Returns
    -------
    GraphDef
        With ``ImageTensor:0`` and ``SemanticPredictions:0``; the same for the same arguments.
    """
    layers = _Builder(import_tensorflow(), seed, hand_set=hand_set)
    return build_deeplab(crop, lambda x: _network(layers, x, width, classes))


def _network(layers: _Builder, x: Any, width: int, classes: int) -> Any:
    tf = layers.tf
    stem = layers.weights(3, 3, 3, width, fan_in=27)
    if layers.hand_set:
        stem[:, :, :, :2] = 0.0
        stem[:, :, :, 0] = np.array([1.5, -0.2, -1.6], np.float32) / 9  # warm: red over blue
        stem[:, :, :, 1] = np.array([-0.6, -0.6, -0.6], np.float32) / 9  # dark
    x = tf.nn.relu6(layers.norm(convolution(x, stem, "stem", stride=2), width, "stem"))
    for place, (stride, rate) in enumerate([(2, 1), (2, 1), (1, 1), (1, 2), (1, 4)]):
        x = layers.block(x, width, width, f"block_{place}", stride=stride, rate=rate)
    pooled = tf.nn.relu(layers.pointwise(pool(x), width, width, "pool_projection"))
    pooled = enlarge(pooled, int(x.shape[1]))
    branch = tf.nn.relu(layers.pointwise(x, width, width, "aspp0"))
    x = tf.concat([branch, pooled], 3)
    x = tf.nn.relu(layers.pointwise(x, 2 * width, 2 * width, "concat_projection"))
    head = layers.weights(1, 1, 2 * width, classes, fan_in=2 * width)
    bias = layers.generator.uniform(-0.2, 0.2, classes).astype(np.float32)
    if layers.hand_set:
        head *= 0.1
        bias[:] = -40.0
        bias[0], bias[PERSON] = 0.0, -2.5
        head[0, 0, 0, PERSON] = 10.0
        head[0, 0, 1, PERSON] = -5.0
    return tf.nn.bias_add(convolution(x, head, "logits"), bias, name="logits/BiasAdd")
