"""Two measurements into a verdict per stage and variant: whether the head became slower."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from toolkit.bench.samples import (
    BENCH,
    MeasuredSubject,
    SampleRun,
    find_files,
    read_run,
    samples_of,
)
from toolkit.errors import InputFileError, UsageError
from toolkit.stats.verdicts import THRESHOLD, Judgment, Samples, Verdict, judge, overall

PROCESS, FILE = "process", "file"


@dataclass(frozen=True)
class Difference:
    """Something that is not the same on both sides.

    Attributes
    ----------
    what : str
        Such as ``cpu`` or ``model of onnx``.
    base, head : str
        Values; several of one side are separated by `` / ``.
    forbids : bool
        Whether times can't be compared for it, or it merely may be the reason for a difference.
    """

    what: str
    base: str
    head: str
    forbids: bool


@dataclass(frozen=True)
class Comparison:
    """One stage of one variant on one photo, or one benchmark.

    Attributes
    ----------
    variant : str
        Its name; the benchmark's full name.
    photo : int or None
        The photo's number; None for ``load`` and for benchmarks.
    stage : str
    base_ns, head_ns : float or None
        Medians over the samples; None where that side lacks it.
    base_samples, head_samples : int
    ratio : float or None
        The median of every head's time over every base's; above 1 the head is slower.
    low, high : float or None
        The interval of the ratio; None where there are too few samples.
    p : float or None
        Of the Mann-Whitney test, corrected for all comparisons of this report.
    threshold : float
        What the ratio was held against.
    verdict : Verdict
    reason : str or None
        Why it is inconclusive.
    """

    variant: str
    photo: int | None
    stage: str
    base_ns: float | None
    head_ns: float | None
    base_samples: int
    head_samples: int
    ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    threshold: float
    verdict: Verdict
    reason: str | None


@dataclass(frozen=True)
class CompareReport:
    """What two measurements say of each other.

    Attributes
    ----------
    verdict : Verdict
        On all: slower if anything is; else inconclusive if anything is.
    sample : str
        What counts as one sample: ``process``, of one report of each side, or ``file``.
    base, head : tuple of Path
        The files.
    photos : tuple of str
        Their names, by number.
    differences : tuple of Difference
    failures : int
        Processes of either side that did not end well.
    added : tuple of str
        Variants or benchmarks that only the head has.
    comparisons : tuple of Comparison
    """

    verdict: Verdict
    sample: str
    base: tuple[Path, ...]
    head: tuple[Path, ...]
    photos: tuple[str, ...]
    differences: tuple[Difference, ...]
    failures: int
    added: tuple[str, ...]
    comparisons: tuple[Comparison, ...]


def compare(
    base: Path | str,
    head: Path | str,
    *,
    threshold: float = THRESHOLD,
    floor: float = 0.0,
    stages: Sequence[str] = (),
    allow_different_host: bool = False,
) -> CompareReport:
    """Compare two measurements.

    With one report of `toolkit bench` on each side a sample is a process, by its median. With
    several files on either side a sample is a file, and with pytest-benchmark always.

    Parameters
    ----------
    base, head : Path or str
        A file, a folder of files, or a pattern.
    threshold : float
        The relative difference that matters; 0.1 is 10 %.
    floor : float
        The least difference that matters, in nanoseconds.
    stages : sequence of str
        Those to judge; empty: all.
    allow_different_host : bool
        Judge although machines, models, photos or settings differ.

    Raises
    ------
    InputFileError
        A file is missing, damaged, or of neither form; or forms are mixed.
    UsageError
        Threshold or floor make no sense, or there is no such stage.

    Returns
    -------
    CompareReport
    """
    if not 0 < threshold < float("inf") or not 0 <= floor < float("inf"):
        raise UsageError("the threshold has to be above 0, and the floor 0 or more")
    bases = [read_run(path) for path in find_files(Path(base))]
    heads = [read_run(path) for path in find_files(Path(head))]
    _check_forms(bases + heads)
    differences = _differences(bases, heads)
    alone = len(bases) == len(heads) == 1
    base_samples = bases[0].samples if alone else samples_of(bases)
    head_samples = heads[0].samples if alone else samples_of(heads)
    subjects = [one for one in base_samples if not stages or one.stage in stages]
    if not subjects:
        known = ", ".join(dict.fromkeys(one.stage for one in base_samples))
        raise UsageError(f"nothing to compare in {', '.join(stages)}", f"there are: {known}")
    forbidding = [] if allow_different_host else [one for one in differences if one.forbids]
    comparisons = _compare(subjects, base_samples, head_samples, threshold=threshold, floor=floor)
    if forbidding:
        reason = f"not the same on both sides: {', '.join(one.what for one in forbidding)}"
        comparisons = [
            dataclasses.replace(one, verdict=Verdict.INCONCLUSIVE, reason=reason)
            for one in comparisons
        ]
    known_variants = {one.variant for one in base_samples}
    return CompareReport(
        verdict=overall(one.verdict for one in comparisons),
        sample=PROCESS if alone and bases[0].form == BENCH else FILE,
        base=tuple(run.path for run in bases),
        head=tuple(run.path for run in heads),
        photos=bases[0].photos,
        differences=tuple(differences),
        failures=sum(run.failures for run in bases + heads),
        added=tuple(
            dict.fromkeys(one.variant for one in head_samples if one.variant not in known_variants)
        ),
        comparisons=tuple(comparisons),
    )


def _check_forms(runs: Sequence[SampleRun]) -> None:
    other = next((run for run in runs if run.form != runs[0].form), None)
    if other:
        problem = f"is a file of {other.form}, and {runs[0].path} of {runs[0].form}"
        raise InputFileError(other.path, problem, "compare files of one kind")


def _differences(bases: Sequence[SampleRun], heads: Sequence[SampleRun]) -> list[Difference]:
    """Return what is not one value over all files; what a file doesn't say is passed over."""
    found = []
    for forbids in (True, False):
        sides = [
            [run.facts if forbids else run.circumstances for run in runs] for runs in (bases, heads)
        ]
        for what in dict.fromkeys(what for side in sides for facts in side for what in facts):
            base, head = (
                list(dict.fromkeys(facts[what] for facts in side if what in facts))
                for side in sides
            )
            if base and head and len({*base, *head}) > 1:
                found.append(Difference(what, " / ".join(base), " / ".join(head), forbids))
    return found


def _compare(
    subjects: Sequence[MeasuredSubject],
    base: Mapping[MeasuredSubject, tuple[float, ...]],
    head: Mapping[MeasuredSubject, tuple[float, ...]],
    *,
    threshold: float,
    floor: float,
) -> list[Comparison]:
    both = [subject for subject in subjects if subject in head]
    judged = judge(
        [Samples(base[one], head[one]) for one in both], threshold=threshold, floor=floor
    )
    judgments = dict(zip(both, judged, strict=True))
    return [
        _comparison(one, base[one], head.get(one, ()), judgments.get(one), threshold)
        for one in subjects
    ]


def _comparison(
    subject: MeasuredSubject,
    base: tuple[float, ...],
    head: tuple[float, ...],
    judged: Judgment | None,
    threshold: float,
) -> Comparison:
    interval = judged.interval if judged else None
    return Comparison(
        variant=subject.variant,
        photo=subject.photo if subject.photo >= 0 else None,
        stage=subject.stage,
        base_ns=float(median(base)),
        head_ns=float(median(head)) if head else None,
        base_samples=len(base),
        head_samples=len(head),
        ratio=judged.ratio if judged else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        p=judged.p if judged else None,
        threshold=judged.threshold if judged else threshold,
        verdict=judged.verdict if judged else Verdict.INCONCLUSIVE,
        reason=judged.reason if judged else "the head does not have it",
    )
