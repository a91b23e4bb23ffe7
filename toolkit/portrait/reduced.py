"""The blurred background of a photo, computed on a reduced photo and enlarged.

A wide blur needs few pixels. The photo is reduced by an odd factor on a grid about its centre, so
that a turned photo gives the turned blur.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.pixels import Float, Pixels, encode
from toolkit.portrait.lens import Blur, convolve, divided, weighed
from toolkit.portrait.light import levels_of, to_light

BAND_ROWS = 64
"""Of a photo that are reduced together: as light they are to fit the cache."""


class ReducedBackground:
    """The blurred background of a photo, on a reduced grid.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    alpha : (H, W) uint8, 0..255
        The subject's share of each pixel.
    blur : Blur
        Of a factor above 1.
    """

    def __init__(self, photo: Pixels, alpha: NDArray[np.uint8], blur: Blur) -> None:
        self._factor = blur.factor
        rows, self._top = _grid(photo.shape[0], self._factor)
        columns, self._left = _grid(photo.shape[1], self._factor)
        total, shares = (
            convolve(image, blur, self._factor)
            for image in self._reduce(photo, alpha, blur, rows, columns)
        )
        self._small: Pixels = np.empty((rows, columns, 3), photo.dtype)
        step = self._band_rows
        for row in range(0, rows, step):
            done = slice(row, row + step)
            mean = divided(total[done], shares[done])
            self._small[done] = (
                levels_of(mean, photo.dtype) if blur.kernel == "lens" else encode(mean, photo.dtype)
            )

    @property
    def _band_rows(self) -> int:
        return max(1, BAND_ROWS // self._factor)

    def _reduce(
        self, photo: Pixels, alpha: NDArray[np.uint8], blur: Blur, rows: int, columns: int
    ) -> tuple[Float, Float]:
        """Return of each block of the photo what has weight, its sum and its share."""
        (height, width), factor, step = photo.shape[:2], self._factor, self._band_rows
        total = np.empty((rows, columns, 3), np.float32)
        # what lies beyond the photo has no weight
        shares = np.outer(
            _within(height, rows, self._top, factor), _within(width, columns, self._left, factor)
        )
        light = np.zeros((step * factor, columns * factor, 3), np.float32)
        weight = np.zeros(light.shape[:2], np.uint8)
        for row in range(0, rows, step):
            count = min(step, rows - row)
            top = row * factor - self._top
            band = slice(max(top, 0), min(top + count * factor, height))
            if band.stop - band.start < len(light):
                light[:], weight[:] = 0, 0
            within = (
                slice(band.start - top, band.stop - top),
                slice(self._left, self._left + width),
            )
            if blur.kernel == "lens":
                to_light(photo[band], out=light[within])
            else:
                light[within] = photo[band]
            subject = np.flatnonzero(alpha[band].any(axis=0)) + self._left
            if subject.size:
                first, last = subject[0] // factor, subject[-1] // factor + 1
                hidden = (slice(count * factor), slice(first * factor, last * factor))
                cv2.bitwise_not(alpha[band], dst=weight[within])
                weighed(light[hidden], weight[hidden], out=light[hidden])
                seen = np.asarray(weight[hidden], np.float32) / np.float32(255)
                shares[row : row + count, first:last] = _reduced(seen, last - first, count)
            total[row : row + count] = _reduced(light[: count * factor], columns, count)
        return total, np.asarray(shares, np.float32)

    def patch(self, rows: slice, columns: slice) -> Pixels:
        """Return a part of it at the photo's size, of the photo's dtype."""
        factor = self._factor
        spans = []
        for part, offset, count in (
            (rows, self._top, self._small.shape[0]),
            (columns, self._left, self._small.shape[1]),
        ):
            first = max((part.start + offset) // factor - 1, 0)
            last = min((part.stop - 1 + offset) // factor + 2, count)
            start = part.start + offset - first * factor
            spans.append((first, last, slice(start, start + part.stop - part.start)))
        (top, bottom, kept_rows), (left, right, kept_columns) = spans
        small = self._small[top:bottom, left:right]
        size = ((right - left) * factor, (bottom - top) * factor)
        enlarged = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged[kept_rows, kept_columns], self._small.dtype)


def _reduced(image: Float, columns: int, rows: int) -> Float:
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _within(length: int, count: int, offset: int, factor: int) -> Float:
    """Return of each block along an axis how much of it lies within the photo, 0..1."""
    covered = np.zeros(count * factor, np.float32)
    covered[offset : offset + length] = 1 / factor
    return np.asarray(covered.reshape(count, factor).sum(axis=1), np.float32)


def _grid(length: int, factor: int) -> tuple[int, int]:
    """Return how many blocks cover a length, and how far they reach beyond it on each side."""
    count = -(-length // factor)
    count += (count * factor - length) % 2  # an odd factor: one more makes it even
    return count, (count * factor - length) // 2
