"""Scenes whose every layer is known: people cut out of photos, in front of other backgrounds.

A photo is `share * person + (1 - share) * background`, so its ideal portrait is known too: the same
person before the same background, blurred while nobody stood in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import InputFileError
from toolkit.evaluate.dataset import SUBJECT, Dataset, Item, open_dataset

Pixels = NDArray[np.uint8]
Float = NDArray[np.float64]
Mask = NDArray[np.bool_]
Kind = Literal["photo", "checkerboard", "stripes", "white", "lamps"]

PEOPLE, STREET = "nprportrait", "coco_permissive"
"""Folders of the dataset: portraits with masks, and photos of which some show nobody."""

SIZE = (720, 1280)
COUNT, SEED = 24, 2018
TALL = (0.7, 1.05)
"""The cut-out's height, in heights of the scene."""
LEFT = (0.1, 0.9)
"""Where it stands: the share of the room beside it that is on its left."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo and what it is made of.

    Attributes
    ----------
    name : str
    kind : {"photo", "checkerboard", "stripes", "white", "lamps"}
        What the background is.
    photo : (H, W, 3) uint8, BGR
    share : (H, W) float64, 0..1
        Of the person in each pixel.
    person, background : (H, W, 3) uint8, BGR
        The layers; the person's is of no meaning where it has no share.
    """

    name: str
    kind: Kind
    photo: Pixels
    share: Float
    person: Pixels
    background: Pixels

    @property
    def subject(self) -> Mask:
        """Where the person has half of a pixel, or more."""
        return self.share >= 0.5

    def ideal(self, blurred: Float) -> Float:
        """Return the portrait as it should be, before a background that was blurred alone.

        Parameters
        ----------
        blurred : (H, W, 3) float64

        Returns
        -------
        (H, W, 3) float64
        """
        return mix(self.share, self.person, blurred)


def mix(share: Float, person: NDArray[Any], background: NDArray[Any]) -> Float:
    """Put a person before a background; (H, W, 3) float64."""
    front = share[:, :, np.newaxis]
    return np.asarray(front * person + (1 - front) * background, np.float64)


def compose(name: str, kind: Kind, share: Float, person: Pixels, background: Pixels) -> Scene:
    """Make the photo of known layers."""
    photo = np.rint(mix(share, person, background)).astype(np.uint8)
    return Scene(name, kind, photo, share, person, background)


def checkerboard(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Black and white squares, of 16 to 32 pixels."""
    side = int(rng.integers(16, 33))
    rows, columns = np.mgrid[:height, :width] // side
    return _gray((rows + columns) % 2 * 255)


def stripes(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Colored waves across, each 40 to 80 pixels long."""
    length = rng.uniform(40, 80)
    wave = np.sin(2 * np.pi * np.arange(width) / length) * 127.5 + 127.5
    row = np.stack([wave, 255 - wave, wave], axis=1)
    return np.asarray(np.rint(np.broadcast_to(row, (height, width, 3))), np.uint8)


def white(height: int, width: int, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - as others
    """Nothing but white."""
    return np.full((height, width, 3), 255, np.uint8)


def lamps(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Bright discs on black, a third of a per mille as many as pixels."""
    night = np.full((height, width, 3), 20, np.uint8)
    for _ in range(height * width // 3000):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        color = [int(level) for level in rng.integers(120, 256, 3)]
        cv2.circle(night, center, int(rng.integers(3, 14)), color, cv2.FILLED, cv2.LINE_AA)
    return night


def _gray(levels: NDArray[Any]) -> Pixels:
    return np.repeat(levels.astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


MADE_UP: tuple[tuple[Kind, Callable[[int, int, np.random.Generator], Pixels]], ...] = (
    ("checkerboard", checkerboard),
    ("stripes", stripes),
    ("white", white),
    ("lamps", lamps),
)


def cover(photo: Pixels, height: int, width: int) -> Pixels:
    """Resize a photo so that it just covers a scene, and cut its middle out."""
    scale = max(height / photo.shape[0], width / photo.shape[1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(round(photo.shape[1] * scale), width), max(round(photo.shape[0] * scale), height))
    large = cv2.resize(photo, size, interpolation=way)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.asarray(large[top : top + height, left : left + width], np.uint8)


def place(
    portrait: Pixels, subject: Mask, size: tuple[int, int], rng: np.random.Generator
) -> tuple[Float, Pixels]:
    """Shrink a cut-out and put it on a scene's lower edge.

    Its share of the pixels on its edge is the area of the mask in them. Where the portrait itself
    ends, the person is cut off straight.

    Parameters
    ----------
    portrait : (h, w, 3) uint8, BGR
    subject : (h, w) bool
    size : (int, int)
        Height and width of the scene.
    rng : Generator

    Returns
    -------
    share : (H, W) float64
    person : (H, W, 3) uint8, BGR
    """
    height, width = size
    scale = min(height * rng.uniform(*TALL) / portrait.shape[0], 1.0)
    small = (round(portrait.shape[1] * scale), round(portrait.shape[0] * scale))
    pixels = cv2.resize(portrait, small, interpolation=cv2.INTER_AREA)
    area = cv2.resize(subject.astype(np.float64), small, interpolation=cv2.INTER_AREA)
    left = round(rng.uniform(*LEFT) * (width - small[0]))
    top = height - small[1]
    share, person = np.zeros(size), np.zeros((*size, 3), np.uint8)
    rows, columns = slice(max(top, 0), height), slice(max(left, 0), min(left + small[0], width))
    inside = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    share[rows, columns], person[rows, columns] = area[inside], pixels[inside]
    return share, person


def without_people(dataset: Dataset) -> tuple[Item, ...]:
    """Return the photos whose masks have nobody, nor anything that may be somebody."""
    return tuple(item for item in dataset.items if not dataset.read(item).mask.any())


def draw_scenes(
    folder: Path, count: int = COUNT, size: tuple[int, int] = SIZE, seed: int = SEED
) -> Iterator[Scene]:
    """Draw scenes: two of three before photos, the third before what is made up.

    Parameters
    ----------
    folder : Path
        Holds `PEOPLE` and `STREET`, datasets that `toolkit evaluate` reads.
    count : int
    size : (int, int)
        Height and width.
    seed : int
        The same scenes come of the same seed.

    Yields
    ------
    Scene

    Raises
    ------
    InputFileError
        A dataset or a photo can't be read, or every photo shows somebody.
    """
    people, street = open_dataset(folder / PEOPLE), open_dataset(folder / STREET)
    empty = without_people(street)
    if not empty:
        raise InputFileError(street.path, "every photo shows people", "add some that don't")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(empty))
    for number in range(count):
        item = people.items[number * len(people.items) // count]
        portrait = people.read(item)
        share, person = place(portrait.bgr, portrait.mask == SUBJECT, size, rng)
        turn, rest = divmod(number, 3)
        if rest == 0:
            kind, make = MADE_UP[turn % len(MADE_UP)]
            background, behind = make(*size, rng), kind
        else:
            chosen = empty[order[(2 * turn + rest - 1) % len(empty)]]
            background, kind = cover(street.read(chosen).bgr, *size), "photo"
            behind = chosen.name
        yield compose(f"{item.name} before {behind}", kind, share, person, background)
