"""The three blurs, restated from their definitions in float64, by convolution alone.

They share no code with `toolkit.portrait.lens` on purpose: they say what its blurs should be.
Nothing is reduced, nothing is left out. What lies outside a picture mirrors the inside.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Kernel = Literal["box", "gaussian", "lens"]
Float = NDArray[np.float64]

HEADROOM = 0.2
FINE = 64
"""Slices of a pixel that a disc's area is summed over."""


def weights(kernel: Kernel, size: float) -> Float:
    """Return a kernel's weights, in sum 1.

    Parameters
    ----------
    kernel : {"box", "gaussian", "lens"}
    size : float
        The side of the box, an odd number; the others have its variance in each direction.

    Returns
    -------
    (n, n) float64, n odd
    """
    if kernel == "box":
        return np.full((int(size),) * 2, 1 / int(size) ** 2)
    variance = (size**2 - 1) / 12
    if kernel == "gaussian":
        offsets = np.arange(-math.ceil(5 * math.sqrt(variance)), math.ceil(5 * variance**0.5) + 1)
        gaussian = np.exp(-(offsets**2) / (2 * variance))
        return np.asarray(np.outer(gaussian, gaussian) / gaussian.sum() ** 2, np.float64)
    return disk(2 * math.sqrt(variance))


def disk(radius: float) -> Float:
    """Return each pixel's part of a disc: its slices' chords, cut to the pixel.

    >>> disc(0.4).tolist()
    [[1.0]]
    """
    reach = math.ceil(radius - 0.5)
    centers = np.arange(-reach, reach + 1)
    slices = (np.arange(len(centers) * FINE) + 0.5) / FINE - reach - 0.5
    chord = np.sqrt(np.maximum(radius**2 - slices**2, 0))[:, np.newaxis]
    length = np.minimum(centers + 0.5, chord) - np.maximum(centers - 0.5, -chord)
    area = np.maximum(length, 0).reshape(len(centers), FINE, -1).sum(axis=1)
    return np.asarray(area / area.sum(), np.float64)


def convolve(image: NDArray[Any], kernel: Float) -> Float:
    """Convolve with a symmetric kernel.

    Parameters
    ----------
    image : (H, W) or (H, W, 3)
    kernel : (n, n) float64

    Returns
    -------
    of the image's shape, float64
    """
    return np.asarray(
        cv2.filter2D(
            image.astype(np.float64), cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT_101
        )
    )


def to_linear_light(levels: Float) -> Float:
    """Turn sRGB levels into light; white counts for 1 / `HEADROOM`."""
    level = levels / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear / (1 + HEADROOM - linear), np.float64)


def from_linear_light(light: Float) -> Float:
    """Turn light into sRGB levels, 0..255."""
    linear = np.clip(light * (1 + HEADROOM) / (1 + light), 0, 1)
    level = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(255 * level, np.float64)


def blurred(picture: NDArray[np.uint8], kernel: Kernel, size: float) -> Float:
    """Blur all of a picture.

    Parameters
    ----------
    picture : (H, W, 3) uint8
    kernel, size
        See `weights`.

    Returns
    -------
    (H, W, 3) float64, 0..255, not rounded
    """
    taps = weights(kernel, size)
    if kernel == "lens":
        light = convolve(to_linear_light(picture.astype(np.float64)), taps)
        return from_linear_light(np.maximum(light, 0))
    return convolve(picture, taps)
