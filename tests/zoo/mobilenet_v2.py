"""MobileNetV2: inverted residual blocks, atrous where the output stride is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.zoo.layers import Layers

# expansion, channels, blocks, blocks at full depth, stride of the first
_STAGES = [
    (1, 6, 1, 1, 1),
    (6, 8, 2, 2, 2),
    (6, 8, 2, 3, 2),
    (6, 12, 2, 4, 2),
    (6, 12, 1, 3, 1),
    (6, 16, 2, 3, 2),
    (6, 24, 1, 1, 1),
]


@dataclass
class Stride:
    """Keeps the map from getting smaller than the output stride.

    A block whose stride is refused runs at the rate so far; those after it run at a higher one.
    """

    limit: int
    reached: int = 1
    rate: int = 1

    def step(self, stride: int) -> tuple[int, int]:
        """Return the stride and the rate of the next block."""
        if self.reached == self.limit:
            rate, self.rate = self.rate, self.rate * stride
            return 1, rate
        self.reached *= stride
        return stride, 1


def mobilenet_v2(
    layers: Layers, x: Any, *, output_stride: int, width: float, full_depth: bool
) -> tuple[Any, dict[int, Any]]:
    """Add MobileNetV2.

    Returns
    -------
    tuple
        The last map, and the maps that a decoder takes by their stride.
    """
    tf = layers.tf
    stride = Stride(output_stride)
    maps: dict[int, Any] = {}
    with layers.scope("MobilenetV2"):
        with tf.compat.v1.name_scope("MobilenetV2"):
            x = tf.identity(x, name="input")
        step, _ = stride.step(2)
        x = layers.convolution(x, _channels(8, width), 3, "Conv", stride=step, activation="relu6")
        number, nominal = 0, 2
        for expansion, channels, blocks, all_blocks, first in _STAGES:
            nominal *= first
            for place in range(all_blocks if full_depth else blocks):
                name = f"expanded_conv_{number}" if number else "expanded_conv"
                step, rate = stride.step(first if place == 0 else 1)
                with layers.scope(name):
                    x, inner = _block(
                        layers, x, expansion, _channels(channels, width), stride=step, rate=rate
                    )
                maps[nominal] = inner  # the last block of a stride is the one that stays
                number += 1
    return x, maps


def _block(
    layers: Layers, x: Any, expansion: int, channels: int, *, stride: int, rate: int
) -> tuple[Any, Any]:
    tf = layers.tf
    inputs = int(x.shape[3])
    y = tf.identity(x, name="input")
    if expansion > 1:
        y = layers.convolution(y, inputs * expansion, 1, "expand", activation="relu6")
        y = tf.identity(y, name="expansion_output")
    y = layers.depthwise(y, 3, "depthwise", stride=stride, rate=rate, activation="relu6")
    y = inner = tf.identity(y, name="depthwise_output")
    residual = stride == 1 and inputs == channels
    y = layers.convolution(y, channels, 1, "project", feeds_sum=residual)
    y = tf.identity(y, name="projection_output")
    if residual:
        y = layers.add(y, x)
    return tf.identity(y, name="output"), inner


def _channels(channels: int, width: float) -> int:
    return max(4, int(channels * width))
