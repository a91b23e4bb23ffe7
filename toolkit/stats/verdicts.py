"""Samples of two sides into verdicts: slower, faster, same or inconclusive; arrays in, words out.

"Slower" takes two things: the rank test, corrected for the number of comparisons made together,
says that the difference is no accident, and the ratio is at least the threshold. "Same" is a claim
too, and takes an interval that lies within the threshold; a test that finds nothing does not show
that there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from toolkit.stats.intervals import (
    LEVEL,
    Interval,
    adjusted,
    fewest_samples,
    rank_test,
    smallest_p,
    unpaired_interval,
    unpaired_ratio,
)

THRESHOLD = 0.10
TIMER_RESOLUTION = 1.0
"""Nanoseconds: a time of 0 is one that the clock was too coarse for."""


class Verdict(StrEnum):
    """What can be said of the head against the base."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Samples:
    """One thing measured on both sides: a time per sample, in nanoseconds.

    Attributes
    ----------
    base, head : tuple of float
        At least one each.
    """

    base: tuple[float, ...]
    head: tuple[float, ...]


@dataclass(frozen=True)
class Judgment:
    """A verdict and what it rests on.

    Attributes
    ----------
    verdict : Verdict
    reason : str or None
        Why it is inconclusive, in words; None for the other verdicts.
    ratio : float
        Head's time over base's; above 1 the head is slower.
    interval : Interval or None
        Of the ratio, for this one comparison; None: too few samples.
    p : float
        Of the rank test, corrected for all comparisons made together.
    threshold : float
        What the ratio was held against: 0.1 is 10 %. Larger than asked for where the floor is.
    """

    verdict: Verdict
    reason: str | None
    ratio: float
    interval: Interval | None
    p: float
    threshold: float


def judge(
    comparisons: Sequence[Samples], *, threshold: float = THRESHOLD, floor: float = 0.0
) -> list[Judgment]:
    """Judge comparisons made together.

    Parameters
    ----------
    comparisons : sequence of Samples
        All that are looked at: the more there are, the more it takes to call one slower.
    threshold : float
        The relative difference that matters, above 0; 0.1 is 10 %.
    floor : float
        The least difference that matters, in nanoseconds.

    Returns
    -------
    list of Judgment
        In the order given.

    Examples
    --------
    >>> base, head = (10, 10.1, 10.2, 10.3), (12, 12.1, 12.2, 12.3)
    >>> judged, = judge([Samples(base, head)])
    >>> str(judged.verdict), round(judged.ratio, 2)
    ('slower', 1.2)
    >>> str(judge([Samples(base, base)])[0].verdict)
    'same'
    """
    comparisons = [Samples(_seen(one.base), _seen(one.head)) for one in comparisons]
    corrected = adjusted([rank_test(one.base, one.head) for one in comparisons])
    return [
        _judge_one(one, p, max(threshold, floor / median(one.base)), len(comparisons))
        for one, p in zip(comparisons, corrected, strict=True)
    ]


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on all: slower if anything is, inconclusive if anything else is that.

    >>> str(overall([Verdict.SAME, Verdict.INCONCLUSIVE, Verdict.FASTER]))
    'inconclusive'
    """
    found = set(verdicts)
    order = (Verdict.SLOWER, Verdict.INCONCLUSIVE, Verdict.FASTER, Verdict.SAME)
    return next((verdict for verdict in order if verdict in found), Verdict.INCONCLUSIVE)


def _seen(times: Sequence[float]) -> tuple[float, ...]:
    return tuple(max(float(time), TIMER_RESOLUTION) for time in times)


def _judge_one(one: Samples, p: float, threshold: float, tests: int) -> Judgment:
    ratio = unpaired_ratio(one.base, one.head)
    interval = unpaired_interval(one.base, one.head)
    limit = 1 + threshold
    told = p < 1 - LEVEL
    reason = None
    if told and ratio >= limit:
        verdict = Verdict.SLOWER
    elif told and ratio <= 1 / limit:
        verdict = Verdict.FASTER
    elif interval and 1 / limit < interval.low and interval.high < limit:
        verdict = Verdict.SAME
    else:
        verdict = Verdict.INCONCLUSIVE
        reason = _doubt(one, interval, told, tests)
    return Judgment(verdict, reason, ratio, interval, p, threshold)


def _doubt(one: Samples, interval: Interval | None, told: bool, tests: int) -> str:
    base, head = len(one.base), len(one.head)
    if min(base, head) == 1:
        return f"one sample says nothing about noise ({base} against {head})"
    if interval is None or smallest_p(base, head) * tests >= 1 - LEVEL:
        return (
            f"too few samples: {base} against {head}, and {tests} comparisons made together "
            f"take {fewest_samples(tests)} of each"
        )
    if told:
        return "there is a difference, but it may be above or below the threshold"
    return "too noisy: the interval is wider than the threshold"
