"""Which configuration is to be shipped: figures in, a choice out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from toolkit.stats.intervals import FEWEST_PAIRS, Interval, paired_interval
from toolkit.stats.pareto import TimesByRound, ratio_interval

Outcome = Literal["chosen", "none", "inconclusive"]

SAME_IOU = 4
"""Decimals beyond which two IoUs are the same: those that are printed."""


@dataclass(frozen=True)
class Figures:
    """A candidate in numbers.

    Attributes
    ----------
    name : str
    threads : int
    times : mapping of int to float
        Its time in each round in nanoseconds, at least one.
    mean_iou : float
        0..1.
    """

    name: str
    threads: int
    times: TimesByRound
    mean_iou: float

    @property
    def middle(self) -> float:
        """Median time."""
        return float(median(self.times.values()))

    @property
    def interval(self) -> Interval | None:
        """Of the median time; None where there are too few rounds."""
        return paired_interval(list(self.times.values()))


@dataclass(frozen=True)
class Choice:
    """What to ship, or why there is nothing.

    Attributes
    ----------
    outcome : {"chosen", "none", "inconclusive"}
        Whether a candidate keeps the limits, none does, or it is too noisy to tell.
    name : str
        The candidate chosen; else the one that comes nearest.
    fastest : str
        The fastest of those that keep the limits; another than `name` where the two can't be told
        apart and `name` is better or needs fewer threads.
    tied : tuple of str
        Those that can't be told apart from the fastest by their time, fastest first.
    """

    outcome: Outcome
    name: str
    fastest: str
    tied: tuple[str, ...] = ()


def choose(
    candidates: Sequence[Figures], least_iou: float, max_latency: float | None = None
) -> Choice:
    """Choose the fastest that keeps the limits.

    Of those that the noise doesn't let tell apart from the fastest it is the one of the highest
    IoU, then of the fewest threads. The order of the candidates is of no consequence.

    Parameters
    ----------
    candidates : sequence of Figures
        At least one.
    least_iou : float
        The mean IoU it has to have.
    max_latency : float, optional
        The median time it may have, ns. It is kept where the whole interval lies below.
    """
    ranked = sorted(candidates, key=lambda one: (one.middle, one.name))
    good = [one for one in ranked if one.mean_iou >= least_iou]
    if not good:
        best = max(ranked, key=lambda one: one.mean_iou)
        return Choice("none", best.name, best.name)
    allowed = [one for one in good if max_latency is None or _keeps(one, max_latency)]
    if not allowed:
        nearest, unsure = good[0].name, any(not _breaks(one, max_latency or 0) for one in good)
        return Choice("inconclusive" if unsure else "none", nearest, nearest)
    fastest, *others = allowed
    tied = [one for one in others if not _slower(one, fastest, tests=len(others))]
    if others and len(fastest.times) < FEWEST_PAIRS:
        return Choice("inconclusive", fastest.name, fastest.name, tuple(one.name for one in tied))
    chosen = min(
        [fastest, *tied],
        key=lambda one: (-round(one.mean_iou, SAME_IOU), one.threads, one.middle, one.name),
    )
    return Choice("chosen", chosen.name, fastest.name, tuple(one.name for one in tied))


def _keeps(one: Figures, limit: float) -> bool:
    return one.interval is not None and one.interval.high <= limit


def _breaks(one: Figures, limit: float) -> bool:
    return one.interval is not None and one.interval.low > limit


def _slower(one: Figures, fastest: Figures, *, tests: int) -> bool:
    interval = ratio_interval(one.times, fastest.times, tests=tests)
    return interval is not None and interval.low > 1
