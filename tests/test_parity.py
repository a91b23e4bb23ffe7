"""Comparisons of label maps and masks, and the near-tie rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from toolkit.parity import (
    NEAR_TIE,
    PhotoParity,
    Thresholds,
    compare_label_maps,
    compare_masks,
    mask_iou,
    shortfall,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)


@st.composite
def label_map_pairs(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shape = draw(SHAPES)
    maps = hnp.arrays(np.int64, shape, elements=st.integers(0, 4))
    return draw(maps), draw(maps)


@given(label_map_pairs())
def test_the_counts_are_those_of_a_pixel_by_pixel_look(
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    one, other = pair
    found = compare_label_maps(one, other)
    differing = sum(a != b for a, b in zip(one.flat, other.flat, strict=True))
    assert found.differing == differing == found.beyond
    assert found.agreement == pytest.approx(1 - differing / one.size)
    assert found.passed == (differing == 0)
    assert set(found.class_iou) == set(one.flat) | set(other.flat)


@given(label_map_pairs(), st.data())
def test_exactly_the_differences_with_a_small_margin_are_excused(
    pair: tuple[NDArray[np.int64], NDArray[np.int64]], data: st.DataObject
) -> None:
    one, other = pair
    margins = data.draw(
        hnp.arrays(
            np.float32,
            one.shape,
            elements=st.sampled_from([0.0, NEAR_TIE / 2, NEAR_TIE * 1.01, 5.0]).map(np.float32),
        )
    )
    found = compare_label_maps(one, other, margins)
    differs, near = one != other, margins < NEAR_TIE
    assert found.near_ties == np.count_nonzero(differs & near)
    assert found.beyond == np.count_nonzero(differs & ~near)
    assert found.passed == (not np.any(differs & ~near))


def test_a_margin_of_the_limit_itself_is_no_near_tie() -> None:
    one, other = np.zeros((1, 1), np.int64), np.ones((1, 1), np.int64)
    assert not compare_label_maps(one, other, np.full((1, 1), NEAR_TIE)).passed


def test_maps_of_other_sizes_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes"):
        compare_label_maps(np.zeros((2, 2), np.int64), np.zeros((2, 3), np.int64))
    with pytest.raises(ValueError, match="sizes"):
        compare_label_maps(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))


@given(hnp.arrays(np.bool_, SHAPES))
def test_iou_of_a_mask_with_itself_is_one_and_with_its_inverse_zero(
    mask: NDArray[np.bool_],
) -> None:
    assert mask_iou(mask, mask) == 1.0
    assert mask_iou(mask, ~mask) == 0.0


def test_differences_are_told_apart_by_their_distance_to_the_edge() -> None:
    reference = np.zeros((60, 60), np.uint8)
    reference[10:30, 10:30] = 255
    candidate = reference.copy()
    candidate[10, 10] = 0  # on the edge
    candidate[55, 55] = 255  # far from it
    found = compare_masks(reference, candidate, band=4)
    assert (found.inside_band, found.outside_band) == (1, 1)
    assert found.iou == pytest.approx(399 / 401)


def test_two_empty_masks_agree() -> None:
    empty = np.zeros((4, 4), np.uint8)
    found = compare_masks(empty, empty)
    assert (found.iou, found.inside_band, found.outside_band) == (1.0, 0, 0)


def test_a_mask_without_an_edge_has_no_band() -> None:
    empty = np.zeros((4, 4), np.uint8)
    assert compare_masks(empty, np.full((4, 4), 255, np.uint8)).outside_band == 16


def test_a_mean_agreement_is_asked_of_all_photos_together() -> None:
    zeros, ones = np.zeros((4, 4), np.int64), np.ones((4, 4), np.int64)
    mask = compare_masks(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    same, other = (
        PhotoParity(compare_label_maps(zeros, found), mask, (4, 4), (4, 4), 0)
        for found in (zeros, ones)
    )
    half = Thresholds(mean_agreement=0.5)
    assert shortfall([same, other], half) is None
    assert shortfall([same, other, other], half) is not None
    assert shortfall([same, other], Thresholds()) == "FAILED on 1 of 2 photos"
