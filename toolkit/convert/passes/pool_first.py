"""The pool before the backbone's last convolution instead of behind it.

The mean of a linear map is the linear map of the mean, so behind the pool that convolution runs on
one point; the photo's area alone needs it in full then (`photo_area_head`). Applies where the
backbone ends in a 1x1 Conv without activation, once the pooled branch is a bias (`pooled_bias`); a
graph that ends otherwise stays as it is.

Logits change by rounding only, but by more than a near-tie: TF1 adds up the map pixel by pixel, and
what the padding adds is the same thousands of times, rounded the same way each time. A pool in the
same place makes that error too; this one does not.
"""

from __future__ import annotations

from toolkit.convert.deeplab import DeepLab


def pool_first(net: DeepLab) -> None:
    """Move the pool before the Conv, which comes to belong to the head."""
    last = net.producer(net.features)
    if last is None or not net.is_pointwise(last) or net.pool is None:
        return
    pool = net.maker(net.pool)
    readers = [node for node in net.consumers(net.features) if node.output[0] != net.pool]
    if pool.op_type != "GlobalAveragePool" or not all(net.is_pointwise(node) for node in readers):
        return
    features = last.input[0]
    point = net.add("GlobalAveragePool", features)
    weights = net.weights(last)[:, :, 0, 0]
    net.redirect(net.pool, net.add_pointwise(point, weights, net.bias(last)))
    net.features, net.pool = features, point
