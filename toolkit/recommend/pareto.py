"""What nothing dominates, in numbers, and of the others why they are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from toolkit.bench.schema import VariantTimes
from toolkit.bench.statistics import process_median, times_by_round
from toolkit.evaluate.schema import Evaluation, VariantQuality
from toolkit.recommend.candidates import Candidate
from toolkit.recommend.choose import Figures
from toolkit.recommend.schema import ParetoPoint, Pruned
from toolkit.recommend.state import Timed
from toolkit.stats.pareto import TimesByRound, dominators


def untimed(candidates: Sequence[Candidate], timed: Timed) -> list[Pruned]:
    """Say why candidates have no times."""
    there = {one.name for one in timed.variants}
    reasons = {item.variant: item.problem for item in timed.failures}
    reasons |= {item.variant: item.reason for item in timed.skipped}
    return [
        Pruned(one.name, reasons.get(one.name, "was not timed"))
        for one in candidates
        if one.name not in there
    ]


def prune(
    candidates: Sequence[Candidate],
    times: Sequence[TimesByRound],
    quality: Sequence[float],
    reason: Callable[[str], str],
    pruned: list[Pruned],
) -> list[Candidate]:
    """Return the candidates that nothing dominates; the others go to `pruned`."""
    left = []
    for candidate, by in zip(candidates, dominators(times, quality), strict=True):
        if by is None:
            left.append(candidate)
        else:
            name = candidates[by].name
            pruned.append(Pruned(candidate.name, reason(name), name))
    return left


def point_of(candidate: Candidate, times: VariantTimes, iou: float) -> ParetoPoint:
    """Return a candidate's figures, as they are shown."""
    figures = Figures(candidate.name, candidate.threads, times_by_round(times, 0), iou)
    memory = [one.max_rss_bytes for one in times.rounds if one.max_rss_bytes is not None]
    return ParetoPoint(
        name=candidate.name,
        backend=times.variant.backend,
        version=times.version,
        profile=candidate.profile,
        threads=candidate.threads,
        model=times.model,
        rounds=len(times.rounds),
        whole_ns=figures.middle,
        segment_ns=float(median(process_median(one, 0, "segment") for one in times.rounds)),
        low_ns=figures.interval.low if figures.interval else None,
        high_ns=figures.interval.high if figures.interval else None,
        mean_iou=iou,
        memory_bytes=float(median(memory)) if memory else None,
    )


def under_the_names(
    evaluation: Evaluation, left: Sequence[Candidate], timed: Sequence[VariantTimes]
) -> Evaluation:
    """Give each candidate timed the quality of its masks, so that a page can join the two."""
    judged = {one.name: one for one in evaluation.variants}
    there = {one.name for one in timed}
    variants: list[VariantQuality] = [
        replace(judged[one.judged_as], name=one.name, variant=one.prepared.variant)
        for one in left
        if one.name in there
    ]
    return replace(evaluation, variants=tuple(variants), complete=True)
