"""The choice and the pruning, as properties: whatever the times and qualities are."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from toolkit.recommend.choose import Figures, choose
from toolkit.stats.pareto import dominators

ROUNDS = 8
times = st.lists(st.integers(1, 40).map(float), min_size=ROUNDS, max_size=ROUNDS)
qualities = st.sampled_from([0.90, 0.9349, 0.94, 0.9450])


@st.composite
def candidates(draw: st.DrawFn) -> list[Figures]:
    drawn = draw(st.lists(st.tuples(times, qualities, st.integers(1, 4)), min_size=1, max_size=6))
    return [
        Figures(f"c{place}", threads, dict(enumerate(own)), quality)
        for place, (own, quality, threads) in enumerate(drawn)
    ]


limits = st.none() | st.integers(1, 40).map(float)


def steady(name: str, time: float, iou: float, threads: int = 2) -> Figures:
    return Figures(name, threads, {n: time + n % 2 / 100 for n in range(ROUNDS)}, iou)


def pruned(found: Sequence[Figures]) -> tuple[int | None, ...]:
    return dominators([one.times for one in found], [one.mean_iou for one in found])


@given(candidates())
def test_what_is_pruned_has_one_left_that_is_as_good_and_faster(found: list[Figures]) -> None:
    by = pruned(found)
    left = [one for one, other in zip(found, by, strict=True) if other is None]
    assert left
    for one, other in zip(found, by, strict=True):
        if other is not None:
            assert any(kept.mean_iou >= one.mean_iou and kept.middle < one.middle for kept in left)


@given(candidates())
def test_the_best_and_the_fastest_are_never_pruned(found: list[Figures]) -> None:
    left = [one for one, other in zip(found, pruned(found), strict=True) if other is None]
    assert max(one.mean_iou for one in left) == max(one.mean_iou for one in found)
    assert min(one.middle for one in left) == min(one.middle for one in found)


@given(candidates(), qualities, limits)
def test_what_is_chosen_keeps_the_limits(
    found: list[Figures], least: float, latency: float | None
) -> None:
    choice = choose(found, least, latency)
    chosen = next(one for one in found if one.name == choice.name)
    if choice.outcome == "chosen":
        assert chosen.mean_iou >= least
        assert latency is None or median(chosen.times.values()) <= latency
        assert choice.fastest == choice.name or choice.name in choice.tied
    else:
        # nothing is clearly within both limits
        interval = [one.interval for one in found if one.mean_iou >= least]
        assert all(own and own.high > (latency or math.inf) for own in interval)


@given(candidates(), qualities, limits, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(
    found: list[Figures], least: float, latency: float | None, shuffle: random.Random
) -> None:
    other = list(found)
    shuffle.shuffle(other)
    assert choose(other, least, latency) == choose(found, least, latency)
    left = {one.name for one, by in zip(found, pruned(found), strict=True) if by is None}
    assert left == {one.name for one, by in zip(other, pruned(other), strict=True) if by is None}


def test_of_two_that_noise_does_not_tell_apart_the_better_one_is_chosen() -> None:
    quick = Figures("quick", 1, dict(enumerate([10.0, 12, 10, 12, 10, 12, 10, 12])), 0.94)
    good = Figures("good", 2, dict(enumerate([12.1, 10, 12, 10, 12, 10, 12, 10])), 0.945)
    choice = choose([quick, good], 0.9)
    assert (choice.outcome, choice.name) == ("chosen", "good")
    assert {choice.fastest, *choice.tied} == {"quick", "good"}


def test_of_two_that_are_as_good_and_as_fast_fewer_threads_are_chosen() -> None:
    one = Figures("one", 1, dict(enumerate([12.1, 10, 12, 10, 12, 10, 12, 10])), 0.94001)
    two = Figures("two", 2, dict(enumerate([10.0, 12, 10, 12, 10, 12, 10, 12])), 0.94002)
    assert choose([two, one], 0.9).name == "one"


def test_a_slower_one_is_chosen_where_the_faster_is_not_good_enough() -> None:
    found = [steady("fast", 10, 0.93), steady("exact", 30, 0.945)]
    assert choose(found, 0.94).name == "exact"
    assert choose(found, 0.92).name == "fast"


def test_a_limit_that_nothing_keeps_names_the_nearest() -> None:
    found = [steady("fast", 10, 0.93), steady("exact", 30, 0.945), steady("slow", 50, 0.95)]
    choice = choose(found, 0.94, 20)
    assert (choice.outcome, choice.name) == ("none", "exact")
    hopeless = choose(found, 0.99)
    assert (hopeless.outcome, hopeless.name) == ("none", "slow")


def test_a_limit_within_the_interval_can_not_be_decided() -> None:
    noisy = Figures("noisy", 2, dict(enumerate([15.0, 25, 16, 24, 15, 25, 16, 24])), 0.945)
    assert choose([noisy], 0.94, 20).outcome == "inconclusive"
    # a slower one that surely keeps it is shipped instead
    assert choose([noisy, steady("sure", 19, 0.94)], 0.94, 20).name == "sure"


def test_a_few_rounds_decide_nothing_between_two() -> None:
    found = [Figures(name, 1, {0: time, 1: time}, 0.9) for name, time in (("a", 1.0), ("b", 9.0))]
    assert choose(found, 0.9).outcome == "inconclusive"
    assert choose(found[:1], 0.9).outcome == "chosen"


def test_what_is_slower_and_no_better_is_pruned_and_what_is_better_is_not() -> None:
    found = [steady("slow", 30, 0.94), steady("fast", 10, 0.94), steady("best", 40, 0.945)]
    assert pruned(found) == (1, None, None)
