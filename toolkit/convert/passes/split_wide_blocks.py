"""Wide inverted residual blocks computed in slices of channels that fit the cache.

Applies to a 1x1 Conv that widens, a depthwise Conv and 1x1 convolutions that narrow again. Channels
of the wide map never meet before the last of these, so it is made, filtered and summed up slice by
slice: the wide map, the largest there is, is never whole in memory. Logits change by rounding only.
A graph without such a block stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolkit.convert.deeplab import DeepLab

if TYPE_CHECKING:
    from onnx import NodeProto

WIDEST = 240
"""Channels of a slice: at 65x65 pixels these are 4 MB, and wide enough for a matrix product."""


def split_wide_blocks(net: DeepLab) -> None:
    """Split every block wider than `WIDEST`."""
    for narrow in list(net.nodes("Conv")):
        block = _wide_block(net, narrow)
        if block and net.weights(narrow).shape[1] > WIDEST:
            _split(net, block)


def _wide_block(net: DeepLab, narrow: NodeProto) -> tuple[NodeProto, ...] | None:
    """Return the nodes of the block that a Conv ends: widen, Clip, depthwise, Clip, narrow."""
    if not net.is_pointwise(narrow):
        return None
    found = [narrow]
    name = narrow.input[0]
    for kind in ("Clip", "Conv", "Clip", "Conv"):
        node = net.producer(name)
        if node is None or node.op_type != kind or len(net.consumers(node.output[0])) != 1:
            return None
        found.insert(0, node)
        name = node.input[0]
    widen, _, depthwise, _, _ = found
    weights = net.weights(depthwise)
    if not net.is_pointwise(widen) or net.attribute(depthwise, "group", 1) != len(weights):
        return None
    return tuple(found) if weights.shape[1] == 1 and len(depthwise.input) == 3 else None


def _split(net: DeepLab, block: tuple[NodeProto, ...]) -> None:
    """Compute a block of `_wide_block` slice by slice."""
    widen, first, depthwise, second, narrow = block
    width = len(net.weights(widen))
    settings = {entry.name: net.attribute(depthwise, entry.name) for entry in depthwise.attribute}
    total, bias = "", net.bias(narrow)
    for slot in np.array_split(np.arange(width), -(-width // WIDEST)):
        name = net.add_pointwise(
            widen.input[0], net.weights(widen)[slot, :, 0, 0], net.bias(widen)[slot]
        )
        name = net.add("Clip", name, *first.input[1:])
        kernel = net.add_constant(net.weights(depthwise)[slot])
        added = net.add_constant(net.bias(depthwise)[slot])
        name = net.add("Conv", name, kernel, added, **{**settings, "group": len(slot)})
        name = net.add("Clip", name, *second.input[1:])
        name = net.add_pointwise(name, net.weights(narrow)[:, slot, 0, 0], bias)
        total = net.add("Add", name, total) if total else name
        bias = np.zeros_like(bias)  # it is added once
    net.redirect(narrow.output[0], total)
