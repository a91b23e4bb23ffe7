"""The named members of the family: each is an export with a structure that others lack."""

from __future__ import annotations

import functools
from dataclasses import replace

from tests.zoo.export import Export
from tests.zoo.exporter import build, serialize

_FITTED = Export(min_resize=257, max_resize=257)
_CITYSCAPES = Export(crop=(513, 1025), labels=19)
_LARGE = replace(
    _CITYSCAPES,
    backbone="mobilenet_v3_large_seg",
    output_stride=32,
    decoder_stride=8,
    pooling_crop=(385, 385),
    pooling_stride=(4, 5),
    gate="hard_sigmoid",
    concat_projection=False,
    decoder_is_logits=True,
)
_SMALL = replace(
    _LARGE,
    backbone="mobilenet_v3_small_seg",
    crop=(257, 257),
    pooling_crop=None,
    pooling_stride=None,
    min_resize=257,
    max_resize=257,
    labels=21,
)
_XCEPTION = replace(_FITTED, backbone="xception_65", atrous_rates=(6, 12, 18), decoder_stride=4)
_RESNET = replace(_XCEPTION, backbone="resnet_v1_50_beta")

FAMILY: dict[str, Export] = {
    # the zoo's MobileNetV2: no ASPP branches, an image-level feature, no decoder
    "mnv2_257": _FITTED,
    "mnv2_513_os8": replace(
        _FITTED, crop=(513, 513), output_stride=8, min_resize=513, max_resize=513
    ),
    "mnv2_513_os8_2018": replace(
        _FITTED, crop=(513, 513), output_stride=8, max_resize=513, min_resize=None, layout="2018"
    ),
    "mnv2_dm05_321_2018": replace(
        _FITTED, crop=(321, 321), width=0.5, max_resize=321, min_resize=None, layout="2018"
    ),
    "mnv2_dm05_321_os8_two_labels": replace(
        _FITTED,
        crop=(321, 321),
        width=0.5,
        output_stride=8,
        labels=2,
        min_resize=321,
        max_resize=321,
    ),
    "mnv2_cityscapes": _CITYSCAPES,
    "mnv2_ade20k_aspp": replace(_FITTED, labels=151, atrous_rates=(6, 12, 18)),
    "mnv2_all_blocks": replace(_FITTED, full_depth=True, output_stride=8),
    # heads
    "mnv2_mean_pooling": replace(_FITTED, image_pooling="mean"),
    "mnv2_no_pooling": replace(_FITTED, image_pooling="none"),
    "mnv2_decoder": replace(_FITTED, decoder_stride=4, separable=False),
    "mnv2_labels_enlarged": replace(_FITTED, upsampled_logits=False),
    # how the script wrote it
    "mnv2_no_resize": Export(),
    "mnv2_shorter_side": replace(_FITTED, crop=(321, 321), min_resize=193, max_resize=321),
    "mnv2_resize_factor": replace(_FITTED, max_resize=255, resize_factor=16),
    "mnv2_stateless_if": replace(_FITTED, control_flow="v2"),
    "mnv2_if": replace(_FITTED, control_flow="v2_if"),
    "mnv2_output_shapes": replace(_FITTED, output_shapes=True),
    # averaged probabilities
    "mnv2_flipped": replace(_FITTED, scales=(1.0, 1.25), flipped=True),
    "mnv2_multi_scale": replace(_FITTED, scales=(0.5, 1.0, 1.5)),
    # quantization-aware training
    "mnv2_quantized": replace(_FITTED, quantization_aware=True),
    "mnv2_quantized_os8": replace(_FITTED, quantization_aware=True, output_stride=8),
    # MobileNetV3
    "mnv3_large_cityscapes": _LARGE,
    "mnv3_large_os16": replace(
        _LARGE,
        crop=(321, 321),
        output_stride=16,
        pooling_crop=None,
        pooling_stride=None,
        gate="sigmoid",
        min_resize=321,
        max_resize=321,
        labels=21,
    ),
    "mnv3_small": _SMALL,
    "mnv3_small_os16": replace(_SMALL, output_stride=16),
    # Xception
    "xception_41": replace(_XCEPTION, backbone="xception_41"),
    "xception_65_os8": replace(_XCEPTION, output_stride=8, atrous_rates=(12, 24, 36)),
    "xception_65_2018": replace(_XCEPTION, layout="2018", min_resize=None),
    "xception_71": replace(_XCEPTION, backbone="xception_71", labels=19),
    # ResNet
    "resnet_beta": _RESNET,
    "resnet_beta_os8": replace(_RESNET, output_stride=8, atrous_rates=(12, 24, 36)),
    "resnet_mean_pixel": replace(_RESNET, backbone="resnet_v1_50", separable=False),
    "resnet_beta_dilations": replace(
        _RESNET, output_stride=8, separable=False, dilations="attribute"
    ),
}


@functools.cache
def member(name: str) -> bytes:
    """Return the serialized graph of a member; each is built once in a process."""
    return serialize(build(FAMILY[name]))
