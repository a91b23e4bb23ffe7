"""The pooled branch of the concatenation as a bias.

Applies where a branch pools the whole map to one point, enlarges it again and is concatenated with
others before a 1x1 Conv. A map that is the same everywhere adds the same to every pixel, so the
Conv is split: its part for the pooled channels runs on one point. Logits change by rounding only.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab


def pooled_bias(net: DeepLab) -> None:
    """Take the pooled branch out of the concatenation and add it behind the projection."""
    if net.pool is None:
        net.refuse("a branch that pools the whole map", "none")
    concats = [
        node
        for node in net.ancestors(net.logits, net.features)
        if node.op_type == "Concat" and net.attribute(node, "axis") == 1
    ]
    if len(concats) != 1:
        net.refuse("one concatenation of branches", f"{len(concats)} of them")
    (concat,) = concats
    enlarged = [name for name in concat.input if net.is_linear_resize(net.producer(name))]
    readers = net.consumers(concat.output[0])
    if len(enlarged) != 1 or len(readers) != 1 or not net.is_pointwise(readers[0]):
        net.refuse(
            "the enlarged pool concatenated with other branches before one 1x1 Conv",
            f"{len(enlarged)} enlarged branches, read by {[node.op_type for node in readers]}",
        )
    (projection,) = readers
    ends = np.cumsum([net.channels(name) for name in concat.input])[:-1]
    parts = dict(
        zip(concat.input, np.split(net.weights(projection)[:, :, 0, 0], ends, axis=1), strict=True)
    )
    resize = net.maker(enlarged[0])
    weights = parts.pop(enlarged[0])
    point = net.add_pointwise(resize.input[0], weights, np.zeros(len(weights), np.float32))
    others = list(parts)
    joined = others[0] if len(others) == 1 else net.add("Concat", *others, axis=1)
    kept = np.concatenate(list(parts.values()), axis=1)
    projected = net.add_pointwise(joined, kept, net.bias(projection))
    net.redirect(projection.output[0], net.add("Add", projected, point))
    old, net.pool = net.pool, net.add("GlobalAveragePool", net.features)
    net.redirect(old, net.pool)
