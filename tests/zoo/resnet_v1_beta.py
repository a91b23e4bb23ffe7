"""ResNet-v1 for segmentation: the original root of one 7x7 layer, or the beta root of three 3x3."""

from __future__ import annotations

from typing import Any

from tests.zoo.layers import Layers
from tests.zoo.mobilenet_v2 import Stride

# channels of the bottleneck, units, stride of the last unit
_BLOCKS = [(4, 3, 2), (5, 2, 2), (6, 2, 2), (8, 3, 1)]
_EPSILON = 1e-5


def resnet_v1(
    layers: Layers, x: Any, *, beta: bool, output_stride: int
) -> tuple[Any, dict[int, Any]]:
    """Add ResNet-v1-50 with its blocks cut short.

    Returns
    -------
    tuple
        The last map, and the maps that a decoder takes by their stride.
    """
    tf = layers.tf
    stride = Stride(output_stride, reached=4)
    skip = None
    with layers.scope("resnet_v1_50"):
        if beta:
            x = _same(layers, x, 8, 3, "conv1_1", stride=2)
            x = _same(layers, x, 8, 3, "conv1_2")
            x = _same(layers, x, 12, 3, "conv1_3")
        else:
            x = _same(layers, x, 12, 7, "conv1", stride=2)
        with layers.scope("pool1"):
            x = tf.nn.max_pool2d(x, 3, 2, "SAME", name="MaxPool")
        for number, (channels, units, last) in enumerate(_BLOCKS, 1):
            for unit in range(1, units + 1):
                step, rate = stride.step(last if unit == units else 1)
                scopes = f"block{number}", f"unit_{unit}", "bottleneck_v1"
                with layers.scope(scopes[0]), layers.scope(scopes[1]), layers.scope(scopes[2]):
                    x, inner = _unit(layers, x, channels, stride=step, rate=rate)
                if (number, unit) == (1, 2):
                    skip = inner
    return x, {4: skip}


def _unit(layers: Layers, x: Any, channels: int, *, stride: int, rate: int) -> tuple[Any, Any]:
    tf = layers.tf
    outputs = channels * 4
    if int(x.shape[3]) != outputs:
        shortcut = layers.convolution(
            x, outputs, 1, "shortcut", stride=stride, epsilon=_EPSILON, feeds_sum=True
        )
    elif stride > 1:
        with layers.scope("shortcut"):
            shortcut = tf.nn.max_pool2d(x, 1, stride, "VALID", name="MaxPool")
    else:
        shortcut = x
    y = layers.convolution(x, channels, 1, "conv1", epsilon=_EPSILON, activation="relu")
    y = _same(layers, y, channels, 3, "conv2", stride=stride, rate=rate)
    y = layers.convolution(y, outputs, 1, "conv3", epsilon=_EPSILON, feeds_sum=True)
    return tf.nn.relu(layers.add(shortcut, y)), y


def _same(
    layers: Layers, x: Any, channels: int, size: int, name: str, *, stride: int = 1, rate: int = 1
) -> Any:
    """Add a convolution; where strided, the padding does not follow from the map's size."""
    padding = "SAME"
    if stride > 1:
        x, padding = layers.pad(x, size // 2), "VALID"
    return layers.convolution(
        x,
        channels,
        size,
        name,
        stride=stride,
        rate=rate,
        padding=padding,
        epsilon=_EPSILON,
        activation="relu",
    )
