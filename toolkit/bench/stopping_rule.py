"""When a measurement has rounds enough: a number, a precision reached, or a budget spent."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from toolkit.bench.schema import WHOLE, BenchSettings, VariantTimes
from toolkit.bench.statistics import process_median
from toolkit.concurrency import Progress
from toolkit.stats.intervals import paired_interval

log = logging.getLogger(__name__)

MOST_ROUNDS = 200
"""Where a precision is asked for and no budget bounds it."""


class Rounds(Protocol):
    """A measurement that rounds can be added to: `toolkit.bench.run.BenchRun`."""

    settings: BenchSettings
    rounds: int

    @property
    def variants(self) -> tuple[VariantTimes, ...]:
        """What was measured so far."""
        ...

    @property
    def running(self) -> int:
        """How many variants a round has."""
        ...

    def add_round(self, ended: Callable[[], None] | None = None) -> None:
        """Run every variant once."""
        ...


def run_rounds(
    measurement: Rounds,
    baseline: Callable[[Sequence[VariantTimes]], str],
    *,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Add rounds until the settings are satisfied.

    Parameters
    ----------
    measurement : Rounds
    baseline : callable
        Given what was measured so far, the name of the variant that ratios are to.
    progress : callable, optional
        Called after each process with (processes done, processes in all as it looks now).
    clock : callable
        Tells the seconds.

    Returns
    -------
    {"rounds", "precision", "budget"}
        What ended it: the number of rounds, the precision asked for, or the time.
    """
    begin = clock()
    count = _Count(progress, total=measurement.settings.rounds * measurement.running)
    while measurement.running:
        measurement.add_round(count.one_more)
        spent = clock() - begin
        times = measurement.variants
        width = half_width(times, baseline(times)) if times else None
        why = _end(measurement, spent, width)
        if why:
            count.finish()
            return why
        left = max(1, _expected(measurement, spent, width) - measurement.rounds)
        count.total = count.done + left * measurement.running
        log.info(
            "round %d: %s; about %d more, %.0f s",
            measurement.rounds,
            "no interval yet" if width is None else f"ratios known to ± {width:.1%}",
            left,
            left * spent / measurement.rounds,
        )
    return "rounds"


@dataclass
class _Count:
    """Processes done, and how many it will have been."""

    progress: Progress | None
    total: int
    done: int = 0

    def one_more(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, max(self.done, self.total))

    def finish(self) -> None:
        if self.progress and self.done != self.total:
            self.progress(self.done, self.done)


def half_width(variants: Sequence[VariantTimes], baseline: str) -> float | None:
    """Return how precisely the whole is known against the baseline, for the variant known worst.

    Parameters
    ----------
    variants : sequence of VariantTimes
    baseline : str
        The name of one of them.

    Returns
    -------
    float or None
        Half the interval of the median ratio, over the median; the largest of all variants and
        photos. None where one has no interval yet, or there is nothing to compare.
    """
    by_name = {times.name: times for times in variants}
    reference = {round_.round: round_ for round_ in by_name.pop(baseline).rounds}
    widths = []
    for times in by_name.values():
        pairs = [
            (reference[round_.round], round_)
            for round_ in times.rounds
            if round_.round in reference
        ]
        for photo in range(len(times.rounds[0].photos)):
            ratios = [
                process_median(base, photo, WHOLE) / process_median(own, photo, WHOLE)
                for base, own in pairs
            ]
            interval = paired_interval(ratios)
            if interval is None:
                return None
            # relative to the geometric middle, so that a ratio and its inverse weigh the same
            widths.append(
                (interval.high - interval.low) / 2 / math.sqrt(interval.low * interval.high)
            )
    return max(widths, default=None)


def _end(measurement: Rounds, spent: float, width: float | None) -> str | None:
    settings, rounds = measurement.settings, measurement.rounds
    if settings.budget_seconds is not None and spent + spent / rounds > settings.budget_seconds:
        return "budget"
    if rounds < settings.rounds:
        return None
    if settings.until is None:
        return "rounds" if settings.budget_seconds is None else None
    if width is not None and width <= settings.until:
        return "precision"
    return "rounds" if rounds >= MOST_ROUNDS or len(measurement.variants) < 2 else None


def _expected(measurement: Rounds, spent: float, width: float | None) -> int:
    """Estimate how many rounds there will be: an interval narrows with the root of their number."""
    settings, rounds = measurement.settings, measurement.rounds
    guesses = [MOST_ROUNDS]
    if settings.budget_seconds is None and settings.until is None:
        guesses = [settings.rounds]
    if settings.budget_seconds is not None:
        guesses.append(int(settings.budget_seconds * rounds / spent) if spent else MOST_ROUNDS)
        if settings.until is None:
            guesses = guesses[1:]
    if settings.until is not None and width is not None:
        guesses.append(max(settings.rounds, math.ceil(rounds * (width / settings.until) ** 2)))
    return min(guesses)
