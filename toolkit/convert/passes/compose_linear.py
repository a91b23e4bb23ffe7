"""Two 1x1 convolutions with no activation between them as one.

Applies where the head begins with a 1x1 Conv that only 1x1 convolutions read, as it does once the
pool has moved before it (`pool_first`). Done where it saves multiplications; a graph without such a
pair stays as it is. Logits change by rounding only.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab


def compose_linear(net: DeepLab) -> None:
    """Multiply the head's first Conv into those that read it."""
    first, *others = (node for node in net.consumers(net.features) if node.output[0] != net.pool)
    readers = net.consumers(first.output[0])
    if others or not all(net.is_pointwise(node) for node in (first, *readers)):
        return
    weights, bias = net.weights(first)[:, :, 0, 0], net.bias(first)
    outputs = sum(net.weights(node).shape[0] for node in readers)
    if outputs * weights.shape[1] >= weights.size + outputs * weights.shape[0]:
        return
    for node in readers:
        second = net.weights(node)[:, :, 0, 0].astype(np.float64)
        # in float64: it is rounded once, not at each of the products
        both, moved = second @ weights, second @ bias + net.bias(node)
        composed = net.add_pointwise(
            net.features, both.astype(np.float32), moved.astype(np.float32)
        )
        net.redirect(node.output[0], composed)
