"""What a page shows of a measurement: numbers and names only; `html` puts them into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.host import HostFacts


@dataclass(frozen=True)
class Estimate:
    """A middle value and how far it can be trusted.

    Attributes
    ----------
    middle : float
    low, high : float or None
        Ends of the interval; None where there are too few processes for one.
    """

    middle: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class VariantView:
    """A variant; its place among all decides its color.

    Attributes
    ----------
    name, runtime, model : str
    threads : int
    load : Estimate
        Importing the runtime and opening the network, ns.
    memory : tuple of int
        Each process's largest resident memory in bytes; empty where the system doesn't say.
    """

    name: str
    runtime: str
    model: str
    threads: int
    load: Estimate
    memory: tuple[int, ...]


@dataclass(frozen=True)
class StageView:
    """A stage of a variant on a photo.

    Attributes
    ----------
    variant : int
        Place in the measurement's variants.
    stage : str
    values : tuple of float
        Each process's median in ns, in the order of the rounds.
    time : Estimate
        Over those, ns.
    """

    variant: int
    stage: str
    values: tuple[float, ...]
    time: Estimate


@dataclass(frozen=True)
class Rival:
    """A variant held against the fastest.

    Attributes
    ----------
    variant : int
    ratio : Estimate
        Its time over the fastest's in the same round.
    slower : bool
        Whether the interval says so; where not, noise forbids to tell the two apart.
    """

    variant: int
    ratio: Estimate
    slower: bool


@dataclass(frozen=True)
class VerdictView:
    """Which variant is the fastest on a photo, as far as the noise lets one say.

    Attributes
    ----------
    fastest : int
        The variant of the smallest median.
    time : Estimate
        Of the whole, ns.
    rounds : int
        Fewest rounds a comparison rests on.
    rivals : tuple of Rival
        Every other variant, fastest first.
    """

    fastest: int
    time: Estimate
    rounds: int
    rivals: tuple[Rival, ...]

    @property
    def clear(self) -> bool:
        """Whether every rival is slower beyond the noise."""
        return all(rival.slower for rival in self.rivals)


@dataclass(frozen=True)
class PhotoView:
    """What was measured on a photo."""

    name: str
    width: int
    height: int
    verdict: VerdictView
    whole: tuple[StageView, ...]
    stages: tuple[StageView, ...]


@dataclass(frozen=True)
class PlotPoint:
    """A variant on the plane of latency and quality.

    Attributes
    ----------
    variant : int
        Place in the measurement's variants.
    time : Estimate
        Of the whole, ns.
    mean_iou : float
        Of the subject, over the photos that show it.
    others : dict of str to (float or None)
        The other figures by name, IoUs and scores of 0 to 1; None where there is nothing to take
        one from.
    false_positive_share : float or None
    dominated_by : int or None
        Place of the variant that is at least as good and faster beyond the noise; None where none
        is known to be.
    """

    variant: int
    time: Estimate
    mean_iou: float
    others: dict[str, float | None]
    false_positive_share: float | None
    dominated_by: int | None


@dataclass(frozen=True)
class ParetoFront:
    """Latency on one photo against quality on a dataset.

    Attributes
    ----------
    source, created, dataset, sha256 : str
        The file the quality was read from, when it was judged, the dataset's name and hash.
    subject : str
    judged, shown : int
        Photos of the dataset, and those of them that show the subject.
    complete : bool
        Whether every variant was judged that should have been.
    photo : str
        The photo that latency was measured on.
    rounds : int
        Fewest rounds of a point.
    points : tuple of PlotPoint
        In the order of their times.
    unjoined : tuple of (str, str)
        Variants that have no point, and why.
    """

    source: str
    created: str
    dataset: str
    sha256: str
    subject: str
    judged: int
    shown: int
    complete: bool
    photo: str
    rounds: int
    points: tuple[PlotPoint, ...]
    unjoined: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RawRow:
    """One process on one photo; times in ns, by stage."""

    round: int
    order: int
    variant: int
    photo: int
    times: dict[str, float]
    memory: int | None


@dataclass(frozen=True)
class MeasurementView:
    """One result file.

    Attributes
    ----------
    source : str
        The file's name.
    created : str
        ISO 8601, UTC.
    command : tuple of str
        The command line that measured, empty where there was none.
    host : HostFacts
    settings : dict of str to object
    variants : tuple of VariantView
    photos : tuple of PhotoView
    absent : tuple of (str, str)
        Variants that were not measured, and why.
    problems : tuple of (str, str)
        Processes that did not end well: what happened, and the end of what they said.
    warnings : tuple of str
        What makes the figures worth less.
    raw : tuple of RawRow
    pareto_fronts : tuple of ParetoFront
        One for each evaluation and photo.
    """

    source: str
    created: str
    command: tuple[str, ...]
    host: HostFacts
    settings: dict[str, Any]
    variants: tuple[VariantView, ...]
    photos: tuple[PhotoView, ...]
    absent: tuple[tuple[str, str], ...]
    problems: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    raw: tuple[RawRow, ...]
    pareto_fronts: tuple[ParetoFront, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Attributes
    ----------
    title : str
    jpeg : bytes
    width, height : int
        Pixels.
    """

    title: str
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class PhotoStrip:
    """A photo with what was made of it.

    Attributes
    ----------
    name : str
        The file's name.
    model, subject : str
    share : float or None
        Of the photo that the subject covers, 0 to 1; None where it isn't in it.
    pictures : tuple of Picture
    """

    name: str
    model: str
    subject: str
    share: float | None
    pictures: tuple[Picture, ...]
