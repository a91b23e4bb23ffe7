"""A Gaussian of middling width, computed on a photo of half the size.

The photo is halved by a step of a Gaussian pyramid (Burt and Adelson, 1983), convolved there with
what is left of the bell, and enlarged by a step. Each step is a narrow bell itself, which lets
hardly anything through that half the size can't hold: the result is that with every tap, but for
rounding.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float, Pixels, encode
from toolkit.portrait.downsampled import Background
from toolkit.portrait.lens import Blur, divided, gaussian, weighed

STEP = 1.0
"""Variance of a step down, or up: square pixels of the photo."""

BAND_ROWS = 64
"""Of a photo that are halved together: as floats they are to fit the cache."""


class PyramidBackground(Background):
    """What is behind the subject, blurred by a Gaussian: at half the size, every other pixel.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    alpha : (H, W) uint8, 0..255
        The subject's share of each pixel.
    blur : Blur
        A Gaussian of factor 2.
    """

    def __init__(self, photo: Pixels, alpha: NDArray[np.uint8], blur: Blur) -> None:
        left = math.sqrt(blur.sigma**2 - 2 * STEP) / 2
        taps = gaussian(left, left)
        halves = _pyramid_down(photo, alpha)
        rows, columns = (_mirrored(length, len(taps) // 2) for length in alpha.shape)
        height, width = (len(places) - len(taps) + 1 for places in (rows, columns))
        small: Pixels = np.empty((height, width, 3), photo.dtype)
        for row in range(0, height, BAND_ROWS):
            done = slice(row, min(row + BAND_ROWS, height))
            read = rows[row : done.stop + len(taps) - 1]
            mean = divided(*(_convolved(half, read, columns, taps) for half in halves))
            small[done] = encode(mean, photo.dtype)
        super().__init__(small, (alpha.shape[0], alpha.shape[1]))

    def enlarged(self, small: Pixels, rows: slice, columns: slice) -> Pixels:
        """Return a part of an image like `small` at the photo's size."""
        spans, kept = [], []
        for part in (rows, columns):
            first = max(part.start // 2 - 1, 0)  # one more on each side: its neighbors count
            spans.append(slice(first, part.stop // 2 + 2))
            kept.append(slice(part.start - 2 * first, part.stop - 2 * first))
        return np.asarray(cv2.pyrUp(small[tuple(spans)])[tuple(kept)], small.dtype)


def _pyramid_down(photo: Pixels, alpha: NDArray[np.uint8]) -> tuple[Float, Float]:
    """Return at half the size what has weight, and the weights."""
    height, width = alpha.shape
    count = (height + 1) // 2
    total = np.empty((count, (width + 1) // 2, 3), np.float32)
    shares = np.ones(total.shape[:2], np.float32)
    step = BAND_ROWS // 2
    for row in range(0, count, step):
        stop = min(row + step, count)
        above = min(row, 1)  # one that is not kept: its neighbors count
        band = slice(2 * (row - above), min(2 * stop + 1, height))
        kept = slice(above, above + stop - row)
        levels = photo[band].astype(np.float32)
        subject = np.flatnonzero(alpha[band].max(axis=0))
        if subject.size:
            # from an even column on; so wide that at its ends nothing of the subject is mirrored
            first = max(subject[0] // 2 * 2 - 4, 0)
            hidden = slice(first, min(subject[-1] + 6, width))
            weight = np.asarray(cv2.bitwise_not(alpha[band, hidden]), np.uint8)
            levels[:, hidden] = weighed(photo[band, hidden], weight)
            half = cv2.pyrDown(weight.astype(np.float32))[kept]
            shares[row:stop, first // 2 : first // 2 + half.shape[1]] = half / 255
        total[row:stop] = cv2.pyrDown(levels)[kept]
    return total, shares


def _convolved(
    half: Float, rows: NDArray[np.intp], columns: NDArray[np.intp], taps: NDArray[np.float64]
) -> Float:
    """Convolve some rows, each place being that of the half which stands there."""
    reach, count = len(taps) // 2, half.shape[1]
    inner = half[rows]
    before, after = inner[:, columns[:reach]], inner[:, columns[reach + count :]]
    wide = np.concatenate([before, inner, after], axis=1)
    made = cv2.sepFilter2D(wide, -1, taps, taps)
    return np.asarray(made[reach:-reach, reach:-reach], np.float32)


def _mirrored(length: int, reach: int) -> NDArray[np.intp]:
    """Return where the halves of a photo are that stand along an axis if mirrors are at its ends.

    Parameters
    ----------
    length, reach : int
        Of the photo, and how many halves are looked at on either side.

    Returns
    -------
    (reach + n + 1 + reach,) int
        Of n halves, and one more at the end: enlarging looks at it.
    """
    places = 2 * np.arange(-reach, (length + 1) // 2 + 1 + reach)
    period = max(2 * (length - 1), 1)
    return np.minimum(places % period, -places % period) // 2
