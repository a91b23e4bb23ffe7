"""Raw times into a summary; the unit of analysis is a process.

Iterations within one process are not independent: they share its memory layout, its thread
placement and the machine's mood of the moment. So each process counts once, by its median.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from toolkit.bench.schema import MEASURED_STAGES, WHOLE, BenchReport, Round, VariantTimes
from toolkit.bench.stability import (
    StabilityWarning,
    load_warnings,
    scatter_warning,
    subject_warnings,
)
from toolkit.stats.intervals import paired_interval
from toolkit.stats.percentiles import tail_percentile


@dataclass(frozen=True)
class StageTime:
    """A stage of a variant, over its processes' medians.

    Attributes
    ----------
    photo : int or None
        Place in the report's photos; None for ``load``, which happens before any.
    variant : str
        Its name.
    stage : str
        ``load``, ``first`` or one of `MEASURED_STAGES`.
    processes : int
        How many there were.
    median_ns, mad_ns : float
        Median, and median absolute deviation from it (not scaled to a normal distribution).
    min_ns, max_ns : float
        The fastest and slowest process.
    p90_ns, p99_ns : float or None
        Percentiles of all passes; None where there are too few, see `toolkit.stats.percentiles`.
    """

    photo: int | None
    variant: str
    stage: str
    processes: int
    median_ns: float
    mad_ns: float
    min_ns: float
    max_ns: float
    p90_ns: float | None
    p99_ns: float | None

    @property
    def relative_mad(self) -> float:
        """MAD over median, 0 where nothing took time."""
        return self.mad_ns / self.median_ns if self.median_ns else 0.0


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as the baseline a variant is.

    Attributes
    ----------
    photo : int
    variant, stage : str
    rounds : int
        Rounds in which both ran.
    median, min, max : float
        Over those rounds: the baseline's time over this variant's in the same round, so that what
        slows a whole round slows both.
    low, high : float or None
        The median's 95 % interval, see `toolkit.stats.intervals.paired_interval`; None below 5
        rounds.
    """

    photo: int
    variant: str
    stage: str
    rounds: int
    median: float
    min: float
    max: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Summary:
    """What follows from the raw times.

    Attributes
    ----------
    times : tuple of StageTime
    ratios : tuple of Ratio
        Of every variant but the baseline.
    warnings : tuple of StabilityWarning
        What makes the times doubtful.
    """

    times: tuple[StageTime, ...]
    ratios: tuple[Ratio, ...]
    warnings: tuple[StabilityWarning, ...]

    def time(self, variant: str, stage: str, photo: int | None) -> StageTime:
        """Return one of `times`; KeyError where it wasn't measured."""
        for time in self.times:
            if (time.variant, time.stage, time.photo) == (variant, stage, photo):
                return time
        raise KeyError((variant, stage, photo))


def summarize(report: BenchReport) -> Summary:
    """Condense a report.

    Parameters
    ----------
    report : BenchReport

    Returns
    -------
    Summary
    """
    times = []
    for variant in report.variants:
        loads = [round_.load_ns for round_ in variant.rounds]
        times.append(_stage_time([[load] for load in loads], None, variant.name, "load"))
        for photo in range(len(report.photos)):
            for stage in ("first", *MEASURED_STAGES):
                passes = [_passes(round_, photo, stage) for round_ in variant.rounds]
                times.append(_stage_time(passes, photo, variant.name, stage))
    warnings = (*_scatter(times), *load_warnings(report), *subject_warnings(report))
    return Summary(tuple(times), tuple(_ratios(report)), warnings)


def process_median(process: Round, photo: int, stage: str) -> float:
    """Return a process's median time of a stage in nanoseconds.

    Parameters
    ----------
    process : Round
    photo : int
        Place in the report's photos.
    stage : str
        ``first`` or one of `MEASURED_STAGES`.
    """
    return float(median(_passes(process, photo, stage)))


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the median absolute deviation from it.

    >>> spread([1, 2, 9])
    (2.0, 1.0)
    """
    middle = float(median(values))
    return middle, float(median(abs(value - middle) for value in values))


def _passes(process: Round, photo: int, stage: str) -> tuple[int, ...]:
    times = process.photos[photo]
    return (times.first_ns,) if stage == "first" else times.iterations[stage]


def _scatter(times: Sequence[StageTime]) -> Iterable[StabilityWarning]:
    """Return a caution for each variant and photo where segmentation or the whole scatters."""
    judged = [time for time in times if time.stage in ("segment", WHOLE)]
    for photo, variant in dict.fromkeys((time.photo, time.variant) for time in judged):
        if photo is not None:
            stages = [time for time in judged if (time.photo, time.variant) == (photo, variant)]
            yield from scatter_warning(
                variant, photo, [(time.stage, time.relative_mad) for time in stages]
            )


def _stage_time(
    processes: Sequence[Sequence[int]], photo: int | None, variant: str, stage: str
) -> StageTime:
    values = [float(median(passes)) for passes in processes]
    middle, mad = spread(values)
    return StageTime(
        photo=photo,
        variant=variant,
        stage=stage,
        processes=len(values),
        median_ns=middle,
        mad_ns=mad,
        min_ns=float(min(values)),
        max_ns=float(max(values)),
        p90_ns=tail_percentile(processes, 90),
        p99_ns=tail_percentile(processes, 99),
    )


def _ratios(report: BenchReport) -> Iterable[Ratio]:
    reference = report.variant(report.baseline)
    for variant in report.variants:
        if variant is reference:
            continue
        for photo in range(len(report.photos)):
            for stage in MEASURED_STAGES:
                ratios = _per_round(reference, variant, _picker(photo, stage))
                if ratios:
                    interval = paired_interval(ratios)
                    yield Ratio(
                        photo=photo,
                        variant=variant.name,
                        stage=stage,
                        rounds=len(ratios),
                        median=median(ratios),
                        min=min(ratios),
                        max=max(ratios),
                        low=interval.low if interval else None,
                        high=interval.high if interval else None,
                    )


def _picker(photo: int, stage: str) -> Callable[[Round], float]:
    return lambda process: process_median(process, photo, stage)


def _per_round(
    reference: VariantTimes, variant: VariantTimes, pick: Callable[[Round], float]
) -> list[float]:
    """Return the baseline's time over the variant's for each round both ended well in."""
    mine = {process.round: pick(process) for process in variant.rounds}
    return [
        pick(process) / mine[process.round]
        for process in reference.rounds
        if mine.get(process.round)
    ]


def times_by_round(variant: VariantTimes, photo: int) -> dict[int, float]:
    """Return each process's median time of the whole in nanoseconds, by its round's number."""
    # a time of 0 has no ratio; the clock's smallest step stands in
    return {
        process.round: max(process_median(process, photo, WHOLE), 1.0) for process in variant.rounds
    }
