"""The pooled branch as a bias: one pixel in place of a map that is the same everywhere.

Applies where a branch pools the whole map to one point and enlarges it again. What reads the
enlarged map reads the point, where it is added or multiplied. Where it is concatenated with other
branches before a 1x1 Conv, that Conv is split: its part for the pooled channels runs on one point,
and adds the same to every pixel. Logits change by rounding only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolkit.convert.deeplab import POINTWISE, DeepLab

if TYPE_CHECKING:
    from onnx import NodeProto


def pooled_bias(net: DeepLab) -> None:
    """Take the enlarged point out, and make the pool one of any size."""
    if net.pool is None or net.enlarged is None:
        net.refuse("a branch that pools the whole map", "none")
    resize = net.maker(net.enlarged)
    readers = net.consumers(resize.output[0])
    if all(reader.op_type in POINTWISE and _is_whole(net, reader, resize) for reader in readers):
        net.redirect(resize.output[0], resize.input[0])
    elif len(readers) == 1 and readers[0].op_type == "Concat":
        _split(net, readers[0], resize)
    else:
        kinds = sorted({reader.op_type for reader in readers})
        net.refuse("the enlarged pool concatenated, added or multiplied", ", ".join(kinds))
    old, net.pool = net.pool, net.add("GlobalAveragePool", net.features)
    net.shapes[net.pool] = net.shapes[old]
    net.redirect(old, net.pool)
    net.enlarged = None


def _is_whole(net: DeepLab, reader: NodeProto, resize: NodeProto) -> bool:
    """Whether another input has the size that the point is enlarged to."""
    whole = net.shape(resize.output[0])[2:]
    others = [name for name in reader.input if name != resize.output[0]]
    return any(net.shapes.get(name, ())[2:] == whole for name in others)


def _split(net: DeepLab, concat: NodeProto, resize: NodeProto) -> None:
    """Split the Conv that projects a concatenation."""
    enlarged = resize.output[0]
    readers = net.consumers(concat.output[0])
    alone = len(readers) == 1 and list(concat.input).count(enlarged) == 1
    if not alone or not net.is_pointwise(readers[0]):
        net.refuse(
            "the enlarged pool concatenated with other branches before one 1x1 Conv",
            f"a concatenation read by {[node.op_type for node in readers]}",
        )
    (projection,) = readers
    ends = np.cumsum([net.channels(name) for name in concat.input])[:-1]
    parts = np.split(net.weights(projection)[:, :, 0, 0], ends, axis=1)
    place = list(concat.input).index(enlarged)
    weights = parts.pop(place)
    others = [name for name in concat.input if name != enlarged]
    point = net.add_pointwise(resize.input[0], weights, np.zeros(len(weights), np.float32))
    joined = others[0] if len(others) == 1 else net.add("Concat", *others, axis=1)
    kept = np.concatenate(parts, axis=1)
    projected = net.add_pointwise(joined, kept, net.bias(projection))
    summed = net.add("Add", projected, point)
    net.shapes[summed] = net.shapes[projected] = net.shapes[projection.output[0]]
    net.shapes[joined] = (1, kept.shape[1], *net.shapes[enlarged][2:])
    net.shapes[point] = (1, len(weights), 1, 1)
    net.redirect(projection.output[0], summed)
