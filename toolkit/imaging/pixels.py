"""What a photo's pixels may be: 8 or 16 bits, or floats of 0..1."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
"""(H, W, 3) BGR, or (H, W): uint8, uint16, or float of 0..1."""

FilePixels = NDArray[np.uint8] | NDArray[np.uint16]
"""What photos' files hold, of the same shapes: 8 bits, 0..255, or 16, 0..65535."""

Float = NDArray[np.float32]


def top_level(dtype: Any) -> float:
    """Return the level of white: 255, 65535, or 1 of a float."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def encode(levels: Pixels, dtype: Any) -> Pixels:
    """Round levels to a dtype; the same array where they have it."""
    if levels.dtype == dtype:
        return levels
    if np.dtype(dtype) == np.uint8:
        nothing: Any = (0.0,) * 4  # OpenCV's types know no scalar here
        return np.asarray(cv2.add(levels, nothing, dtype=cv2.CV_8U), np.uint8)
    if np.issubdtype(dtype, np.integer):
        return np.asarray(np.clip(np.rint(levels), 0, top_level(dtype)), dtype)
    return levels.astype(dtype)


def eight_bits(photo: Pixels) -> NDArray[np.uint8]:
    """Return a photo with 8 bits a channel, each the nearest; the same array where it has them.

    Examples
    --------
    >>> eight_bits(np.array([[0, 128, 129, 65535]], np.uint16))
    array([[  0,   0,   1, 255]], dtype=uint8)
    """
    if photo.dtype == np.uint8:
        return photo
    return encode(np.asarray(photo * (255 / top_level(photo.dtype)), np.float32), np.uint8)


def upper_byte(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the upper byte of 16-bit levels: what decoders give that know 8 bits only.

    Examples
    --------
    >>> upper_byte(np.array([[0, 128, 256, 65535]], np.uint16))
    array([[  0,   0,   1, 255]], dtype=uint8)
    """
    return np.asarray(levels >> 8, np.uint8)
