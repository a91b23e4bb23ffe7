"""From the backbone's maps to logits: ASPP, image-level feature, decoder, last layer."""

from __future__ import annotations

from typing import Any

from tests.zoo.export import Export, scaled_size
from tests.zoo.layers import Layers

_CHANNELS = 16
_SKIP_CHANNELS = 6
_EPSILON = 1e-5


def add_head(
    layers: Layers, x: Any, maps: dict[int, Any], export: Export, crop: tuple[int, int]
) -> Any:
    """Add everything between the backbone and the logits.

    Parameters
    ----------
    layers : Layers
        Where weights come from.
    x : Tensor
        The backbone's last map.
    maps : dict
        Earlier maps by their stride, for the decoder.
    export : Export
        The options.
    crop : tuple of int
        (height, width) that this run of the network sees: the export's, times a scale.

    Returns
    -------
    Tensor
        (1, rows, columns, labels) float32.
    """
    x = _pyramid(layers, x, export, crop)
    if export.decoder_stride is not None:
        size = list(scaled_size(crop, 1 / export.decoder_stride))
        with layers.scope("decoder"):
            skip = maps[export.decoder_stride]
            if export.decoder_is_logits:
                return _summed(layers, x, skip, export.labels, size)
            x = _decoded(layers, x, skip, size, separable=export.separable)
    with layers.scope("logits"):
        return layers.logits(x, export.labels, "semantic")


def _pyramid(layers: Layers, x: Any, export: Export, crop: tuple[int, int]) -> Any:
    """Add the parallel branches and what joins them."""
    tf = layers.tf
    feature = _image_feature(layers, x, export, crop)
    branches = [] if feature is None or export.gate else [feature]
    branches.append(
        layers.convolution(x, _CHANNELS, 1, "aspp0", epsilon=_EPSILON, activation="relu")
    )
    for number, rate in enumerate(export.atrous_rates, 1):
        name = f"aspp{number}"
        if export.separable:
            branch, _ = layers.separable(
                x, _CHANNELS, name, rate=rate, epsilon=_EPSILON, activation="relu"
            )
        else:
            branch = layers.convolution(
                x, _CHANNELS, 3, name, rate=rate, epsilon=_EPSILON, activation="relu"
            )
        branches.append(branch)
    x = tf.concat(branches, 3)
    if export.concat_projection:
        x = layers.convolution(
            x, _CHANNELS, 1, "concat_projection", epsilon=_EPSILON, activation="relu"
        )
        with layers.scope("concat_projection_dropout"):
            x = tf.identity(x, name="Identity")
    if feature is not None and export.gate:
        x = tf.multiply(x, feature, name="mul")
    return x


def _image_feature(layers: Layers, x: Any, export: Export, crop: tuple[int, int]) -> Any:
    """Add the image-level feature, enlarged to the map; None where the export has none."""
    tf = layers.tf
    size: Any
    if export.image_pooling == "none":
        return None
    if export.image_pooling == "mean":
        shape = tf.compat.v1.shape(x)
        size = [shape[1], shape[2]]
        pooled = tf.reduce_mean(x, axis=[1, 2], keepdims=True)
    else:
        size = list(scaled_size(crop, 1 / export.output_stride))
        kernel = scaled_size(export.pooling_crop or crop, 1 / export.output_stride)
        with layers.scope("AvgPool2D"):
            pooled = tf.nn.avg_pool2d(
                x, kernel, export.pooling_stride or kernel, "VALID", name="AvgPool"
            )
    feature = layers.convolution(
        pooled,
        _CHANNELS,
        1,
        "image_pooling",
        epsilon=None if export.gate else _EPSILON,
        activation=export.gate or "relu",
    )
    feature = layers.resize(feature, size)
    feature.set_shape([1, x.shape[1], x.shape[2], _CHANNELS])
    return feature


def _decoded(layers: Layers, x: Any, skip: Any, size: list[int], *, separable: bool) -> Any:
    """Add a decoder that concatenates a projected earlier map."""
    skip = layers.convolution(
        skip, _SKIP_CHANNELS, 1, "feature_projection0", epsilon=_EPSILON, activation="relu"
    )
    # the earlier map has this size: the exporter resizes it all the same
    x = layers.tf.concat([layers.resize(x, size), layers.resize(skip, size)], 3)
    for number in range(2):
        if separable:
            x, _ = layers.separable(
                x, _CHANNELS, f"decoder_conv{number}", epsilon=_EPSILON, activation="relu"
            )
        else:
            with layers.scope("decoder_conv0"):
                x = layers.convolution(
                    x,
                    _CHANNELS,
                    3,
                    f"decoder_conv0_{number + 1}",
                    epsilon=_EPSILON,
                    activation="relu",
                )
    return x


def _summed(layers: Layers, x: Any, skip: Any, labels: int, size: list[int]) -> Any:
    """Add a decoder whose output, a sum of two 1x1 layers, is the logits."""
    skip = layers.logits(skip, labels, "feature_projection0")
    x, skip = layers.resize(x, size), layers.resize(skip, size)
    total = layers.add(layers.logits(x, labels, "decoder_conv0"), skip)
    with layers.tf.compat.v1.get_default_graph().name_scope(None):
        return layers.tf.identity(total, name="semantic")
