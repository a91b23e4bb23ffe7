"""sRGB levels to light and back, with lamps that were brighter than white could be drawn."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float, Pixels, encode, top_level

HIGHLIGHT_HEADROOM = 0.2
"""A white pixel may have been brighter than white, as lamps are: its light counts for 1 / headroom,
5 times its light, and dark ones for about theirs."""


def to_linear_light(photo: Pixels, out: Float | None = None) -> Float:
    """Turn sRGB levels into light, white having been brighter than it could be drawn.

    Parameters
    ----------
    photo : (..., 3) uint8, uint16, or float of 0..1
    out : (..., 3) float32, optional
        Where it is written to.

    Returns
    -------
    (..., 3) float32
        0 and up.
    """
    if photo.dtype == np.uint8:
        return np.asarray(cv2.LUT(photo, _linear_light_table(), dst=out), np.float32)
    linear_light = _linear_light(np.asarray(photo / top_level(photo.dtype), np.float32))
    if out is None:
        return linear_light
    out[:] = linear_light
    return out


@functools.cache
def _linear_light_table() -> Float:
    return _linear_light(np.arange(256, dtype=np.float32) / 255)


def _linear_light(level: NDArray[np.floating[Any]]) -> Float:
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear, 0, 1)
    return np.asarray(linear / (1 + HIGHLIGHT_HEADROOM - linear), np.float32)


def from_linear_light(linear_light: Float, dtype: Any) -> Float:
    """Return levels of a dtype, 0..`top_level`, not rounded; inverts `to_linear_light`."""
    linear = np.maximum(linear_light, 0)
    linear = linear * (1 + HIGHLIGHT_HEADROOM) / (1 + linear)
    # sRGB's straight part lies above its root up to where they meet, and is cut there
    level = np.maximum(1.055 * linear ** (1 / 2.4) - 0.055, np.minimum(12.92 * linear, 0.04045))
    return np.asarray(np.minimum(level, 1) * top_level(dtype), np.float32)


def levels_of(linear_light: Float, dtype: Any) -> Pixels:
    """Turn light back into levels of a dtype, rounded: `from_linear_light`, of 8 bits by a table.

    Parameters
    ----------
    linear_light : (H, W, 3) float32
        0 and up.
    dtype : numpy dtype

    Returns
    -------
    (H, W, 3) of that dtype
    """
    if dtype != np.uint8:
        return encode(from_linear_light(linear_light, dtype), dtype)
    linear = cv2.divide(
        linear_light, linear_light + 1, scale=(1 + HIGHLIGHT_HEADROOM) * 0xFFFF, dtype=cv2.CV_16U
    )
    return np.asarray(cv2.LUT(linear, _level_table()), np.uint8)


@functools.cache
def _level_table() -> NDArray[np.uint8]:
    """Return the sRGB level of each linear value of 16 bits: at most 0.05 levels apart."""
    linear = np.arange(0x10000) / 0xFFFF
    level = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * level), np.uint8)
