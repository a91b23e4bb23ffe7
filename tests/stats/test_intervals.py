"""Intervals and the rank test: exact where they say so, and right as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from toolkit.stats.intervals import (
    FEWEST_PAIRS,
    adjusted,
    fewest_samples,
    paired_interval,
    rank_test,
    smallest_p,
    unpaired_interval,
    unpaired_ratio,
)

Noise = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
TIMES = st.lists(st.integers(1, 10**6), min_size=2, max_size=9)


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.standard_normal(shape)


def heavy(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.standard_t(2, shape)


def bursts(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.standard_normal(shape) + (rng.random(shape) < 0.1) * rng.exponential(15, shape)


@pytest.mark.parametrize("noise", [normal, heavy, bursts])
@pytest.mark.parametrize("rounds", [5, 10, 20])
def test_the_paired_interval_covers_the_true_ratio(noise: Noise, rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    true = 1.3
    logs = 0.03 * (noise(rng, (400, rounds)) - noise(rng, (400, rounds)))
    found = [paired_interval(list(row)) for row in true * np.exp(logs)]
    covered = sum(one is not None and one.low <= true <= one.high for one in found)
    # 95 % wanted, 92 to 95 % found by scripts/simulate_compare.py; two deviations of 400 are 2.5 %
    assert 0.895 <= covered / 400 <= 0.985


@pytest.mark.parametrize("noise", [normal, heavy, bursts])
@pytest.mark.parametrize(("base", "head"), [(4, 4), (5, 10), (20, 20)])
def test_the_unpaired_interval_covers_the_true_ratio(noise: Noise, base: int, head: int) -> None:
    rng = np.random.default_rng(base)
    true = 0.8
    bases = np.exp(0.03 * noise(rng, (400, base)))
    heads = true * np.exp(0.03 * noise(rng, (400, head)))
    found = [unpaired_interval(list(b), list(h)) for b, h in zip(bases, heads, strict=True)]
    covered = sum(one is not None and one.low <= true <= one.high for one in found)
    assert covered / 400 >= 0.93


def test_too_few_have_no_interval() -> None:
    assert paired_interval([1.0] * (FEWEST_PAIRS - 1)) is None
    assert paired_interval([1.0] * FEWEST_PAIRS) is not None
    assert unpaired_interval([1, 2, 3], [4, 5, 6]) is None
    assert unpaired_interval([1, 2, 3, 4], [4, 5, 6, 7]) is not None


@given(st.lists(st.floats(0.1, 10), min_size=5, max_size=20))
def test_the_paired_interval_repeats_and_holds_the_median(ratios: list[float]) -> None:
    one = paired_interval(ratios)
    assert one == paired_interval(ratios)
    assert one is not None
    assert min(ratios) <= one.low <= float(np.median(ratios)) <= one.high <= max(ratios)


@given(TIMES, TIMES)
def test_swapping_the_sides_inverts_the_ratio_and_keeps_p(base: list[int], head: list[int]) -> None:
    assert rank_test(base, head) == rank_test(head, base)
    assert unpaired_ratio(base, head) == pytest.approx(1 / unpaired_ratio(head, base))
    one, other = unpaired_interval(base, head), unpaired_interval(head, base)
    assert (one is None) == (other is None)
    if one and other:
        assert one.low == pytest.approx(1 / other.high)
        assert one.low <= unpaired_ratio(base, head) <= one.high


@given(TIMES, TIMES, st.floats(0.1, 10))
def test_a_slower_head_moves_ratio_and_interval_by_as_much(
    base: list[int], head: list[int], factor: float
) -> None:
    slower = [time * factor for time in head]
    assert unpaired_ratio(base, slower) == pytest.approx(factor * unpaired_ratio(base, head))
    one, moved = unpaired_interval(base, head), unpaired_interval(base, slower)
    if one and moved:
        assert (moved.low, moved.high) == pytest.approx((factor * one.low, factor * one.high))


@pytest.mark.parametrize(("base", "head"), [(1, 1), (2, 3), (5, 5), (6, 9), (20, 20), (50, 50)])
def test_the_rank_test_is_scipys(base: int, head: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="comes with the demo extra")
    rng = np.random.default_rng(base)
    for shift in (1.0, 1.03, 1.2):
        one, other = (
            np.exp(0.1 * rng.standard_normal(base)),
            shift * np.exp(0.1 * rng.standard_normal(head)),
        )
        expected = stats.mannwhitneyu(one, other, method="exact").pvalue
        assert rank_test(list(one), list(other)) == pytest.approx(expected)


def test_the_rank_test_beyond_counting_is_near_scipys() -> None:
    stats = pytest.importorskip("scipy.stats", reason="comes with the demo extra")
    rng = np.random.default_rng(3)
    one, other = rng.uniform(1, 2, 60), rng.uniform(1.1, 2, 55)
    expected = stats.mannwhitneyu(one, other, method="exact").pvalue
    assert rank_test(list(one), list(other)) == pytest.approx(expected, rel=0.02)


def test_ties_never_make_a_difference_surer() -> None:
    assert rank_test([1, 1, 1, 1], [1, 1, 1, 1]) == 1
    assert rank_test([1, 2, 3, 4], [4, 5, 6, 7]) >= rank_test([1, 2, 3, 3.9], [4, 5, 6, 7])


@given(TIMES, TIMES, st.floats(0.5, 2))
def test_the_interval_is_what_the_test_does_not_refuse(
    base: list[int], head: list[int], ratio: float
) -> None:
    interval = unpaired_interval(base, head)
    if interval is None:
        assert smallest_p(len(base), len(head)) > 0.05
        return
    p = rank_test([time * ratio for time in base], head)
    if interval.low * (1 + 1e-9) < ratio < interval.high * (1 - 1e-9):
        assert p >= 0.05 - 1e-12
    if ratio < interval.low * (1 - 1e-9) or ratio > interval.high * (1 + 1e-9):
        assert p < 0.05 + 1e-12


def test_holm_corrects_as_published() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_corrected_p_is_never_smaller_and_keeps_the_order(values: list[float]) -> None:
    corrected = adjusted(values)
    assert all(p <= q <= 1 for p, q in zip(values, corrected, strict=True))
    by_value = [q for _, q in sorted(zip(values, corrected, strict=True))]
    assert by_value == sorted(by_value)


@pytest.mark.parametrize("tests", [1, 8, 16, 60])
def test_the_fewest_samples_are_just_enough(tests: int) -> None:
    fewest = fewest_samples(tests)
    assert tests * smallest_p(fewest, fewest) < 0.05 <= tests * smallest_p(fewest - 1, fewest - 1)
    assert smallest_p(fewest, fewest) == 2 / math.comb(2 * fewest, fewest)
