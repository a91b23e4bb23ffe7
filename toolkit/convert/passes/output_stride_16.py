"""The atrous layers put back to output stride 16.

Networks are made for stride 32; DeepLab leaves out strides and dilates what follows instead. The
layer before the first dilated one gets its stride of 2 again, and dilations behind it are halved:
the same weights see the same pixels, on a quarter of the positions. A decoder goes on at its own
stride. Applies at stride 8, once the pooled branch is a bias (`pooled_bias`); the crop has to be
16k + 1.

May change labels: features are computed at every sixteenth pixel, so thin limbs are lost first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.convert.deeplab import DeepLab

if TYPE_CHECKING:
    from onnx import NodeProto

FROM, TO = 8, 16


def output_stride_16(net: DeepLab) -> None:
    """Restore the last stride that was left out first."""
    if net.output_stride != FROM or any((side - 1) % TO for side in net.crop):
        net.refuse(
            f"output stride {FROM} and a crop of {TO}k + 1",
            f"output stride {net.output_stride}, crop {net.crop[1]}x{net.crop[0]}",
        )
    spatial = [
        node
        for node in net.spatial_convolutions()
        if net.stride_of(node.output[0]) == FROM or net.dilation(node) > 1
    ]
    dilated = [place for place, node in enumerate(spatial) if net.dilation(node) > 1]
    if not dilated or dilated[0] == 0:
        net.refuse("dilated convolutions behind one that is not", "none")
    strided = spatial[dilated[0] - 1]
    between = net.ancestors(spatial[dilated[0]].input[0], strided.output[0])
    # A sum of what comes before the stride and after it would be of two sizes.
    around = [
        node
        for node in between
        if node.op_type in ("Add", "Concat")
        and any(_reaches(net, way, strided) is False for way in node.input)
    ]
    if around or list(net.attribute(strided, "strides", [1, 1])) != [1, 1]:
        net.refuse(
            "a convolution of stride 1 without a residual connection before the first dilated one",
            f"{strided.name} with one" if around else f"{strided.name} of another stride",
        )
    _refuse_enlarged_points(net)
    for node in spatial[dilated[0] :]:
        dilation = net.dilation(node)
        if dilation % 2:
            net.refuse("even dilations behind the first one", str(dilation))
        kernel = net.weights(node).shape[2:]
        net.set_attribute(node, "dilations", [dilation // 2] * 2)
        net.set_attribute(node, "auto_pad", None)
        reach = [(side - 1) * (dilation // 2) // 2 for side in kernel]
        net.set_attribute(node, "pads", reach * 2)
    net.set_attribute(strided, "strides", [2, 2])
    net.infer_shapes()
    stride = net.stride_of(net.logits)
    if stride is None:
        net.refuse("logits at the strided layers' stride or a decoder's", "others")
    net.stride = stride
    net.find_output_stride()


def _refuse_enlarged_points(net: DeepLab) -> None:
    """Refuse a pooled branch that is enlarged to the map's old size."""
    for node in net.ancestors(net.logits, net.entry):
        if net.is_linear_resize(node) and net.stride_of(node.input[0]) is None:
            net.refuse(
                "a pooled branch without the map's size (pooled_bias before output_stride_16)",
                f"one enlarged from {net.shape(node.input[0])[2:]}",
            )


def _reaches(net: DeepLab, name: str, node: NodeProto) -> bool | None:
    """Whether a computed tensor depends on a node; None of a constant."""
    if net.producer(name) is None:
        return None
    return any(found.output[0] == node.output[0] for found in net.ancestors(name, net.entry))
