"""One photo's file to its portrait's files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.backends import Backend
from toolkit.graphs.network import Network
from toolkit.imaging import WITHOUT_ALPHA, Photo, read_photo, write_photo
from toolkit.imaging.metadata import without_location
from toolkit.imaging.pixels import eight_bits
from toolkit.portrait import Portrait, Style, Tutorial, make_portrait

log = logging.getLogger(__name__)


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
class PortraitSettings:
    """How the portraits of a run are made and written.

    Attributes
    ----------
    subject : int
        The label that stays sharp.
    style : Tutorial or Natural
    quality : int
        Of JPEG and WebP, 1 to 100.
    strip : bool
        Leave out of the metadata where the photo was made.
    """

    subject: int
    style: Style
    quality: int = 95
    strip: bool = False


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


def make_files(job: Job, backend: Backend, settings: PortraitSettings) -> PhotoReport:
    """Read a photo, make its portrait, write every file of it.

    Parameters
    ----------
    job : Job
    backend : Backend
        May serve other threads at the same time.
    settings : PortraitSettings

    Returns
    -------
    PhotoReport

    Raises
    ------
    PhotoError
        The photo can't be read, or its portrait not be encoded.
    StoreError
        A file can't be written.
    BackendError
        The runtime failed.
    """
    photo: Photo[Any] = read_photo(job.photo, sixteen_bit=True)
    if isinstance(settings.style, Tutorial):  # whose bytes are of 8 bits
        alpha = None if photo.alpha is None else eight_bits(photo.alpha)
        photo = Photo(eight_bits(photo.bgr), alpha, photo.metadata)
    made = make_portrait(
        photo.bgr,
        backend,
        subject=settings.subject,
        style=settings.style,
        stages=bool(job.stages or job.overlay),
    )
    _write(job, photo, made, backend.network, settings)
    return PhotoReport(
        photo=job.photo,
        output=job.output,
        photo_size=made.photo_size,
        network_size=made.network_size,
        subject=backend.network.labels[settings.subject],
        subject_found=made.subject_found,
        labels=tuple(_label_shares(made, backend.network)),
    )


def _write(
    job: Job, photo: Photo[Any], made: Portrait, network: Network, settings: PortraitSettings
) -> None:
    from toolkit.report.pictures import comparison, contact_sheet, overlay

    metadata = without_location(photo.metadata) if settings.strip else photo.metadata
    write_photo(job.output, made.image, photo.alpha, metadata=metadata, quality=settings.quality)
    if photo.alpha is not None and job.output.suffix.lower() in WITHOUT_ALPHA:
        log.warning("%s: JPEG has no transparency; the photo's was left out", job.output)
    if made.stages and job.stages:
        write_photo(job.stages, contact_sheet(made.stages, network.labels))
    if made.stages and job.overlay:
        shown = overlay(eight_bits(made.stages.photo), made.stages.mask)
        alpha = None if photo.alpha is None else eight_bits(photo.alpha)
        write_photo(job.overlay, shown, alpha)
    if job.compare:
        write_photo(job.compare, comparison(photo.bgr, made, settings.subject))


def _label_shares(made: Portrait, network: Network) -> Iterator[LabelShare]:
    for label, share in sorted(made.shares.items(), key=lambda found: -found[1]):
        yield LabelShare(label, network.labels[label], share)
