"""Two 1x1 convolutions with no activation between them as one.

Applies where the backbone ends in a 1x1 Conv that only 1x1 convolutions and the pool read: the mean
of a linear map is the linear map of the mean, so behind the pool it runs on one point. Done where
it saves multiplications; a graph without such a pair stays as it is. Logits change by rounding
only.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab


def compose_linear(net: DeepLab) -> None:
    """Multiply the backbone's last Conv into those that read it."""
    first = net.producer(net.features)
    if first is None or not net.is_pointwise(first):
        return
    readers = net.consumers(net.features)
    convolutions = [node for node in readers if net.is_pointwise(node)]
    pools = [node for node in readers if node.op_type == "GlobalAveragePool"]
    if len(convolutions) + len(pools) != len(readers) or not convolutions:
        return
    weights, bias = net.weights(first)[:, :, 0, 0], net.bias(first)
    outputs = sum(net.weights(node).shape[0] for node in convolutions)
    if outputs * weights.shape[1] >= weights.size + outputs * weights.shape[0]:
        return
    features = first.input[0]
    for node in convolutions:
        second = net.weights(node)[:, :, 0, 0].astype(np.float64)
        # in float64: it is rounded once, not at each of the products
        both, moved = second @ weights, second @ bias + net.bias(node)
        composed = net.add_pointwise(features, both.astype(np.float32), moved.astype(np.float32))
        net.redirect(node.output[0], composed)
    for node in pools:
        point = net.add("GlobalAveragePool", features)
        net.redirect(node.output[0], net.add_pointwise(point, weights, bias))
        net.pool = point
    net.features = features
