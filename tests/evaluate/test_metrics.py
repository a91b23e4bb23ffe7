"""Metrics, held against naive implementations that share no code with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from toolkit.evaluate.metrics import TOLERANCE, boundary_f, confusion, count_pixels

BoolMask = NDArray[np.bool_]


@st.composite
def masks(draw: st.DrawFn, count: int, longest: int = 9) -> list[BoolMask]:
    """Masks of one size."""
    shape = draw(st.tuples(st.integers(1, longest), st.integers(1, longest)))
    return [draw(hnp.arrays(bool, shape)) for _ in range(count)]


def pixels(mask: BoolMask) -> set[tuple[int, int]]:
    return {(y, x) for y in range(mask.shape[0]) for x in range(mask.shape[1]) if mask[y, x]}


def naive_contour(mask: BoolMask, ignored: BoolMask) -> set[tuple[int, int]]:
    """Pixels of the mask with one of four neighbors judged and outside of it."""
    everything, own = pixels(np.ones_like(mask)), pixels(mask & ~ignored)
    others = everything - own - pixels(ignored)
    return {(y, x) for y, x in own if {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)} & others}


def naive_boundary_f(
    truth: BoolMask, found: BoolMask, ignored: BoolMask, tolerance: float
) -> float:
    reach = tolerance * math.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)
    void = pixels(ignored)

    def near(point: tuple[int, int], points: set[tuple[int, int]]) -> bool:
        return any(math.dist(point, other) <= reach for other in points)

    def share(one: set[tuple[int, int]], other: set[tuple[int, int]]) -> float:
        judged = [point for point in one if not near(point, void)]
        return sum(near(point, other) for point in judged) / len(judged) if judged else 1.0

    true, seen = naive_contour(truth, ignored), naive_contour(found, ignored)
    precision, recall = share(seen, true), share(true, seen)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# Distances between pixels are roots of whole numbers: these tolerances meet none of them exactly.
tolerances = st.sampled_from([TOLERANCE, 0.0713, 0.1531, 0.3137])


@given(masks(3))
def test_counts_are_those_of_sets_of_pixels(drawn: list[BoolMask]) -> None:
    truth, found, ignored = drawn
    judged = pixels(~ignored)
    true, seen = pixels(truth) & judged, pixels(found) & judged
    counts = count_pixels(truth, found, ignored)
    assert counts.true_positives == len(true & seen)
    assert counts.false_positives == len(seen - true)
    assert counts.false_negatives == len(true - seen)
    assert counts.true_negatives == len(judged - true - seen)
    union = true | seen
    assert counts.iou == (len(true & seen) / len(union) if union else 1.0)
    rest = judged - true
    assert counts.false_positive_share == (len(seen - true) / len(rest) if rest else 0.0)


@given(masks(3))
def test_iou_is_symmetric_between_0_and_1_and_1_for_equal_masks(drawn: list[BoolMask]) -> None:
    truth, found, ignored = drawn
    iou = count_pixels(truth, found, ignored).iou
    assert iou == count_pixels(found, truth, ignored).iou
    assert 0 <= iou <= 1
    assert count_pixels(truth, truth, ignored).iou == 1
    assert (iou == 1) == bool(np.array_equal(truth & ~ignored, found & ~ignored))


@given(masks(4), tolerances)
def test_what_is_found_in_ignored_pixels_changes_nothing(
    drawn: list[BoolMask], tolerance: float
) -> None:
    truth, found, ignored, noise = drawn
    other_truth, other_found = (np.where(ignored, noise, mask) for mask in (truth, found))
    assert count_pixels(truth, found, ignored) == count_pixels(other_truth, other_found, ignored)
    score = boundary_f(truth, found, ignored, tolerance=tolerance)
    assert score == boundary_f(other_truth, other_found, ignored, tolerance=tolerance)


@given(masks(3), tolerances)
def test_the_boundary_score_is_that_of_pixels_counted_one_by_one(
    drawn: list[BoolMask], tolerance: float
) -> None:
    truth, found, ignored = drawn
    expected = naive_boundary_f(truth, found, ignored, tolerance)
    assert boundary_f(truth, found, ignored, tolerance=tolerance) == pytest.approx(expected)


@given(masks(3), tolerances)
def test_the_boundary_score_is_symmetric_between_0_and_1_and_1_for_equal_masks(
    drawn: list[BoolMask], tolerance: float
) -> None:
    truth, found, ignored = drawn
    score = boundary_f(truth, found, ignored, tolerance=tolerance)
    assert score == pytest.approx(boundary_f(found, truth, ignored, tolerance=tolerance))
    assert 0 <= score <= 1
    assert boundary_f(truth, truth, ignored, tolerance=tolerance) == 1


@given(masks(2), tolerances)
def test_a_wider_tolerance_never_lowers_the_boundary_score(
    drawn: list[BoolMask], tolerance: float
) -> None:
    truth, found = drawn
    narrow = boundary_f(truth, found, tolerance=tolerance)
    assert narrow <= boundary_f(truth, found, tolerance=2 * tolerance) + 1e-12


def test_a_contour_within_the_tolerance_is_right_and_one_beyond_is_wrong() -> None:
    truth = np.zeros((600, 800), bool)  # its diagonal is 1000, so 7.5 pixels agree
    truth[:, :400] = True
    for shift, expected in ((7, 1.0), (8, 0.0)):
        found = np.zeros_like(truth)
        found[:, : 400 + shift] = True
        assert boundary_f(truth, found) == expected


def test_the_pictures_own_edge_is_no_contour() -> None:
    everything = np.ones((30, 40), bool)
    assert boundary_f(everything, everything) == 1
    inside = everything.copy()
    inside[0] = False
    assert boundary_f(everything, inside) == 0


def test_a_contour_beside_ignored_pixels_is_not_judged() -> None:
    truth = np.zeros((100, 100), bool)
    truth[:, :50] = True
    ignored = np.zeros_like(truth)
    ignored[:, 48:52] = True
    found = np.zeros_like(truth)
    found[:, :53] = True
    assert boundary_f(truth, found, ignored) == 1
    found[:, :56] = True
    assert boundary_f(truth, found, ignored) == 0


@given(st.data())
def test_the_confusion_is_counted_pixel_by_pixel(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    labels = data.draw(st.integers(1, 5))
    numbers = hnp.arrays(np.uint8, shape, elements=st.integers(0, labels - 1))
    truth, found = data.draw(numbers), data.draw(numbers.map(lambda map_: map_.astype(np.int32)))
    ignored = data.draw(hnp.arrays(bool, shape))
    void = truth.copy()
    void[ignored] = 255
    expected = dict.fromkeys(
        ((row, column) for row in range(labels) for column in range(labels)), 0
    )
    for y, x in pixels(~ignored):
        expected[int(truth[y, x]), int(found[y, x])] += 1
    counts: NDArray[Any] = confusion(void, found, ignored, labels)
    assert {pair: int(counts[pair]) for pair in expected} == expected
