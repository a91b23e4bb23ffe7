"""The photos: what there is, what may be trained on, and what each pixel shows.

A folder of data sets has `<set>/images`, and for photos with ground truth `<set>/masks`; a
`meta.tsv` names the photos and says whether they show people.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import InputFileError
from training.duplicates import BITS, fingerprint, near

HERE = Path(__file__).resolve().parent
KEPT_BACK = HERE / "kept-back.txt"
"""Stems of the photos that are for validation only."""

PERSON, UNKNOWN, NOBODY = 255, 128, 0
"""Values of a mask; those between are the probability of a person in 255ths."""

LONGEST = 1024
"""Photos are shrunk to this many pixels on the longer side: more is not seen."""

AGREED, CLAIMED = 0.8, 0.6
"""Where the teacher sees a person that the ground truth ignores, or denies: see `merge`."""

LEAST = 0.02
"""Share of a photo that a thing fills at least."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """A photo's files.

    Attributes
    ----------
    path : Path
    mask : Path or None
        Its ground truth.
    people : bool
        Whether it shows any; of photos with ground truth that says it too.
    """

    path: Path
    mask: Path | None
    people: bool

    @property
    def folder(self) -> str:
        """The data set's name."""
        return self.path.parent.parent.name

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem


@dataclass(frozen=True)
class Photo:
    """A photo in memory.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    mask : (H, W) uint8
        The person's probability in 255ths; `UNKNOWN` where nothing is known.
    folder : str
        The data set it is from.
    things : (H, W) uint8 or None
        Of a photo without people: the probability in 255ths that a pixel shows an animal or an
        object, where a teacher found one.
    """

    rgb: Pixels
    mask: Pixels
    folder: str
    things: Pixels | None = None

    @property
    def people(self) -> bool:
        """Whether it shows anybody for sure."""
        return bool((self.mask > 240).any())


def read_sources(data: Path) -> list[Source]:
    """List the photos of a folder of data sets."""
    people = {}
    if (data / "meta.tsv").exists():
        with (data / "meta.tsv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                people[row["file"]] = row["people"].startswith("yes")
    sources = []
    for path in sorted(data.glob("*/images/*")):
        mask = path.parent.parent / "masks" / f"{path.stem}.png"
        truth = mask if mask.exists() else None
        sources.append(Source(path, truth, people.get(path.relative_to(data).as_posix(), True)))
    return sources


def read_pixels(path: Path, mode: int) -> Pixels:
    """Decode an image file; `mode` is OpenCV's.

    Raises
    ------
    InputFileError
        It is no image.
    """
    found = cv2.imread(str(path), mode)
    if found is None:
        raise InputFileError(path, "is no picture that can be read", "check the data set")
    return np.asarray(found, np.uint8)


def read_photo(source: Source, teacher: Path | None = None) -> Photo:
    """Read a photo and what its pixels show.

    Parameters
    ----------
    source : Source
    teacher : Path, optional
        Folder of soft labels by `training.teacher`.
    """
    rgb = read_pixels(source.path, cv2.IMREAD_COLOR_RGB)
    things = None
    soft = teacher / source.folder / f"{source.stem}.png" if teacher else None
    chance = read_pixels(soft, cv2.IMREAD_GRAYSCALE) if soft and soft.exists() else None
    if source.mask:
        mask = read_pixels(source.mask, cv2.IMREAD_GRAYSCALE)
        mask = mask if chance is None else merge(mask, chance)
    elif not source.people:
        mask = np.zeros(rgb.shape[:2], np.uint8)
        if chance is not None and np.count_nonzero(chance > 200) > LEAST * chance.size:
            things = chance
    elif chance is None:
        mask = np.full(rgb.shape[:2], UNKNOWN, np.uint8)
    else:
        mask = chance
    ratio = min(1.0, LONGEST / max(mask.shape))
    size = (round(mask.shape[1] * ratio), round(mask.shape[0] * ratio))
    return Photo(
        np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8),
        source.folder,
        None if things is None else np.asarray(cv2.resize(things, size), np.uint8),
    )


def merge(mask: Pixels, chance: Pixels) -> Pixels:
    """Return a ground truth completed by a teacher.

    People whom the ground truth ignores become soft labels where the teacher is sure of them;
    what it denies and the teacher claims is unknown.

    Parameters
    ----------
    mask, chance : (H, W) uint8

    Examples
    --------
    >>> merge(np.uint8([[128, 128, 0, 0, 255]]), np.uint8([[250, 90, 200, 20, 0]])).tolist()
    [[250, 128, 128, 0, 255]]
    """
    merged = mask.copy()
    sure = (mask == UNKNOWN) & (chance >= AGREED * 255)
    merged[sure] = chance[sure]
    merged[(mask == NOBODY) & (chance >= CLAIMED * 255)] = UNKNOWN
    return merged


def split(
    folders: Sequence[Path], held_out: Iterable[Path] = ()
) -> tuple[list[Source], list[Source], list[Source]]:
    """Split the photos of folders of data sets.

    Parameters
    ----------
    folders : sequence of Path
    held_out : iterable of Path
        Folders of data sets of which nothing may be trained on.

    Returns
    -------
    list of Source, list of Source, list of Source
        To train on; kept back by `KEPT_BACK`; left out, because they look like a kept-back photo or
        one of `held_out`.
    """
    stems = set(KEPT_BACK.read_text().split())
    sources = [source for folder in folders for source in read_sources(folder)]
    kept_back = [source for source in sources if source.stem in stems and source.mask]
    reserved = [*kept_back, *(source for folder in held_out for source in read_sources(folder))]
    prints = np.array([_fingerprint(source) for source in reserved], bool).reshape(-1, BITS)
    trained, left_out = [], []
    for source in sources:
        if source.stem in stems or near(_fingerprint(source), prints):
            if source not in kept_back:
                left_out.append(source)
        else:
            trained.append(source)
    return trained, kept_back, left_out


def _fingerprint(source: Source) -> NDArray[np.bool_]:
    return fingerprint(read_pixels(source.path, cv2.IMREAD_COLOR_RGB))
