"""Logits enlarged and compared on the photo's area only, without a detour over the crop.

Applies to every DeepLab graph of crop ``stride * k + 1``: with aligned corners the
pixels of the logits then lie on every stride-th pixel of the image, in the crop as in a part of
it. Labels do not change.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab, shape_of
from toolkit.convert.passes.photo_area_head import logits_size


def labels_on_photo(net: DeepLab) -> None:
    """Rebuild what lies between the logits and the nearest-neighbor Resize."""
    large = enlarge(net, net.logits)
    labels = net.add("ArgMax", large, axis=1, keepdims=1)
    place_labels(net, labels)


def enlarge(net: DeepLab, name: str) -> str:
    """Add the bilinear enlargement of what the photo needs of a map at the logits' size."""
    stride, one = net.integers(net.stride), net.integers(1)
    cells = logits_size(net)
    name = net.cut(name, cells)
    gaps = net.add("Sub", cells, one)
    sides = net.add("Add", net.add("Mul", gaps, stride), one)
    shape = net.add("Slice", net.add("Shape", name), net.integers(0), net.integers(2))
    none = net.add_constant(np.zeros(0, np.float32))
    return net.add(
        "Resize",
        name,
        none,
        none,
        shape_of(net, shape, sides),
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )


def place_labels(net: DeepLab, labels: str) -> None:
    """Cut a (1, 1, h, w) label map to the photo's area and put it in the old one's place."""
    # bytes are cheaper to pick from than the integers of ArgMax
    cut = net.cut(net.add("Cast", labels, to=net.label_type), net.fitted)
    net.redirect(net.label_map, cut)
    net.label_map = cut
