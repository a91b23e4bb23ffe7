"""The signed-rank test, its estimate and its interval: exact, and never against each other."""

from __future__ import annotations

import itertools
import math
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.signed_rank import fewest_pairs, signed_ranks

differences = st.lists(
    st.integers(-1000, 1000).map(lambda number: number / 1000), min_size=1, max_size=9
)
distinct = st.lists(
    st.integers(1, 1000), min_size=1, max_size=9, unique_by=lambda number: number
).flatmap(lambda sizes: st.tuples(*(st.sampled_from([size, -size]) for size in sizes)))


def share_of_signs_at_least(values: tuple[float, ...]) -> float:
    """Count, among all ways to give these sizes signs, those with as large a rank sum above 0."""
    sizes = sorted(abs(value) for value in values)
    ranks = {size: rank for rank, size in enumerate(sizes, 1)}
    seen = sum(ranks[abs(value)] for value in values if value > 0)
    sums = [
        sum(rank for rank, above in zip(ranks.values(), signs, strict=True) if above)
        for signs in itertools.product((False, True), repeat=len(values))
    ]
    return sum(total >= seen for total in sums) / len(sums)


@given(distinct)
def test_p_is_the_share_of_all_signs_that_give_as_much(values: tuple[float, ...]) -> None:
    assert signed_ranks(values).p_above == pytest.approx(share_of_signs_at_least(values))


@given(differences)
def test_the_other_way_round_everything_is_mirrored(values: list[float]) -> None:
    ranks, mirrored = signed_ranks(values), signed_ranks([-value for value in values])
    assert mirrored.estimate == pytest.approx(-ranks.estimate)
    assert mirrored.p_apart == ranks.p_apart
    low, high = ranks.interval(0.8)
    assert mirrored.interval(0.8) == pytest.approx((-high, -low))


@given(differences)
def test_the_estimate_is_the_median_of_all_means_of_two(values: list[float]) -> None:
    means = [(one + other) / 2 for one, other in itertools.combinations_with_replacement(values, 2)]
    assert signed_ranks(values).estimate == pytest.approx(median(means))


@given(distinct, st.sampled_from([0.5, 0.8, 0.95]))
def test_the_interval_lies_above_0_exactly_where_the_test_refuses(
    values: tuple[float, ...], level: float
) -> None:
    ranks = signed_ranks(values)
    low, high = ranks.interval(level)
    assert low <= ranks.estimate <= high
    assert (low > 0) == (ranks.p_above <= (1 - level) / 2)


@given(differences, st.floats(-2, 2))
def test_a_shift_moves_estimate_and_interval_with_it(values: list[float], shift: float) -> None:
    ranks, moved = signed_ranks(values), signed_ranks([value + shift for value in values])
    assert moved.estimate == pytest.approx(ranks.estimate + shift)
    assert moved.interval(0.8) == pytest.approx(tuple(end + shift for end in ranks.interval(0.8)))


@given(st.integers(1, 40))
def test_equal_times_are_no_evidence(pairs: int) -> None:
    ranks = signed_ranks([0.0] * pairs)
    assert ranks.p_above >= 0.5
    assert ranks.p_apart == 1


def test_too_few_pairs_have_no_interval() -> None:
    assert signed_ranks([1.0] * 5).interval(0.95) == (-math.inf, math.inf)
    assert signed_ranks([1.0] * 6).interval(0.95) == (1, 1)


@pytest.mark.parametrize("p", [0.05, 0.01, 0.002])
def test_the_fewest_pairs_are_just_enough(p: float) -> None:
    pairs = fewest_pairs(p)
    assert signed_ranks(range(1, pairs + 1)).p_above <= p
    assert signed_ranks(range(1, pairs)).p_above > p
