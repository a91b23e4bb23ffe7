"""From the photo to what the network sees: resize to fit, pad, scale to -1..1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.zoo.export import Export
from toolkit.graphs import import_tensorflow


class Prepared(NamedTuple):
    """The network's input and the sizes that postprocessing needs.

    Attributes
    ----------
    image : Tensor
        (1, height, width, 3) float32, of the crop's size.
    photo_size : Tensor
        (height, width) of the photo, int32.
    fitted_size : Tensor
        (height, width) of the photo inside the crop, int32.
    """

    image: Any
    photo_size: Any
    fitted_size: Any


def prepare(photo: Any, export: Export) -> Prepared:
    """Add the preprocessing of the export's layout.

    Parameters
    ----------
    photo : Tensor
        (1, height, width, 3) uint8.
    export : Export
        The options.
    """
    tf = import_tensorflow()
    photo_size = tf.compat.v1.shape(photo, name="Shape")[1:3]
    image = tf.cast(tf.squeeze(photo, [0], name="Squeeze"), tf.float32, name="Cast")
    if export.layout == "2018":
        image, fitted_size = _fit_longer_side(tf, image, photo_size, export.max_resize)
        image = _pad_rank_3(tf, image, fitted_size, export)
    else:
        if export.min_resize is not None or export.max_resize is not None:
            image = _resize_to_range(tf, image, export)
            image_as_resized = tf.identity(image, name="Identity")
        else:
            image_as_resized = image
        image = _pad_rank_4(tf, image, export)
        fitted_size = tf.compat.v1.shape(image_as_resized)[:2]
    image.set_shape([*export.crop, 3])
    return Prepared(tf.expand_dims(image, 0), photo_size, fitted_size)


def normalize(image: Any, export: Export) -> Any:
    """Add what the backbone does to pixels first."""
    tf = import_tensorflow()
    if export.subtracts_mean:
        return image - tf.reshape(tf.constant(export.padding_color), [1, 1, 1, 3])
    return tf.constant(2 / 255) * image - tf.constant(1.0)


def _fit_longer_side(tf: Any, image: Any, size: Any, longer: int | None) -> tuple[Any, Any]:
    """Resize as the archives of 2018 do: sizes are rounded down, but never to 0."""
    if longer is None:
        return image, tf.compat.v1.shape(image)[:2]
    ratio = tf.constant(float(longer)) / tf.cast(tf.reduce_max(size), tf.float32)
    fitted = tf.maximum(tf.cast(tf.cast(size, tf.float32) * ratio, tf.int32), 1)
    return _resized(tf, image, fitted), fitted


def _resize_to_range(tf: Any, image: Any, export: Export) -> Any:
    """Resize as the script of 2020 does: to the shorter side, unless the longer gets too long."""
    with tf.compat.v1.name_scope("resize_to_range"):
        shortest = tf.cast(export.min_resize or export.max_resize, tf.float32)
        height, width, _ = tf.unstack(tf.compat.v1.shape(image))
        height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
        size = _sides(tf, height, width, shortest / tf.minimum(height, width))
        factor = export.resize_factor
        if export.max_resize is not None:
            longest = tf.cast(export.max_resize, tf.float32)
            if factor is not None:
                longest += (factor - (longest - 1) % factor) % factor - factor
            smaller = _sides(tf, height, width, longest / tf.maximum(height, width))
            larger = size
            with _control_flow(tf, export.control_flow):
                size = tf.compat.v1.cond(
                    tf.cast(tf.reduce_max(larger), tf.float32) > longest,
                    lambda: smaller,
                    lambda: larger,
                )
        if factor is not None:
            size += (factor - (size - 1) % factor) % factor
        return _resized(tf, image, size)


def _sides(tf: Any, height: Any, width: Any, ratio: Any) -> Any:
    return tf.stack([tf.cast(tf.math.ceil(side * ratio), tf.int32) for side in (height, width)])


def _resized(tf: Any, image: Any, size: Any) -> Any:
    resized = tf.raw_ops.ResizeBilinear(
        images=tf.expand_dims(image, 0), size=size, align_corners=True
    )
    return tf.squeeze(resized, [0])


@contextmanager
def _control_flow(tf: Any, kind: str) -> Iterator[None]:
    """Have ``cond`` write Switch and Merge ("v1"), or a node with functions."""
    before = tf.compat.v1.control_flow_v2_enabled()
    choose = {
        True: tf.compat.v1.enable_control_flow_v2,
        False: tf.compat.v1.disable_control_flow_v2,
    }
    choose[kind != "v1"]()
    try:
        yield
    finally:
        choose[before]()


def _pad_rank_3(tf: Any, image: Any, fitted: Any, export: Export) -> Any:
    """Pad as the archives of 2018 do, four Asserts tied in by control inputs."""
    height, width = export.crop
    color = export.padding_color[0] if not export.subtracts_mean else export.padding_color
    right_rank = tf.equal(tf.rank(image), 3)
    with tf.control_dependencies([_assertion(tf, right_rank, "Wrong rank", 3, tf.rank(image))]):
        image = image - tf.constant(color)
    fits = tf.constant(width) >= fitted[1]
    with tf.control_dependencies([_assertion(tf, fits, "target_width must be >= width")]):
        right = tf.constant(width) - fitted[1]
    fits = tf.constant(height) >= fitted[0]
    with tf.control_dependencies([_assertion(tf, fits, "target_height must be >= height")]):
        below = tf.constant(height) - fitted[0]
    fits = tf.logical_and(right >= 0, below >= 0)
    with tf.control_dependencies([_assertion(tf, fits, "target size not possible")]):
        paddings = tf.stack([tf.stack([0, below]), tf.stack([0, right]), tf.constant([0, 0])])
    return tf.pad(image, paddings) + tf.constant(color)


def _pad_rank_4(tf: Any, image: Any, export: Export) -> Any:
    """Pad as the script of 2020 does: to the crop, or to the photo where that is larger."""
    height, width, _ = tf.unstack(tf.compat.v1.shape(image))
    to_height = height + tf.maximum(tf.constant(export.crop[0]) - height, 0)
    to_width = width + tf.maximum(tf.constant(export.crop[1]) - width, 0)
    color = tf.reshape(tf.constant(export.padding_color), [1, 1, 3])
    with tf.compat.v1.name_scope("pad_to_bounding_box"):
        right_rank = tf.logical_or(tf.equal(tf.rank(image), 3), tf.equal(tf.rank(image), 4))
        with tf.control_dependencies([_assertion(tf, right_rank, "Wrong image tensor rank.")]):
            image = image - color
        image = tf.expand_dims(image, 0)
        _, height, width, _ = tf.unstack(tf.compat.v1.shape(image))
        fits = _assertion(tf, to_width >= width, "target_width must be >= width")
        with tf.control_dependencies([fits]):
            right = to_width - 0 - width
        fits = _assertion(tf, to_height >= height, "target_height must be >= height")
        with tf.control_dependencies([fits]):
            below = to_height - 0 - height
        possible = tf.logical_and(right >= 0, below >= 0)
        ends = [[0, 0], [0, below], [0, right], [0, 0]]
        ends = [tf.stack(pair) for pair in ends]
        with tf.control_dependencies(
            [_assertion(tf, possible, "target size not possible with the given target offsets")]
        ):
            paddings = tf.stack(ends)
        return tf.squeeze(tf.pad(image, paddings), [0]) + color


def _assertion(tf: Any, condition: Any, *data: Any) -> Any:
    return tf.compat.v1.Assert(condition, list(data))
