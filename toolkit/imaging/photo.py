"""A photo: its pixels, its alpha, what its file says besides."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.metadata import Metadata
from toolkit.imaging.pixels import FilePixels

Level = TypeVar("Level", np.uint8, np.uint16)


@dataclass(frozen=True, eq=False)
class Photo(Generic[Level]):
    """A photo's pixels, upright.

    Attributes
    ----------
    bgr : (H, W, 3) uint8, BGR, 0..255
        Also under transparent pixels. Read with ``sixteen_bit``, uint16, 0..65535, if the file has
        them.
    alpha : (H, W) uint8 or None
        0 transparent, 255 opaque; None where the file has no transparency. Of `bgr`'s depth.
    metadata : Metadata
        Color profile, EXIF and XMP, of an upright photo.
    """

    bgr: NDArray[Level]
    alpha: NDArray[Level] | None = None
    metadata: Metadata = field(default_factory=Metadata)


def pixels_sha256(pixels: FilePixels) -> str:
    """Return the SHA-256 of decoded pixels: the same photo in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
