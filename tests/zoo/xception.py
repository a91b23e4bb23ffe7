"""Xception as DeepLab modified it: separable layers stride, each padded by a node of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.zoo.layers import Layers
from tests.zoo.mobilenet_v2 import Stride


class Block(NamedTuple):
    """One block of modules: name, channels of the three layers, modules, stride, shortcut."""

    name: str
    channels: tuple[int, int, int]
    modules: int
    stride: int
    shortcut: str


_EXIT = [
    Block("exit_flow/block1", (16, 20, 20), 1, 2, "conv"),
    Block("exit_flow/block2", (20, 20, 24), 1, 1, "none"),
]
_ENTRY = [
    Block("entry_flow/block1", (8, 8, 8), 1, 2, "conv"),
    Block("entry_flow/block2", (12, 12, 12), 1, 2, "conv"),
    Block("entry_flow/block3", (16, 16, 16), 1, 2, "conv"),
]
_DEEP_ENTRY = [
    Block("entry_flow/block1", (8, 8, 8), 1, 2, "conv"),
    Block("entry_flow/block2", (12, 12, 12), 1, 1, "conv"),
    Block("entry_flow/block3", (12, 12, 12), 1, 2, "conv"),
    Block("entry_flow/block4", (16, 16, 16), 1, 1, "conv"),
    Block("entry_flow/block5", (16, 16, 16), 1, 2, "conv"),
]


def _middle(modules: int) -> Block:
    return Block("middle_flow/block1", (16, 16, 16), modules, 1, "sum")


_BLOCKS = {
    "xception_41": [*_ENTRY, _middle(1), *_EXIT],
    "xception_65": [*_ENTRY, _middle(2), *_EXIT],
    "xception_71": [*_DEEP_ENTRY, _middle(2), *_EXIT],
}
_DECODER_BLOCK = {"xception_41": 2, "xception_65": 2, "xception_71": 3}


def xception(
    layers: Layers, x: Any, *, name: str, output_stride: int
) -> tuple[Any, dict[int, Any]]:
    """Add Xception by its name; the depth is the real one only where it is structure.

    Returns
    -------
    tuple
        The last map, and the maps that a decoder takes by their stride.
    """
    stride = Stride(output_stride)
    maps: dict[str, Any] = {}
    with layers.scope(name):
        with layers.scope("entry_flow"):
            step, _ = stride.step(2)
            x = layers.convolution(
                layers.pad(x, 1), 8, 3, "conv1_1", stride=step, padding="VALID", activation="relu"
            )
            x = layers.convolution(x, 8, 3, "conv1_2", activation="relu")
        for block in _BLOCKS[name]:
            flow, _, part = block.name.partition("/")
            with layers.scope(flow), layers.scope(part):
                for unit in range(1, block.modules + 1):
                    step, rate = stride.step(block.stride if unit == block.modules else 1)
                    with layers.scope(f"unit_{unit}"), layers.scope("xception_module"):
                        x = _module(layers, x, block, maps, stride=step, rate=rate)
    skip = f"{name}/entry_flow/block{_DECODER_BLOCK[name]}/unit_1/xception_module"
    return x, {4: maps[f"{skip}/separable_conv2_pointwise"]}


def _module(
    layers: Layers, x: Any, block: Block, maps: dict[str, Any], *, stride: int, rate: int
) -> Any:
    tf = layers.tf
    inside = block.shortcut == "none"  # the last block activates inside its separable layers
    y = x
    for place, channels in enumerate(block.channels, 1):
        if not inside:
            y = tf.nn.relu(y)
        y, pointwise = layers.separable(
            y,
            channels,
            f"separable_conv{place}",
            stride=stride if place == 3 else 1,
            rate=rate,
            activation="relu" if inside else None,
        )
        maps[pointwise] = y
    if block.shortcut == "conv":
        x = layers.convolution(x, block.channels[-1], 1, "shortcut", stride=stride)
    return y if inside else layers.add(y, x)
