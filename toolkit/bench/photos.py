"""The photos that are measured on: given ones, or one that needs no file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.bench.schema import PhotoFacts
from toolkit.errors import MissingDependencyError
from toolkit.imaging import demo_photo, pixels_sha256, read_photo

WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True, eq=False)
class BenchPhoto:
    """A decoded photo; decoding is not measured.

    Attributes
    ----------
    name : str
    bgr : (H, W, 3) uint8
    """

    name: str
    bgr: NDArray[np.uint8]

    @property
    def facts(self) -> PhotoFacts:
        """What the report says of it."""
        height, width = self.bgr.shape[:2]
        return PhotoFacts(self.name, pixels_sha256(self.bgr), width, height)


def photo_from(path: Path) -> BenchPhoto:
    """Read a photo from a file.

    Raises
    ------
    PhotoError
        It is missing, broken or too large.
    """
    return BenchPhoto(path.name, read_photo(path).bgr)


def default_photo() -> BenchPhoto:
    """Return a 1280x720 photo: scikit-image's astronaut, or a made-up one where that is missing."""
    try:
        bgr = demo_photo()
    except MissingDependencyError:
        return synthetic_photo()
    # The upper part, head and shoulders, is what has the shape of a 1280x720 photo.
    rows = bgr.shape[1] * HEIGHT // WIDTH
    enlarged = cv2.resize(bgr[:rows], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return BenchPhoto("astronaut", np.asarray(enlarged, np.uint8))


def synthetic_photo() -> BenchPhoto:
    """Return 1280x720 pixels of soft blotches, the same on every machine."""
    blotches = np.random.default_rng(0).integers(0, 256, (9, 16, 3), np.uint8)
    enlarged = cv2.resize(blotches, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return BenchPhoto("synthetic", np.asarray(enlarged, np.uint8))
