"""Training samples: photos with people, and people cut out and put over other backgrounds.

A sample is what the graph sees: a photo resized to fit the crop, padded with mid-gray, and per
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
KEPT_BACK = HERE.parent.parent / "training" / "kept-back.txt"
"""Stems of the photos that are for validation only."""

PERSON, IGNORED = 255, 128
"""In masks; 0 is the rest."""

PADDING = 127.5
LARGEST = 720
"""Photos are shrunk to this many pixels on the longer side: more is not seen."""

ASPECTS = (16 / 9, 3 / 2, 4 / 3, 1.0, 3 / 4, 2 / 3, 9 / 16)
COMPOSED, EMPTY = 0.5, 0.15
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

    def mixed(self, count: int, share: float) -> tuple[Image, Pixels]:
        """Draw samples, a share of them laid over another: what those show is not known."""
        images, masks = self.batch(count)
        for place in np.flatnonzero(self._random.random(count) < share):
            other, _ = self.one()
            weight = self._random.uniform(0.3, 0.7)
            images[place] = weight * images[place] + (1 - weight) * other
            masks[place] = IGNORED
        return images, masks

    def one(self) -> tuple[Image, Pixels]:
        """Draw one."""
        draw = self._random.random()
        height, width = self._shape()
        if draw < COMPOSED:
            rgb, mask = self._composed(height, width)
        else:
            pool = self._nobody if draw < COMPOSED + EMPTY else self._people
            photo = pool[self._random.integers(len(pool))]
            if self._random.random() < 0.5:
                # all of it
                rows, columns = photo.mask.shape
                ratio = self._crop / max(rows, columns)
                height, width = max(1, round(rows * ratio)), max(1, round(columns * ratio))
            rgb, mask = self._view(photo, height, width)
        if self._random.random() < 0.5:
            rgb, mask = rgb[:, ::-1], mask[:, ::-1]
        return self._padded(self._degraded(self._colored(rgb)), mask)

    def _shape(self) -> tuple[int, int]:
        aspect = ASPECTS[self._random.integers(len(ASPECTS))]
        longer, shorter = self._crop, max(1, round(self._crop / max(aspect, 1 / aspect)))
        return (shorter, longer) if aspect > 1 else (longer, shorter)

    def _view(
        self, photo: Photo, height: int, width: int, least: float = 0.45
    ) -> tuple[Pixels, Pixels]:
        """Take a part of a photo, slightly turned, and make it this size."""
        rows, columns = photo.mask.shape
        most = min(rows / height, columns / width)
        scale = most * (1 - (1 - least) * self._random.uniform() ** 1.5)
        angle = self._random.normal(0, 7)
        spare_y, spare_x = (rows - scale * height) / 2, (columns - scale * width) / 2
        center = (
            columns / 2 + self._random.uniform(-1, 1) * spare_x,
            rows / 2 + self._random.uniform(-1, 1) * spare_y,
        )
        turn = self._turn(center, (width / 2, height / 2), angle, 1 / scale)
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
        for _ in range(self._random.choice([0, 0, 1, 2])):
            self._paste_thing(rgb, mask)
        for _ in range(self._random.choice([1, 1, 1, 2, 3])):
            self._paste(rgb, mask)
        if self._random.random() < 0.3:
            self._paste_thing(rgb, mask)
        return rgb, mask

    def _paste(self, rgb: Pixels, mask: Pixels) -> None:
        photo = self._people[self._random.integers(len(self._people))]
        inside = (photo.mask == PERSON).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(inside)
        person, alpha = (
            part[top : top + height, left : left + width] for part in (photo.rgb, inside * 255)
        )
        tall = mask.shape[0] * float(np.exp(self._random.uniform(np.log(0.15), np.log(1.3))))
        scale = tall / height
        angle = self._random.normal(0, 10)
        x = self._random.uniform(0, mask.shape[1])
        y = max(self._random.uniform(0.3, 1.0) * mask.shape[0], mask.shape[0] - tall / 2)
        turn = self._turn((width / 2, height / 2), (x, y), angle, scale)
        size = (mask.shape[1], mask.shape[0])
        person = self._colored(np.asarray(cv2.warpAffine(person, turn, size), np.uint8), 0.5)
        hard = cv2.warpAffine(alpha, turn, size).astype(np.float32) / 255
        self._cover(rgb, mask, person, np.asarray(hard, np.float32), PERSON)

    def _paste_thing(self, rgb: Pixels, mask: Pixels) -> None:
        """Put a blob of a photo without people over the sample: a pasted edge tells nothing."""
        height, width = mask.shape
        photo = self._nobody[self._random.integers(len(self._nobody))]
        thing, _ = self._view(photo, height, width, 0.3)
        across = float(np.exp(self._random.uniform(np.log(0.08), np.log(0.5)))) * max(height, width)
        angles = np.linspace(0, 2 * np.pi, self._random.integers(4, 16), endpoint=False)
        radii = across / 2 * self._random.uniform(0.4, 1.0, len(angles))
        stretch = self._random.uniform(0.4, 1.0, 2)
        center = self._random.uniform(0, 1, 2) * (width, height)
        outline = center + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] * stretch
        shape = np.zeros((height, width), np.uint8)
        cv2.fillPoly(shape, [np.round(outline).astype(np.int32)], (255,))
        if self._random.random() < 0.5:
            # round corners
            shape = np.asarray(cv2.medianBlur(shape, 15), np.uint8)
        self._cover(rgb, mask, self._colored(thing, 0.5), np.asarray(shape / 255, np.float32), 0)

    def _cover(self, rgb: Pixels, mask: Pixels, top: Pixels, hard: Image, label: int) -> None:
        soft = cv2.GaussianBlur(hard, (3, 3), self._random.uniform(0.3, 1.0))
        cover = np.asarray(soft, np.float32)[:, :, np.newaxis]
        rgb[:] = (top * cover + rgb * (1 - cover) + 0.5).astype(np.uint8)
        mask[cover[:, :, 0] > 0.5] = label

    def _turn(
        self, center: tuple[float, float], to: tuple[float, float], angle: float, scale: float
    ) -> NDArray[np.float64]:
        """Return the affine map that moves `center`, turns, stretches a little and scales."""
        turn = cv2.getRotationMatrix2D((0, 0), angle, scale)[:, :2]
        stretch = float(np.exp(self._random.normal(0, 0.08)))
        turn = turn @ np.array([[stretch, self._random.normal(0, 0.06)], [0, 1 / stretch]])
        return np.column_stack([turn, np.array(to) - turn @ np.array(center)])

    def _made_up(self, height: int, width: int) -> Pixels:
        """Smooth noise of a random fineness between two or more colors."""
        fineness = self._random.integers(2, 40)
        noise = self._random.uniform(0, 255, (fineness, fineness, 3)).astype(np.float32)
        kind = cv2.INTER_NEAREST if self._random.random() < 0.3 else cv2.INTER_CUBIC
        smooth = np.asarray(cv2.resize(noise, (width, height), interpolation=kind), np.float32)
        grain = self._random.normal(0, self._random.uniform(0, 15), smooth.shape)
        return np.clip(smooth + grain, 0, 255).astype(np.uint8)

    def _colored(self, rgb: Pixels, strength: float = 1.0) -> Pixels:
        """Change exposure, contrast, color balance, sharpness and noise."""
        image = rgb.astype(np.float32) / 255
        image = image ** float(np.exp(self._random.normal(0, 0.25 * strength)))
        image *= np.exp(self._random.normal(0, 0.1 * strength, 3)).astype(np.float32)
        gray = image.mean(axis=2, keepdims=True)
        color = self._random.uniform(1 - 0.8 * strength, 1 + 0.5 * strength)
        image = gray + (image - gray) * (0.0 if self._random.random() < 0.05 else color)
        if self._random.random() < 0.3 * strength:
            image = cv2.GaussianBlur(image, (0, 0), self._random.uniform(0.3, 1.5))
        image += self._random.normal(0, self._random.uniform(0, 0.04), image.shape)
        return np.asarray(np.clip(image, 0, 1) * 255 + 0.5, np.uint8)

    def _degraded(self, rgb: Pixels) -> Pixels:
        """Make some samples as coarse or as badly compressed as photos can be."""
        if self._random.random() < 0.15:
            size, ratio = rgb.shape[1::-1], self._random.uniform(0.4, 0.9)
            small = cv2.resize(rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
            rgb = np.asarray(cv2.resize(small, size), np.uint8)
        if self._random.random() < 0.2:
            quality = int(self._random.integers(25, 90))
            _, stored = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
            rgb = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
        return rgb

    def _padded(self, rgb: Pixels, mask: Pixels) -> tuple[Image, Pixels]:
        image = np.zeros((self._crop, self._crop, 3), np.float32)
        image[: mask.shape[0], : mask.shape[1]] = rgb.astype(np.float32) / PADDING - 1
        target = np.full((self._crop, self._crop), IGNORED, np.uint8)
        target[: mask.shape[0], : mask.shape[1]] = mask
        return image, target
