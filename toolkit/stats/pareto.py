"""Pareto dominance: another is at least as good, and faster beyond the noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from toolkit.stats.intervals import LEVEL, Interval, paired_interval

TimesByRound = Mapping[int, float]
"""A variant's time in each round, by the round's number; above 0."""


def ratio_interval(
    slower: TimesByRound, faster: TimesByRound, *, tests: int = 1
) -> Interval | None:
    """Return the interval of the ratio of two variants' times within a round.

    Parameters
    ----------
    slower, faster : mapping of int to float
    tests : int
        How many such intervals are to hold together: the level is raised with it.

    Returns
    -------
    Interval or None
        None where too few rounds have both.
    """
    shared = sorted(slower.keys() & faster.keys())
    level = 1 - (1 - LEVEL) / max(tests, 1)
    return paired_interval([slower[each] / faster[each] for each in shared], level=level)


def dominators(times: Sequence[TimesByRound], quality: Sequence[float]) -> tuple[int | None, ...]:
    """Say of each variant which other one dominates it.

    It is dominated where another's quality is at least as high, its median time is smaller, and the
    interval of the ratio of their times, round by round, says that it is faster. The level of the
    intervals is raised with the number of pairs, so that all of them hold together. As medians have
    an order, what dominates leads to one that nothing does: some variant is always left.

    Parameters
    ----------
    times : sequence of mapping of int to float
        Of each variant.
    quality : sequence of float
        Of each, in the same order; larger is better.

    Returns
    -------
    tuple of (int or None)
        The place of the fastest that dominates it; None: it is on the Pareto front.

    Examples
    --------
    >>> rounds = range(8)
    >>> slow, fast = [dict.fromkeys(rounds, time) for time in (20.0, 10.0)]
    >>> dominators([slow, fast], [0.9, 0.9]), dominators([slow, fast], [0.9, 0.8])
    ((1, None), (None, None))
    """
    pairs = len(times) * (len(times) - 1) // 2
    middles = [median(own.values()) for own in times]
    order = sorted(range(len(times)), key=middles.__getitem__)

    def faster(other: int, place: int) -> bool:
        if middles[other] >= middles[place]:
            return False
        interval = ratio_interval(times[place], times[other], tests=pairs)
        return interval is not None and interval.low > 1

    return tuple(
        next(
            (other for other in order if quality[other] >= quality[place] and faster(other, place)),
            None,
        )
        for place in range(len(times))
    )
