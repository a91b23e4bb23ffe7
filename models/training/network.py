"""The network: DeepLabV3 on a narrow MobileNetV2, defined once, whatever its layers are made of.

    image - stem - inverted residual blocks -+- branch ----------+- projection - logits
                                             +- pool - 1x1 conv -+

The last blocks are dilated. `logits` builds it from any `Layers`; while it is trained they hold
variables, see `models.training.layers`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

CROP = 257
WIDTH = 0.5


class Block(NamedTuple):
    """Inverted residual blocks in a row."""

    expansion: int
    channels: int
    repeats: int
    stride: int
    dilation: int


BLOCKS = (
    Block(1, 16, 1, 1, 1),
    Block(6, 24, 2, 2, 1),
    Block(6, 32, 3, 2, 1),
    Block(6, 64, 4, 1, 2),
    Block(6, 96, 3, 1, 2),
    Block(6, 160, 3, 1, 4),
)
"""MobileNetV2 at output stride 8: the strides left out are dilations, of the layers after them."""


class Layers(Protocol):
    """What the network is built of; tensors are NHWC float32."""

    def conv(self, x: Any, channels: int, kernel: int, name: str, *, stride: int = 1) -> Any:
        """Add a convolution and its batch normalization."""

    def depthwise(self, x: Any, name: str, *, stride: int, dilation: int) -> Any:
        """Add a 3x3 depthwise convolution and its batch normalization."""

    def relu6(self, x: Any) -> Any:
        """Clip to 0..6."""

    def add(self, x: Any, y: Any) -> Any:
        """Add a residual connection."""

    def pooled(self, x: Any, channels: int, name: str) -> Any:
        """Add the mean of the map, a 1x1 convolution of it, enlarged to the map's size."""

    def joined(self, x: Any, y: Any) -> Any:
        """Concatenate channels."""

    def scores(self, x: Any, name: str, labels: int) -> Any:
        """Add the logits of some labels, with biases."""


def width_of(channels: int, width: float = WIDTH) -> int:
    """Return the channels of a narrower network: a multiple of 8."""
    return max(8, int(channels * width + 4) // 8 * 8)


def logits(layers: Layers, x: Any) -> Any:
    """Build the network and the logits of background and person."""
    return layers.scores(features(layers, x), "logits", 2)


def features(layers: Layers, x: Any, *, width: float = WIDTH) -> Any:
    """Build the network up to what its logits are a linear function of.

    Parameters
    ----------
    layers : Layers
    x : (n, crop, crop, 3) float32, -1..1
    width : float
        Of the channels of MobileNetV2.

    Returns
    -------
    (n, rows, columns, channels) float32
        At stride 8.
    """
    x = layers.relu6(layers.conv(x, width_of(32, width), 3, "stem", stride=2))
    place, dilation = 0, 1
    for block in BLOCKS:
        for repeat in range(block.repeats):
            stride = block.stride if repeat == 0 else 1
            x = _block(layers, x, block, width, f"block_{place}", stride, dilation)
            place, dilation = place + 1, block.dilation
    head = width_of(256, width)
    branch = layers.relu6(layers.conv(x, head, 1, "branch"))
    joined = layers.joined(branch, layers.pooled(x, head, "pool"))
    return layers.relu6(layers.conv(joined, head, 1, "projection"))


def _block(
    layers: Layers, x: Any, block: Block, width: float, name: str, stride: int, dilation: int
) -> Any:
    inputs, outputs = int(x.shape[-1]), width_of(block.channels, width)
    y = x
    if block.expansion > 1:
        y = layers.relu6(layers.conv(y, inputs * block.expansion, 1, f"{name}/expand"))
    y = layers.relu6(layers.depthwise(y, f"{name}/depthwise", stride=stride, dilation=dilation))
    y = layers.conv(y, outputs, 1, f"{name}/project")
    return layers.add(x, y) if stride == 1 and inputs == outputs else y
