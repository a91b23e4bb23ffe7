"""What one export is made of: the options of DeepLab's export script, and which script wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Backbone = Literal[
    "mobilenet_v2",
    "mobilenet_v3_large_seg",
    "mobilenet_v3_small_seg",
    "resnet_v1_50",
    "resnet_v1_50_beta",
    "xception_41",
    "xception_65",
    "xception_71",
]


@dataclass(frozen=True)
class Export:
    """The options of one export.

    Attributes
    ----------
    backbone : str
        As ``model_variant`` names it.
    crop : tuple of int
        (height, width) that the network runs on, pixels.
    labels : int
        Number of labels.
    output_stride : int
        Pixels of the crop for each pixel of the backbone's last map: 8, 16 or 32.
    decoder_stride : int or None
        Pixels of the crop for each pixel of the decoder's map: 4, 8 or 16. None: no decoder.
    atrous_rates : tuple of int
        Rates of the ASPP branches; empty: the 1x1 branch alone.
    image_pooling : str
        "average": AvgPool with a constant kernel; "mean": Mean over the map, as an export without a
        crop size has it; "none": no image-level feature.
    pooling_crop : tuple of int or None
        Crop whose map is the kernel of the average. None: `crop`.
    pooling_stride : tuple of int or None
        Strides of the average. None: as large as the kernel.
    gate : str or None
        "sigmoid" or "hard_sigmoid": the image-level feature multiplies the others instead of being
        concatenated with them. None: concatenated.
    concat_projection : bool
        Whether a 1x1 layer follows the concatenated branches.
    separable : bool
        Whether ASPP and decoder use separable layers.
    decoder_is_logits : bool
        Whether the decoder sums two 1x1 layers and its output is the logits.
    upsampled_logits : bool
        Whether logits are enlarged before ArgMax. False: labels are enlarged after it.
    layout : str
        "2018" or "2020": the archives of 2018, or the script as it was in 2020.
    control_flow : str
        How the resize is chosen in the layout of 2020. "v1": Switch and Merge; "v2": StatelessIf
        with functions; "v2_if": If with functions.
    min_resize, max_resize : int or None
        Sides that the photo is resized to fit, pixels. Both None: no resize in the graph. The
        layout of 2018 fits the longer side to `max_resize`.
    resize_factor : int or None
        Resized sides are multiples of it plus one.
    scales : tuple of float
        Scales that probabilities are averaged over.
    flipped : bool
        Whether the mirrored photo counts too. The script passes it over where `scales` is (1.0,).
    quantization_aware : bool
        Whether the export has folded batch norms and FakeQuant nodes.
    width : float
        Depth multiplier of the backbone.
    full_depth : bool
        Whether the backbone has all its blocks. False: each stage is cut short.
    dilations : str
        "batch": an atrous convolution is a convolution between SpaceToBatchND and BatchToSpaceND;
        "attribute": it is one node, as TensorFlow 2 writes it. Depthwise layers have the former.
    output_shapes : bool
        Whether nodes carry the shapes known when the graph was built.
    """

    backbone: Backbone = "mobilenet_v2"
    crop: tuple[int, int] = (257, 257)
    labels: int = 21
    output_stride: int = 16
    decoder_stride: int | None = None
    atrous_rates: tuple[int, ...] = ()
    image_pooling: Literal["average", "mean", "none"] = "average"
    pooling_crop: tuple[int, int] | None = None
    pooling_stride: tuple[int, int] | None = None
    gate: Literal["sigmoid", "hard_sigmoid"] | None = None
    concat_projection: bool = True
    separable: bool = True
    decoder_is_logits: bool = False
    upsampled_logits: bool = True
    layout: Literal["2018", "2020"] = "2020"
    control_flow: Literal["v1", "v2", "v2_if"] = "v1"
    min_resize: int | None = None
    max_resize: int | None = None
    resize_factor: int | None = None
    scales: tuple[float, ...] = (1.0,)
    flipped: bool = False
    quantization_aware: bool = False
    width: float = 1.0
    full_depth: bool = False
    dilations: Literal["batch", "attribute"] = "batch"
    output_shapes: bool = False

    @property
    def subtracts_mean(self) -> bool:
        """Whether preprocessing subtracts ImageNet's mean; otherwise pixels become -1 to 1."""
        return self.backbone == "resnet_v1_50"

    @property
    def padding_color(self) -> tuple[float, float, float]:
        """RGB value of the padding, which preprocessing turns into 0."""
        return (123.15, 115.90, 103.06) if self.subtracts_mean else (127.5, 127.5, 127.5)


def scaled(side: int, scale: float) -> int:
    """Return a side at a scale, corners kept aligned: 513 at 1/8 is 65."""
    return int((side - 1) * scale + 1)


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return (height, width) at a scale, corners kept aligned."""
    return scaled(size[0], scale), scaled(size[1], scale)
