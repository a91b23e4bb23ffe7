"""How sure a ratio of times is: intervals and a rank test, for rounds paired or in two sessions.

Paired times (rounds in which both ran, one after the other) give one ratio per round; the
percentile bootstrap of their median was chosen by simulation, see docs/compare.md. Two sessions
have no pairs: there the interval is that of Hodges and Lehmann, which is the Mann-Whitney test
turned round, so test and interval never contradict each other, and both are exact whatever the
times' distribution.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
FEWEST_PAIRS = 5
"""Below, the range of all ratios is no 95 % interval (it covers 75 % at 3), so there is none."""

RESAMPLES = 4999
EXACT_UP_TO = 50
"""Samples of one side up to which the rank test counts; beyond, the normal curve is as good."""


@dataclass(frozen=True)
class Interval:
    """Where the true ratio lies, at a level of confidence.

    Attributes
    ----------
    low, high : float
    level : float
        Such as 0.95.
    """

    low: float
    high: float
    level: float


def paired_interval(
    ratios: Sequence[float], *, level: float = LEVEL, seed: int = 0
) -> Interval | None:
    """Return the percentile bootstrap interval of the median of paired ratios.

    Rounds are drawn with replacement, each with both of its times, and each draw gives a median.

    Parameters
    ----------
    ratios : sequence of float
        One per round, above 0.
    level : float
    seed : int
        The same seed and ratios give the same interval.

    Returns
    -------
    Interval or None
        None below `FEWEST_PAIRS` rounds.

    Examples
    --------
    >>> paired_interval([1.1, 1.2, 1.2, 1.3, 1.4])
    Interval(low=1.1, high=1.4, level=0.95)
    >>> paired_interval([1.1, 1.2, 1.3]) is None
    True
    """
    if len(ratios) < FEWEST_PAIRS:
        return None
    drawn = np.asarray(ratios, np.float64)[_draws(len(ratios), seed)]
    outside = (1 - level) / 2
    # An end is one of the medians, not a mean of two of them.
    low, high = np.quantile(np.median(drawn, axis=1), [outside, 1 - outside], method="inverted_cdf")
    return Interval(float(low), float(high), level)


def unpaired_ratio(base: Sequence[float], head: Sequence[float]) -> float:
    """Return how many times as long the head takes: the median of every head over every base.

    Parameters
    ----------
    base, head : sequence of float
        Times above 0, one per process; in any one unit.

    Examples
    --------
    >>> unpaired_ratio([10, 10, 20], [20, 20, 40])
    2.0
    """
    ratios = _ratios(base, head)
    # Between two in the middle the geometric mean: swapping the sides then inverts it.
    return math.sqrt(ratios[(ratios.size - 1) // 2] * ratios[ratios.size // 2])


def unpaired_interval(
    base: Sequence[float], head: Sequence[float], *, level: float = LEVEL
) -> Interval | None:
    """Return the interval of `unpaired_ratio`: the ratios that the rank test would not refuse.

    Parameters
    ----------
    base, head : sequence of float
        Times above 0, one per process.
    level : float

    Returns
    -------
    Interval or None
        None where there are too few for this level: below 4 against 4 at 95 %.
    """
    outside = _quantile(len(base), len(head), (1 - level) / 2)
    if outside < 0:
        return None
    ratios = _ratios(base, head)
    return Interval(float(ratios[outside]), float(ratios[-1 - outside]), level)


def rank_test(base: Sequence[float], head: Sequence[float]) -> float:
    """Return the two-sided p of the Mann-Whitney test: how easily chance alone gives such ranks.

    Counted exactly, up to `EXACT_UP_TO` on a side. A tie counts half, and what that leaves between
    two values of the statistic goes to the larger p.

    Examples
    --------
    >>> round(rank_test([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 4)  # 2 of 252 orders
    0.0079
    >>> rank_test([1, 2], [1, 2])
    1.0
    """
    ratios = _ratios(base, head)
    below = np.count_nonzero(ratios < 1) + np.count_nonzero(ratios == 1) / 2
    smaller = math.ceil(min(below, ratios.size - below))
    return min(1.0, 2 * float(_cumulative(len(base), len(head))[smaller]))


def adjusted(values: Sequence[float]) -> list[float]:
    """Correct the p of several tests for their number, after Holm.

    If each test alone is wrong with at most its p, the chance that any is wrong where the adjusted
    one is below a limit is at most that limit, however the tests depend on each other.

    Examples
    --------
    >>> adjusted([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[index]))
        result[index] = largest
    return result


def fewest_samples(tests: int, *, level: float = LEVEL) -> int:
    """Return how many samples each side needs for the rank test to say anything among so many.

    >>> [fewest_samples(tests) for tests in (1, 8, 16, 60)]
    [4, 6, 6, 7]
    """
    samples = 1
    while tests * smallest_p(samples, samples) >= 1 - level:
        samples += 1
    return samples


def smallest_p(base: int, head: int) -> float:
    """Return the p of samples that don't overlap at all.

    >>> round(smallest_p(3, 3), 3)
    0.1
    """
    return min(1.0, 2 / math.comb(base + head, base))


def _ratios(base: Sequence[float], head: Sequence[float]) -> NDArray[np.float64]:
    """Return every head over every base, sorted."""
    ratios = np.divide.outer(np.asarray(head, np.float64), np.asarray(base, np.float64))
    return np.sort(ratios, axis=None)


@functools.lru_cache(maxsize=64)
def _draws(size: int, seed: int) -> NDArray[np.intp]:
    """Return the places of `RESAMPLES` draws with replacement, the same for every stage."""
    return np.random.default_rng(seed).integers(0, size, (RESAMPLES, size))


@functools.lru_cache(maxsize=64)
def _cumulative(base: int, head: int) -> NDArray[np.float64]:
    """Return the chance, by number of pairs, that at most so many have the head below the base."""
    pairs = base * head
    if max(base, head) > EXACT_UP_TO:
        curve = NormalDist(pairs / 2, math.sqrt(pairs * (base + head + 1) / 12))
        return np.array([curve.cdf(count + 0.5) for count in range(pairs + 1)])
    # counts[k] : orders of those laid down so far with k of the base among them, by the number of
    # pairs in which a head lies below a base.
    counts = np.zeros((base + 1, pairs + 1))
    counts[0, 0] = 1
    for laid in range(base + head):
        for chosen in range(min(base, laid + 1), 0, -1):
            heads_below = laid - (chosen - 1)
            if heads_below <= head:
                counts[chosen, heads_below:] += counts[chosen - 1, : pairs + 1 - heads_below]
    shares: NDArray[np.float64] = np.cumsum(counts[base]) / counts[base].sum()
    return shares


def _quantile(base: int, head: int, outside: float) -> int:
    """Return how many ratios lie outside the interval at each end; -1 where none may."""
    return int(np.searchsorted(_cumulative(base, head), outside, side="right")) - 1
