"""What makes a measurement doubtful, in words: times that scatter, load not its own, no subject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.bench.schema import BenchReport, PhotoTimes, VariantTimes

UNSTABLE = 0.10
"""MAD over median above which a time is called unstable."""

STEAL = 0.02
"""Share of the machine's time that a hypervisor gave to others, in any one process."""

SWITCHES = 100.0
"""Times per second that a core was taken away; on an idle machine it is a handful."""

WAITING = 0.85
"""CPU time per second, of that of the variant's busiest process: the others had to wait."""

SCATTER, LOAD, SUBJECT = "scatter", "load", "subject"


@dataclass(frozen=True)
class StabilityWarning:
    """One doubt.

    Attributes
    ----------
    kind : str
        ``scatter``: a time is unstable; ``load``: something else ran; ``subject``: another label
        than the one asked for was cut out.
    variant : str
    photo : int
    text : str
        One line, without the variant and the photo.
    """

    kind: str
    variant: str
    photo: int
    text: str


def load_warnings(report: BenchReport) -> Iterator[StabilityWarning]:
    """Yield what was seen of other load; nothing where the system doesn't say."""
    for variant in report.variants:
        for photo in range(len(report.photos)):
            for text in (
                *_stolen(variant, photo, report.host.logical_cores),
                *_switched(variant, photo),
                *_waited(variant, photo),
            ):
                yield StabilityWarning(LOAD, variant.name, photo, text)


def subject_warnings(report: BenchReport) -> Iterator[StabilityWarning]:
    """Yield where the label asked for is not in a photo."""
    for variant in report.variants:
        for photo, times in enumerate(variant.rounds[0].photos):
            if not times.subject_found:
                text = (
                    f"no {report.settings.subject} in this photo; label {times.subject} was cut "
                    "out instead, so that every stage does its work"
                )
                yield StabilityWarning(SUBJECT, variant.name, photo, text)


def scatter_warning(
    variant: str, photo: int, scatter: Sequence[tuple[str, float]]
) -> list[StabilityWarning]:
    """Return one caution for all unstable stages; none where all are stable.

    Parameters
    ----------
    variant : str
    photo : int
    scatter : sequence of (str, float)
        Stage, and its MAD over its median.
    """
    unstable = [f"{stage} {share:.0%}" for stage, share in scatter if share > UNSTABLE]
    if not unstable:
        return []
    text = (
        f"unstable (deviation over median above {UNSTABLE:.0%}): {', '.join(unstable)}; "
        "more rounds or a quieter machine would tell more"
    )
    return [StabilityWarning(SCATTER, variant, photo, text)]


def _stolen(variant: VariantTimes, photo: int, cores: int) -> Iterator[str]:
    shares = [
        times.steal_ns / (times.wall_ns * cores)
        for times in _times(variant, photo)
        if times.steal_ns is not None and times.wall_ns
    ]
    affected = [share for share in shares if share > STEAL]
    if affected:
        yield (
            f"other load: a hypervisor gave up to {max(affected):.0%} of this machine's time "
            f"to others, in {len(affected)} of {len(shares)} processes"
        )


def _switched(variant: VariantTimes, photo: int) -> Iterator[str]:
    rates = [
        times.involuntary_switches / (times.wall_ns / 1e9)
        for times in _times(variant, photo)
        if times.involuntary_switches is not None and times.wall_ns
    ]
    affected = [rate for rate in rates if rate > SWITCHES]
    if affected:
        yield (
            f"other load: a core was taken away up to {max(affected):.0f} times a second, "
            f"in {len(affected)} of {len(rates)} processes"
        )


def _waited(variant: VariantTimes, photo: int) -> Iterator[str]:
    busy = [times.cpu_ns / times.wall_ns for times in _times(variant, photo) if times.wall_ns]
    affected = [share for share in busy if share < WAITING * max(busy)]
    if affected:
        yield (
            f"other load: {len(affected)} of {len(busy)} processes got less CPU time per second, "
            f"down to {min(affected):.2f} against {max(busy):.2f} s"
        )


def _times(variant: VariantTimes, photo: int) -> list[PhotoTimes]:
    return [process.photos[photo] for process in variant.rounds]
