"""The head on the photo's area only.

Behind the pool nothing looks further than its own pixel, so of the padding nothing more is needed.
Applies where the head is made of 1x1 convolutions; one with wider kernels (atrous branches) stays
as it is. Logits of the photo's area do not change.
"""

from __future__ import annotations

from toolkit.convert.deeplab import POINTWISE, DeepLab


def photo_area_head(net: DeepLab) -> None:
    """Cut the features, behind the pool, to the rows and columns that the photo's pixels need."""
    path = [node for node in net.ancestors(net.logits, net.features) if node.output[0] != net.pool]
    local = all(net.is_pointwise(node) or node.op_type in POINTWISE | {"Concat"} for node in path)
    if local and net.features != net.logits:
        cut = net.cut(net.features, logits_size(net))
        net.redirect(net.features, cut, but={net.pool or "", cut})


def logits_size(net: DeepLab) -> str:
    """Add how many rows and columns of the logits the photo's area needs: (2,) int64."""
    return net.add_aligned(net.fitted, net.stride)
