"""A frame as a video holds it: a plane of brightness and two of color.

Most videos have one sample of color for four pixels. A frame that stays so takes half the work of
one in blue, green and red, and what stays sharp of it leaves as it came.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float, encode

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
"""Brightness Y, 16 to 235, (H, W); color Cb and Cr, 16 to 240, (h, w) over the same area."""

BAND = 64
"""Rows that are mixed together: what is made on the way stays in the cache."""

BT601, BT2020 = (0.299, 0.114), (0.2627, 0.0593)
WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: BT2020, 10: BT2020}
"""How much of the brightness is red, and blue, by FFmpeg's number for a video's colors. Of others,
and where none is told, it takes BT.601."""


@functools.cache
def to_bgr(space: int) -> NDArray[np.float64]:
    """Return what turns a pixel's planes into its colors (ITU-R BT.601, 709 and 2020).

    Parameters
    ----------
    space : int
        FFmpeg's number.

    Returns
    -------
    (4, 4) float64
        Takes (Y, Cb, Cr, 1), levels, to (B, G, R, 1), of 0..255.

    Examples
    --------
    >>> (to_bgr(1) @ [235, 128, 128, 1]).round().tolist()
    [255.0, 255.0, 255.0, 1.0]
    """
    red, blue = WEIGHTS.get(space, BT601)
    green = 1 - red - blue
    luma, chroma = 255 / 219, 255 / 224
    colors = np.array(
        [
            [1, 2 * (1 - blue), 0],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 0, 2 * (1 - red)],
        ]
    ) * [luma, chroma, chroma]
    black = colors @ [16, 128, 128]
    return np.vstack([np.column_stack([colors, -black]), [0, 0, 0, 1]])


def planes_of(bgr: NDArray[np.uint8], space: int) -> Planes:
    """Turn colors into planes, each of the picture's size.

    Parameters
    ----------
    bgr : (H, W, 3) uint8
    space : int
        FFmpeg's number.

    Returns
    -------
    three of (H, W) uint8
    """
    back = np.linalg.inv(to_bgr(space))[:3]
    luma, blue, red = cv2.split(cv2.transform(bgr, back))
    return np.asarray(luma, np.uint8), np.asarray(blue, np.uint8), np.asarray(red, np.uint8)


def weighed_planes(planes: Planes, factors: Float) -> Plane:
    """Return a linear function of each sample's planes.

    Parameters
    ----------
    planes : three of (H, W) uint8
        Of one size.
    factors : (h, w, 4) float32
        Of Y, Cb, Cr and 1, interpolated bilinearly.

    Returns
    -------
    (H, W) uint8
        Rounded, what lies beyond 0..255 cut off.
    """
    of_luma, of_blue, of_red, rest = (
        cv2.resize(each, planes[0].shape[::-1]) for each in cv2.split(factors)
    )
    for plane, each in zip(planes, (of_luma, of_blue, of_red), strict=True):
        rest = cv2.add(rest, cv2.multiply(each, plane, dst=each, dtype=cv2.CV_32F), dst=rest)
    return encode(np.asarray(rest, np.float32), np.uint8)


def lay_over(behind: Plane, front: Plane, alpha: Plane) -> None:
    """Lay one plane over another.

    Parameters
    ----------
    behind : (H, W) uint8
        Becomes the result.
    front : (H, W) uint8
    alpha : (H, W) uint8, 0..255
        The share of the one in front: of 0 and 255 the other and the one, exactly.
    """
    for top in range(0, len(front), BAND):
        rows = slice(top, top + BAND)
        columns = np.flatnonzero(alpha[rows].max(axis=0))
        if columns.size:
            place = (rows, slice(columns[0], columns[-1] + 1))
            share = alpha[place].astype(np.float32)
            behind[place] = cv2.blendLinear(front[place], behind[place], share, 255 - share)
