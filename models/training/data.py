"""Training samples: photos with people, and people cut out and put over other backgrounds.

A sample is what the graph sees: a photo resized to fit the crop, padded with mid-grey, and per
pixel whether it shows a person. All is drawn from one generator: a seed gives the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import InputFileError

HERE = Path(__file__).resolve().parent
KEPT_BACK = HERE / "kept-back.txt"
"""Stems of the photos that are for validation only."""

PERSON, IGNORED = 255, 128
"""In masks; 0 is the rest."""

PADDING = 127.5
LARGEST = 720
"""Photos are shrunk to this many pixels on the longer side: more is not seen."""

ASPECTS = (16 / 9, 3 / 2, 4 / 3, 1.0, 3 / 4, 2 / 3, 9 / 16)
COMPOSED, EMPTY = 0.55, 0.1
"""Shares of the samples: people over other backgrounds, and nobody at all."""

Pixels = NDArray[np.uint8]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Photo:
    """A photo in memory.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    mask : (H, W) uint8
        255 person, 128 ignored, 0 the rest.
    """

    rgb: Pixels
    mask: Pixels


def read_photos(folder: Path) -> tuple[list[Photo], list[Photo], list[Photo]]:
    """Read ``images/`` and ``masks/`` of every dataset in a folder.

    Returns
    -------
    list of Photo, list of Photo, list of Photo
        To train on, with people and without, and those kept back.
    """
    kept_back = set(KEPT_BACK.read_text().split())
    people: list[Photo] = []
    nobody: list[Photo] = []
    validation: list[Photo] = []
    for path in sorted(folder.glob("*/images/*")):
        mask = _pixels(path.parent.parent / "masks" / f"{path.stem}.png", cv2.IMREAD_GRAYSCALE)
        rgb = _pixels(path, cv2.IMREAD_COLOR_RGB)
        ratio = min(1.0, LARGEST / max(mask.shape))
        size = (round(mask.shape[1] * ratio), round(mask.shape[0] * ratio))
        photo = Photo(
            np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8),
            np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8),
        )
        if path.stem in kept_back:
            validation.append(photo)
        elif (mask == PERSON).any():
            people.append(photo)
        else:
            nobody.append(photo)
    return people, nobody, validation


def _pixels(path: Path, mode: int) -> Pixels:
    found = cv2.imread(str(path), mode)
    if found is None:
        raise InputFileError(path, "is no picture that can be read", "check the dataset")
    return np.asarray(found, np.uint8)


class Samples:
    """Draws samples.

    Parameters
    ----------
    people, nobody : list of Photo
    crop : int
    seed : int
    """

    def __init__(self, people: list[Photo], nobody: list[Photo], crop: int, seed: int) -> None:
        self._people, self._nobody, self._crop = people, nobody, crop
        self._random = np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Image, Pixels]:
        """Draw samples: (n, crop, crop, 3) float32 in -1..1, and (n, crop, crop) masks."""
        drawn = [self.one() for _ in range(count)]
        return np.stack([image for image, _ in drawn]), np.stack([mask for _, mask in drawn])

    def one(self) -> tuple[Image, Pixels]:
        """Draw one."""
        draw = self._random.random()
        height, width = self._shape()
        if draw < COMPOSED:
            rgb, mask = self._composed(height, width)
        else:
            pool = self._nobody if draw < COMPOSED + EMPTY else self._people
            photo = pool[self._random.integers(len(pool))]
            rgb, mask = self._view(photo, height, width)
        if self._random.random() < 0.5:
            rgb, mask = rgb[:, ::-1], mask[:, ::-1]
        return self._padded(self._coloured(rgb), mask)

    def _shape(self) -> tuple[int, int]:
        aspect = ASPECTS[self._random.integers(len(ASPECTS))]
        longer, shorter = self._crop, max(1, round(self._crop / max(aspect, 1 / aspect)))
        return (shorter, longer) if aspect > 1 else (longer, shorter)

    def _view(
        self, photo: Photo, height: int, width: int, least: float = 0.55
    ) -> tuple[Pixels, Pixels]:
        """Take a part of a photo, slightly turned, and make it this size."""
        rows, columns = photo.mask.shape
        most = min(rows / height, columns / width)
        scale = most * self._random.uniform(least, 1.0)
        angle = self._random.normal(0, 7)
        spare_y, spare_x = (rows - scale * height) / 2, (columns - scale * width) / 2
        centre = (
            columns / 2 + self._random.uniform(-1, 1) * spare_x,
            rows / 2 + self._random.uniform(-1, 1) * spare_y,
        )
        turn = cv2.getRotationMatrix2D(centre, angle, 1 / scale)
        turn[:, 2] += (width / 2 - centre[0], height / 2 - centre[1])
        rgb = cv2.warpAffine(
            photo.rgb, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
        )
        mask = cv2.warpAffine(
            photo.mask,
            turn,
            (width, height),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_REFLECT,
        )
        return np.asarray(rgb, np.uint8), np.asarray(mask, np.uint8)

    def _composed(self, height: int, width: int) -> tuple[Pixels, Pixels]:
        """Put one to three cut-out people over a background without any."""
        if self._random.random() < 0.7:
            photo = self._nobody[self._random.integers(len(self._nobody))]
            rgb, mask = self._view(photo, height, width)
        else:
            rgb, mask = self._made_up(height, width), np.zeros((height, width), np.uint8)
        rgb, mask = rgb.copy(), mask.copy()
        for _ in range(self._random.choice([1, 1, 1, 2, 3])):
            self._paste(rgb, mask)
        return rgb, mask

    def _paste(self, rgb: Pixels, mask: Pixels) -> None:
        photo = self._people[self._random.integers(len(self._people))]
        inside = (photo.mask == PERSON).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(inside)
        person, alpha = (
            part[top : top + height, left : left + width] for part in (photo.rgb, inside * 255)
        )
        tall = mask.shape[0] * float(np.exp(self._random.uniform(np.log(0.25), np.log(1.3))))
        scale = tall / height
        angle = self._random.normal(0, 10)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
        x = self._random.uniform(0, mask.shape[1])
        y = max(self._random.uniform(0.3, 1.0) * mask.shape[0], mask.shape[0] - tall / 2)
        turn[:, 2] += np.array((x - width / 2, y - height / 2))
        size = (mask.shape[1], mask.shape[0])
        person = self._coloured(np.asarray(cv2.warpAffine(person, turn, size), np.uint8), 0.5)
        hard = cv2.warpAffine(alpha, turn, size).astype(np.float32) / 255
        soft = cv2.GaussianBlur(hard, (3, 3), self._random.uniform(0.3, 1.0))
        cover = np.asarray(soft, np.float32)[:, :, np.newaxis]
        rgb[:] = (person * cover + rgb * (1 - cover) + 0.5).astype(np.uint8)
        mask[cover[:, :, 0] > 0.5] = PERSON

    def _made_up(self, height: int, width: int) -> Pixels:
        """Smooth noise of a random fineness between two or more colours."""
        fineness = self._random.integers(2, 40)
        noise = self._random.uniform(0, 255, (fineness, fineness, 3)).astype(np.float32)
        kind = cv2.INTER_NEAREST if self._random.random() < 0.3 else cv2.INTER_CUBIC
        smooth = np.asarray(cv2.resize(noise, (width, height), interpolation=kind), np.float32)
        grain = self._random.normal(0, self._random.uniform(0, 15), smooth.shape)
        return np.clip(smooth + grain, 0, 255).astype(np.uint8)

    def _coloured(self, rgb: Pixels, strength: float = 1.0) -> Pixels:
        """Change exposure, contrast, colour balance, sharpness and noise."""
        image = rgb.astype(np.float32) / 255
        image = image ** float(np.exp(self._random.normal(0, 0.25 * strength)))
        image *= np.exp(self._random.normal(0, 0.1 * strength, 3)).astype(np.float32)
        grey = image.mean(axis=2, keepdims=True)
        image = grey + (image - grey) * self._random.uniform(1 - 0.8 * strength, 1 + 0.5 * strength)
        if self._random.random() < 0.3 * strength:
            image = cv2.GaussianBlur(image, (0, 0), self._random.uniform(0.3, 1.5))
        image += self._random.normal(0, self._random.uniform(0, 0.04), image.shape)
        return np.asarray(np.clip(image, 0, 1) * 255 + 0.5, np.uint8)

    def _padded(self, rgb: Pixels, mask: Pixels) -> tuple[Image, Pixels]:
        image = np.zeros((self._crop, self._crop, 3), np.float32)
        image[: mask.shape[0], : mask.shape[1]] = rgb.astype(np.float32) / PADDING - 1
        target = np.full((self._crop, self._crop), IGNORED, np.uint8)
        target[: mask.shape[0], : mask.shape[1]] = mask
        return image, target
