"""Passes that may change labels: what they keep, and what they refuse."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.convert.networks import CROP, LABELS, Runner, fits, photo, raw_model, transformed
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes import PASSES
from toolkit.errors import ConversionError

pytestmark = pytest.mark.tensorflow

HEAD = ("lean_input", "pooled_bias")


def settings(model: onnx.ModelProto, key: str) -> list[int]:
    """An attribute of the convolutions wider than a pixel, in their order."""
    wide = {tensor.name for tensor in model.graph.initializer if list(tensor.dims)[2:] == [3, 3]}
    return [
        next(entry.ints[0] for entry in node.attribute if entry.name == key)
        for node in model.graph.node
        if node.op_type == "Conv" and node.input[1] in wide
    ]


def test_output_stride_16_restores_a_stride_and_halves_what_follows() -> None:
    before = transformed(raw_model(), *HEAD)
    after = transformed(raw_model(), *HEAD, "output_stride_16", "labels_on_photo")
    assert settings(before, "strides") == [2, 2, 2, 1, 1, 1]
    assert settings(after, "strides") == [2, 2, 2, 2, 1, 1]
    assert settings(before, "dilations") == [1, 1, 1, 1, 2, 4]
    assert settings(after, "dilations") == [1, 1, 1, 1, 1, 2]


def test_at_stride_16_every_other_pixel_of_the_logits_is_where_it_was() -> None:
    """On one color nothing is lost but at the borders: the middle's logits stay."""
    image = np.full((CROP, CROP, 3), (200, 60, 40), np.uint8)
    names = (*HEAD, "output_stride_16", "labels_on_photo")
    before, after = Runner(transformed(raw_model())), Runner(transformed(raw_model(), *names))
    middle = slice(40, 57), slice(40, 57)
    np.testing.assert_allclose(
        after.enlarged_logits(image)[:, *middle],
        before.enlarged_logits(image)[:, *middle],
        atol=0.3,
    )


def test_output_stride_16_refuses_a_stride_within_a_residual_block() -> None:
    net = DeepLab(raw_model(residual=True), (CROP, CROP))
    with pytest.raises(ConversionError, match="without a residual connection"):
        PASSES["output_stride_16"](net)


def test_output_stride_16_refuses_a_crop_off_its_grid_and_a_second_time() -> None:
    net = DeepLab(raw_model(crop=89), (89, 89))
    with pytest.raises(
        ConversionError, match=r"a crop of 16k \+ 1; found output stride 8, crop 89x89"
    ):
        PASSES["output_stride_16"](net)
    net = DeepLab(raw_model(), (CROP, CROP))
    PASSES["pooled_bias"](net)
    PASSES["output_stride_16"](net)
    with pytest.raises(ConversionError, match="found output stride 16"):
        PASSES["output_stride_16"](net)


@pytest.mark.parametrize("size", [(1, 1), (54, 97), (97, 40), (7, 300), (97, 97)])
def test_fit_area_computes_no_more_than_the_photo_needs(size: tuple[int, int]) -> None:
    model = transformed(raw_model(), *HEAD, "fit_area", "labels_on_photo")
    image = photo(*size)
    rows, columns = (-(-(side - 1) // 8) * 8 + 1 for side in fits(*size))
    logits = Runner(model).enlarged_logits(image)
    assert logits.shape == (LABELS, rows, columns)
    assert Runner(model).labels(image).shape == size


def test_fit_area_changes_nothing_where_the_photo_fills_the_crop() -> None:
    image = photo(CROP, CROP)
    model = transformed(raw_model(), *HEAD, "fit_area", "labels_on_photo")
    np.testing.assert_allclose(
        Runner(model).enlarged_logits(image),
        Runner(transformed(raw_model())).enlarged_logits(image),
        atol=2e-4,
    )


def test_fit_area_asks_for_what_has_to_come_first() -> None:
    net = DeepLab(raw_model(), (CROP, CROP))
    with pytest.raises(ConversionError, match="pooled_bias before fit_area"):
        PASSES["fit_area"](net)
    net = DeepLab(raw_model(), (CROP, CROP))
    PASSES["pooled_bias"](net)
    with pytest.raises(ConversionError, match="lean_input before fit_area"):
        PASSES["fit_area"](net)


@pytest.mark.parametrize("subject", [0, 3, 15])
def test_the_margins_mask_is_within_the_subjects_and_meets_it_at_the_logits(subject: int) -> None:
    whole, one = (
        Runner(transformed(raw_model(residual=True), name))
        for name in ("labels_on_photo", "subject_margin")
    )
    image = photo(CROP, CROP, seed=2)
    labels, mask = whole.labels(image), one.labels(image, subject)
    assert set(np.unique(mask)) <= {subject, int(subject == 0)}
    assert not ((mask == subject) & (labels != subject)).any()
    logits = whole.enlarged_logits(image)[:, ::8, ::8]
    best = np.partition(logits, -2, axis=0)[-2:]
    clear = best[1] - best[0] > 1e-3
    np.testing.assert_array_equal(
        (mask[::8, ::8] == subject)[clear], (labels[::8, ::8] == subject)[clear]
    )
