"""Computed on the photo's own area instead of the padded crop.

Each side is rounded up to ``stride * k + 1``, which keeps every pixel of the logits on the same
pixel of the image; only up to there is it padded. Any size at run time. Applies once the pooled
branch is a bias (`pooled_bias`), as that ties the map to the crop's size.

May change labels: the pooled branch sees the photo's area alone, not the padding, and borders
come nearer, so what the network knew of the padding is gone.
"""

from __future__ import annotations

from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes.photo_area_head import logits_size


def fit_area(net: DeepLab) -> None:
    """Make the size the network is computed on follow the photo's."""
    if any(net.is_linear_resize(node) for node in net.ancestors(net.logits, net.features)):
        net.refuse("a head without sizes of the crop (pooled_bias before fit_area)", "a Resize")
    spare = net.producer(net.stem.input[0])
    if spare is None or spare.op_type != "Pad" or net.scale != 1.0:
        net.refuse("one Pad before the first Conv (lean_input before fit_area)", "another")
    gaps = net.add("Sub", logits_size(net), net.integers(1))
    size = net.add("Add", net.add("Mul", gaps, net.integers(net.stride)), net.integers(1))
    net.redirect(net.size, size)
    net.size = size
