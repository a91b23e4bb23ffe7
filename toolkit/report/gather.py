"""A bench report into what a page shows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import median

from toolkit.bench.intervals import LEVEL, paired_interval
from toolkit.bench.schema import STAGES, WHOLE, BenchReport, Round, VariantTimes
from toolkit.bench.statistics import process_median, summarise
from toolkit.report.view import (
    Estimate,
    Measurement,
    PhotoView,
    RawRow,
    Rival,
    StageView,
    VariantView,
    Verdict,
)

SHOWN = ("first", *STAGES)
"""Stages of a photo, in the order of the work; ``load`` comes before any photo."""


def measurement_of(report: BenchReport, source: str) -> Measurement:
    """Gather what a page shows.

    Parameters
    ----------
    report : BenchReport
    source : str
        The name of the file it was read from.
    """
    return Measurement(
        source=source,
        created=report.created,
        command=report.command,
        host=report.host,
        settings=dataclasses.asdict(report.settings),
        variants=tuple(_variant(times) for times in report.variants),
        photos=tuple(
            PhotoView(
                name=photo.name,
                width=photo.width,
                height=photo.height,
                verdict=verdict_of(report, number),
                whole=_stages(report, number, (WHOLE,)),
                stages=_stages(report, number, SHOWN),
            )
            for number, photo in enumerate(report.photos)
        ),
        absent=tuple((skipped.variant, skipped.reason) for skipped in report.skipped),
        problems=tuple((failure.problem, failure.stderr) for failure in report.failures),
        warnings=tuple(
            f"{caution.variant} on {report.photos[caution.photo].name}: {caution.text}."
            for caution in summarise(report).cautions
        ),
        raw=tuple(_raw(report)),
    )


def verdict_of(report: BenchReport, photo: int) -> Verdict:
    """Decide which variant is the fastest on a photo.

    The candidate is the one with the smallest median. Every other is held against it round by
    round; the level of each interval is raised with their number, so that all of them hold together
    with 95 %. A rival whose interval reaches down to 1, or that has too few rounds for an interval,
    can't be told apart.

    Parameters
    ----------
    report : BenchReport
    photo : int
        Place in the report's photos.
    """
    times = [_by_round(variant, photo) for variant in report.variants]
    middles = [median(own.values()) for own in times]
    order = sorted(range(len(times)), key=middles.__getitem__)
    fastest, *others = order
    rivals = []
    rounds = [len(times[fastest])]
    for other in others:
        shared = times[fastest].keys() & times[other].keys()
        rounds.append(len(shared))
        ratios = [times[other][number] / times[fastest][number] for number in sorted(shared)]
        ratio = _estimate(ratios or [middles[other] / middles[fastest]], tests=len(others))
        rivals.append(Rival(other, ratio, ratio.low is not None and ratio.low > 1))
    return Verdict(
        fastest=fastest,
        time=_estimate(list(times[fastest].values())),
        rounds=min(rounds),
        rivals=tuple(rivals),
    )


def _by_round(variant: VariantTimes, photo: int) -> dict[int, float]:
    # a time of 0 has no ratio; the clock's smallest step stands in
    return {
        process.round: max(process_median(process, photo, WHOLE), 1.0) for process in variant.rounds
    }


def _estimate(values: Sequence[float], *, tests: int = 1) -> Estimate:
    """Return the median and its interval, at a level that holds for so many at once."""
    interval = paired_interval(
        [max(value, 1e-9) for value in values], level=1 - (1 - LEVEL) / max(tests, 1)
    )
    middle = float(median(values))
    return Estimate(middle, interval.low, interval.high) if interval else Estimate(middle)


def _variant(times: VariantTimes) -> VariantView:
    memory = [process.max_rss_bytes for process in times.rounds]
    return VariantView(
        name=times.name,
        runtime=f"{times.variant.backend} {times.version}",
        model=times.model.name,
        threads=times.threads,
        load=_estimate([float(process.load_ns) for process in times.rounds]),
        memory=tuple(size for size in memory if size is not None),
    )


def _stages(report: BenchReport, photo: int, stages: Sequence[str]) -> tuple[StageView, ...]:
    views = []
    for stage in stages:
        for place, variant in enumerate(report.variants):
            values = tuple(process_median(process, photo, stage) for process in variant.rounds)
            views.append(StageView(place, stage, values, _estimate(values)))
    return tuple(views)


def _raw(report: BenchReport) -> list[RawRow]:
    rows = [
        RawRow(
            round=process.round,
            order=process.order,
            variant=place,
            photo=photo,
            times={"load": float(process.load_ns), **_medians(process, photo)},
            memory=process.max_rss_bytes,
        )
        for place, variant in enumerate(report.variants)
        for process in variant.rounds
        for photo in range(len(report.photos))
    ]
    return sorted(rows, key=lambda row: (row.photo, row.round, row.order))


def _medians(process: Round, photo: int) -> dict[str, float]:
    return {stage: process_median(process, photo, stage) for stage in SHOWN}
