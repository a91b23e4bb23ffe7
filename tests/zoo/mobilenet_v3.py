"""MobileNetV3 as the segmentation variants have it: hard-swish and squeeze-and-excite."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.zoo.layers import Layers
from tests.zoo.mobilenet_v2 import Stride


class Block(NamedTuple):
    """One block: expansion, channels, kernel, stride, activation, squeeze-and-excite."""

    expansion: float
    channels: int
    kernel: int
    stride: int
    activation: str
    excite: bool


_LARGE = [
    Block(1, 6, 3, 1, "relu", excite=False),
    Block(4, 8, 3, 2, "relu", excite=False),
    Block(3, 8, 3, 1, "relu", excite=False),
    Block(3, 8, 5, 2, "relu", excite=True),
    Block(3, 8, 5, 1, "relu", excite=True),
    Block(6, 12, 3, 2, "hard_swish", excite=False),
    Block(2.5, 12, 3, 1, "hard_swish", excite=False),
    Block(6, 14, 3, 1, "hard_swish", excite=True),
    Block(6, 16, 5, 2, "hard_swish", excite=True),
    Block(6, 16, 5, 1, "hard_swish", excite=True),
]
_SMALL = [
    Block(1, 6, 3, 2, "relu", excite=True),
    Block(4.5, 8, 3, 2, "relu", excite=False),
    Block(3.67, 8, 3, 1, "relu", excite=False),
    Block(4, 12, 5, 2, "hard_swish", excite=True),
    Block(6, 12, 5, 1, "hard_swish", excite=True),
    Block(3, 14, 5, 1, "hard_swish", excite=True),
    Block(6, 16, 5, 2, "hard_swish", excite=True),
    Block(6, 16, 5, 1, "hard_swish", excite=True),
]


def mobilenet_v3(
    layers: Layers, x: Any, *, size: str, output_stride: int, width: float
) -> tuple[Any, dict[int, Any]]:
    """Add MobileNetV3, "large" or "small".

    Returns
    -------
    tuple
        The last map, and the maps that a decoder takes by their stride.
    """
    tf = layers.tf
    stride = Stride(output_stride)
    blocks = _LARGE if size == "large" else _SMALL
    maps: dict[int, Any] = {}
    nominal = 2
    with layers.scope("MobilenetV3"):
        with tf.compat.v1.name_scope("MobilenetV3"):
            x = tf.identity(x, name="input")
        step, _ = stride.step(2)
        x = layers.convolution(x, int(8 * width), 3, "Conv", stride=step, activation="hard_swish")
        for number, block in enumerate(blocks):
            step, rate = stride.step(block.stride)
            nominal *= block.stride
            with layers.scope(f"expanded_conv_{number}" if number else "expanded_conv"):
                x, inner = _block(layers, x, block, width, stride=step, rate=rate)
            maps[nominal] = inner  # the last block of a stride is the one that stays
        x = layers.convolution(x, int(32 * width), 1, "Conv_1", activation="hard_swish")
    return x, maps


def _block(
    layers: Layers, x: Any, block: Block, width: float, *, stride: int, rate: int
) -> tuple[Any, Any]:
    tf = layers.tf
    inputs = int(x.shape[3])
    channels = int(block.channels * width)
    y = tf.identity(x, name="input")
    if block.expansion > 1:
        expanded = int(inputs * block.expansion)
        y = layers.convolution(y, expanded, 1, "expand", activation=block.activation)
        y = tf.identity(y, name="expansion_output")
    y = layers.depthwise(
        y, block.kernel, "depthwise", stride=stride, rate=rate, activation=block.activation
    )
    y = inner = tf.identity(y, name="depthwise_output")
    if block.excite:
        y = _excite(layers, y)
    residual = stride == 1 and inputs == channels
    y = layers.convolution(y, channels, 1, "project", feeds_sum=residual)
    y = tf.identity(y, name="projection_output")
    if residual:
        y = layers.add(y, x)
    return tf.identity(y, name="output"), inner


def _excite(layers: Layers, x: Any) -> Any:
    """Add squeeze-and-excite: a gate for each channel from the mean of the map."""
    tf = layers.tf
    channels = int(x.shape[3])
    with layers.scope("squeeze_excite"):
        mean = tf.reduce_mean(x, axis=[1, 2], keepdims=True)
        squeezed = layers.convolution(
            mean, max(4, channels // 4), 1, "Conv", epsilon=None, activation="relu"
        )
        gate = layers.convolution(
            squeezed, channels, 1, "Conv_1", epsilon=None, activation="hard_sigmoid"
        )
        return tf.multiply(x, gate, name="mul")
