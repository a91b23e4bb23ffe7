"""Computed on the photo's own area instead of the padded crop.

Each side is rounded up to ``output stride * k + 1``, which keeps every pixel of the maps on the
same pixel of the image; only up to there is it padded. Any size at run time. Applies where every
layer takes any size: where the pooled branch pools the whole map and is a bias (`pooled_bias`), and
resizes inside the network, as a decoder has them, are to sizes that follow from the crop.

May change labels: the pooled branch, and squeeze-and-excitation, see the photo's area alone, not
the padding, and borders come nearer, so what the network knew of the padding is gone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from toolkit.convert.deeplab import POINTWISE, DeepLab, shape_of

if TYPE_CHECKING:
    from onnx import NodeProto

ANY_SIZE = POINTWISE | frozenset(
    {"Concat", "Conv", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "Pad", "ReduceMean"}
)
"""Operations that take maps of any size."""


def fit_area(net: DeepLab) -> None:
    """Make the size the network is computed on follow the photo's."""
    resizes = []
    for node in net.ancestors(net.logits, net.entry):
        if net.is_linear_resize(node):
            resizes.append((node, _stride(net, node)))
        elif not _takes_any_size(net, node):
            net.refuse("layers that take any size", f"{node.op_type} of a size of the crop's")
    padding = net.producer(net.entry)
    if padding is None or padding.op_type != "Pad" or (net.scale != 1).any():
        net.refuse("one Pad before the first Conv (lean_input before fit_area)", "another")
    gaps = net.add("Sub", net.add_aligned(net.fitted, net.output_stride), net.integers(1))
    size = net.add("Add", net.add("Mul", gaps, net.integers(net.output_stride)), net.integers(1))
    net.redirect(net.size, size)
    net.size = size
    for node, stride in resizes:
        cells = net.add_aligned(size, stride)
        kept = net.add("Slice", net.add("Shape", node.input[0]), net.integers(0), net.integers(2))
        none = net.add_constant(np.zeros(0, np.float32))
        del node.input[1:]
        node.input.extend([none, none, shape_of(net, kept, cells)])


def _stride(net: DeepLab, node: NodeProto) -> int:
    """Return the stride of what a Resize inside the network gives."""
    before, behind = net.stride_of(node.input[0]), net.stride_of(node.output[0])
    if before is None or behind is None:
        net.refuse(
            "resizes from one stride to another (pooled_bias before fit_area)",
            f"one of {net.shape(node.input[0])[2:]} to {net.shape(node.output[0])[2:]}",
        )
    return behind


def _takes_any_size(net: DeepLab, node: NodeProto) -> bool:
    if node.op_type in ANY_SIZE:
        return True
    if node.op_type == "AveragePool":  # a small one, as a layer; not one over the whole map
        return net.stride_of(node.output[0]) is not None
    # numbers that sizes are computed of, and single points of a map
    shape = net.shapes.get(node.output[0], ())
    return math.prod(shape) == max(shape, default=1)
