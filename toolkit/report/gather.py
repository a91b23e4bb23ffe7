"""A bench report into what a page shows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import median

from toolkit.bench.schema import MEASURED_STAGES, WHOLE, BenchReport, Round, VariantTimes
from toolkit.bench.statistics import process_median, summarize, times_by_round
from toolkit.evaluate.schema import Evaluation, VariantQuality
from toolkit.evaluate.schema import summarize as summarize_quality
from toolkit.report.view import (
    Estimate,
    MeasurementView,
    ParetoFront,
    PhotoView,
    PlotPoint,
    RawRow,
    Rival,
    StageView,
    VariantView,
    VerdictView,
)
from toolkit.stats.intervals import LEVEL, paired_interval
from toolkit.stats.pareto import dominators

SHOWN = ("first", *MEASURED_STAGES)
"""Stages of a photo, in the order of the work; ``load`` comes before any photo."""


def measurement_of(
    report: BenchReport, source: str, evaluations: Sequence[tuple[Evaluation, str]] = ()
) -> MeasurementView:
    """Gather what a page shows.

    Parameters
    ----------
    report : BenchReport
    source : str
        The name of the file it was read from.
    evaluations : sequence of (Evaluation, str)
        What was judged of the same variants, each with the name of its file.
    """
    return MeasurementView(
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
            f"{warning.variant} on {report.photos[warning.photo].name}: {warning.text}."
            for warning in summarize(report).warnings
        ),
        raw=tuple(_raw(report)),
        pareto_fronts=tuple(
            pareto_front_of(report, photo, evaluation, of)
            for evaluation, of in evaluations
            for photo in range(len(report.photos))
        ),
    )


def verdict_of(report: BenchReport, photo: int) -> VerdictView:
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
    times = [times_by_round(variant, photo) for variant in report.variants]
    middles = [median(own.values()) for own in times]
    order = sorted(range(len(times)), key=middles.__getitem__)
    fastest, *others = order
    rivals = []
    rounds = [len(times[fastest])]
    for other in others:
        rounds.append(len(times[fastest].keys() & times[other].keys()))
        ratio = _ratio(times[other], times[fastest], tests=len(others))
        rivals.append(Rival(other, ratio, _above_one(ratio)))
    return VerdictView(
        fastest=fastest,
        time=_estimate(list(times[fastest].values())),
        rounds=min(rounds),
        rivals=tuple(rivals),
    )


def _ratio(slower: dict[int, float], faster: dict[int, float], *, tests: int) -> Estimate:
    """Return the ratio of two variants' times within a round."""
    shared = sorted(slower.keys() & faster.keys())
    ratios = [slower[number] / faster[number] for number in shared]
    return _estimate(ratios or [median(slower.values()) / median(faster.values())], tests=tests)


def _above_one(ratio: Estimate) -> bool:
    """Whether the interval says that it is; without one nothing is known."""
    return ratio.low is not None and ratio.low > 1


def pareto_front_of(
    report: BenchReport, photo: int, evaluation: Evaluation, source: str
) -> ParetoFront:
    """Join latency and quality of the same variants.

    Two belong together where their names are the same and they ran the same file, by its hash. A
    variant is dominated where another's mean IoU is at least as high and the interval of the ratio
    of their times, round by round, says that the other is faster; the level of the intervals is
    raised with the number of pairs.

    Parameters
    ----------
    report : BenchReport
    photo : int
        Place in the report's photos.
    evaluation : Evaluation
    source : str
        The name of the file it was read from.
    """
    judged = {variant.name: variant for variant in evaluation.variants}
    unjoined = [
        (variant.name, reason)
        for variant in report.variants
        if (reason := _why_not(variant, judged.get(variant.name)))
    ]
    without = {name for name, _ in unjoined}
    joined = [place for place, one in enumerate(report.variants) if one.name not in without]
    times = {place: times_by_round(report.variants[place], photo) for place in joined}
    quality = {place: summarize_quality(judged[report.variants[place].name]) for place in joined}
    iou = {place: one.mean_iou or 0.0 for place, one in quality.items()}
    order = sorted(joined, key=lambda place: median(times[place].values()))
    found = dominators([times[place] for place in joined], [iou[place] for place in joined])
    dominated_by = {
        place: None if other is None else joined[other]
        for place, other in zip(joined, found, strict=True)
    }
    measured = {variant.name for variant in report.variants}
    unjoined += [(name, "was not measured") for name in judged if name not in measured]
    return ParetoFront(
        source=source,
        created=evaluation.created,
        dataset=evaluation.dataset.name,
        sha256=evaluation.dataset.sha256,
        subject=evaluation.settings.subject,
        judged=len(evaluation.photos),
        shown=sum(one.subject_pixels > 0 for one in evaluation.photos),
        complete=evaluation.complete,
        photo=report.photos[photo].name,
        rounds=min((len(own) for own in times.values()), default=0),
        points=tuple(
            PlotPoint(
                variant=place,
                time=_estimate(list(times[place].values())),
                mean_iou=iou[place],
                others={
                    "median": quality[place].median_iou,
                    "5th percentile": quality[place].p5_iou,
                    "pooled": quality[place].pooled_iou,
                    "boundary F": quality[place].boundary_f,
                    "mIOU": quality[place].mean_class_iou,
                },
                false_positive_share=quality[place].false_positive_share,
                dominated_by=dominated_by[place],
            )
            for place in order
        ),
        unjoined=tuple(unjoined),
    )


def _why_not(measured: VariantTimes, judged: VariantQuality | None) -> str:
    """Say why a variant has no quality; empty where it has."""
    if judged is None:
        return "was not judged"
    hashes = [one.model.onnx_sha256 or one.model.graph_sha256 for one in (measured, judged)]
    if None in hashes or hashes[0] != hashes[1]:
        return "another file was judged than was measured, by their hashes"
    if not any(photo.iou is not None for photo in judged.photos):
        return "no photo of the dataset shows the subject"
    return ""


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
