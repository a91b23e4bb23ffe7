"""What a worker is given and what it reports: plain data, for any process or machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """A photo and the files that are made of it.

    Attributes
    ----------
    photo : Path
    output : Path
        The portrait.
    stages, overlay, compare : Path or None
        Pictures besides, where they are wanted.
    """

    photo: Path
    output: Path
    stages: Path | None = None
    overlay: Path | None = None
    compare: Path | None = None

    @property
    def outputs(self) -> list[Path]:
        """Every file that is written."""
        pictures = (self.output, self.stages, self.overlay, self.compare)
        return [path for path in pictures if path]


@dataclass(frozen=True)
class LabelShare:
    """A label found and its share of the label map."""

    id: int
    name: str
    share: float


@dataclass(frozen=True)
class PhotoReport:
    """What became of one photo.

    Attributes
    ----------
    photo : Path
    output : Path or None
        The portrait; None where there is none.
    photo_size, network_size : (int, int) or None
        Height and width of the photo and of what the network saw.
    subject : str or None
        The label asked for.
    subject_found : bool or None
        Where False the photo was written unchanged.
    labels : tuple of LabelShare
        The largest share first.
    skipped : bool
        An earlier run made the portrait, and what is reported is what that run found.
    error : str or None
        Why it was not done, in one line.
    """

    photo: Path
    output: Path | None = None
    photo_size: tuple[int, int] | None = None
    network_size: tuple[int, int] | None = None
    subject: str | None = None
    subject_found: bool | None = None
    labels: tuple[LabelShare, ...] = ()
    skipped: bool = False
    error: str | None = None
