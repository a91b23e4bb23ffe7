"""What a photo's pixels may be: 8 or 16 bits, or floats of 0..1."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError

Pixels = NDArray[Any]
"""(H, W, 3) BGR, or (H, W): uint8, uint16, or float of 0..1."""

FilePixels = NDArray[np.uint8] | NDArray[np.uint16]
"""What photos' files hold, of the same shapes: 8 bits, 0..255, or 16, 0..65535."""

Float = NDArray[np.float32]


def check_pixels(photo: Any, *, eight_bits: bool = False) -> Pixels:
    """Return an array in native byte order if it is a photo's pixels.

    Parameters
    ----------
    photo : array_like
    eight_bits : bool
        Whether only uint8 is taken.

    Returns
    -------
    (H, W, 3) uint8, uint16, or float of 0..1

    Raises
    ------
    UsageError
        It is not: the shape, the dtype or a float's range.

    Examples
    --------
    >>> check_pixels(np.zeros((4, 4), np.uint8))
    Traceback (most recent call last):
    toolkit.errors.UsageError: no photo: shape (4, 4); give an array (H, W, 3) in BGR
    """
    pixels = np.asarray(photo)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise UsageError(f"no photo: shape {pixels.shape}", "give an array (H, W, 3) in BGR")
    allowed = (np.uint8,) if eight_bits else (np.uint8, np.uint16, np.float32, np.float64)
    native = pixels.dtype.newbyteorder("=")
    if native not in allowed:
        names = ", ".join(np.dtype(kind).name for kind in allowed)
        raise UsageError(f"no photo: dtype {pixels.dtype}", f"convert it to one of: {names}")
    pixels = pixels.astype(native, copy=False)
    if native.kind == "f" and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise UsageError("no photo: float pixels beyond 0..1", "scale them, and replace NaN")
    return pixels


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
