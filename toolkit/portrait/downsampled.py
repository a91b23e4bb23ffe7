"""The blurred background of a photo, computed on a reduced photo and enlarged.

A wide blur needs few pixels. The photo is reduced by an odd factor on a grid about its center, so
that a turned photo gives the turned blur.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float, Pixels, encode
from toolkit.portrait.lens import Blur, convolve, divided, weighed
from toolkit.portrait.linear_color import levels_of, to_linear_light

BAND_ROWS = 64
"""Of a photo that are reduced together: as light they are to fit the cache."""


@dataclass(frozen=True)
class Axis:
    """Blocks of pixels along a side of a photo, which they cover about its center.

    Attributes
    ----------
    length, factor : int
        Of the side and of a block, pixels; the factor is odd.
    """

    length: int
    factor: int

    @cached_property
    def count(self) -> int:
        """How many blocks there are."""
        count = -(-self.length // self.factor)
        return count + (count * self.factor - self.length) % 2  # one more makes it even

    @cached_property
    def before(self) -> int:
        """How far the first block reaches beyond the photo, and the last one, pixels."""
        return (self.count * self.factor - self.length) // 2

    @cached_property
    def covered(self) -> Float:
        """How much of each block lies within the photo, 0..1."""
        covered = np.zeros(self.count * self.factor, np.float32)
        covered[self.before : self.before + self.length] = 1 / self.factor
        return np.asarray(covered.reshape(self.count, self.factor).sum(axis=1), np.float32)

    def around(self, part: slice) -> tuple[slice, slice]:
        """Return the blocks a part is interpolated from, and where it is in them, enlarged."""
        first = max((part.start + self.before) // self.factor - 1, 0)
        last = min((part.stop - 1 + self.before) // self.factor + 2, self.count)
        start = part.start + self.before - first * self.factor
        return slice(first, last), slice(start, start + part.stop - part.start)


class Background:
    """What is behind the subject, blurred; at the photo's size.

    Parameters
    ----------
    small : (h, w, 3) BGR
    size : (int, int)
        The photo's height and width.

    Attributes
    ----------
    small : (h, w, 3) BGR
        It as it was computed.
    """

    def __init__(self, small: Pixels, size: tuple[int, int]) -> None:
        self.small, self._size = small, size

    def patch(self, rows: slice, columns: slice) -> Pixels:
        """Return a part of it at the photo's size."""
        return self.enlarged(self.small, rows, columns)

    def whole(self, small: Pixels) -> Pixels:
        """Return an image like `small`, of any number of channels, at the photo's size."""
        height, width = self._size
        return self.enlarged(small, slice(0, height), slice(0, width))

    def half(self, small: Pixels) -> Pixels:
        """Return an image like `small` at half the photo's size, whose sides are even."""
        height, width = self._size
        size = (width // 2, height // 2)
        whole = self.whole(small)
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), small.dtype)

    def enlarged(self, small: Pixels, rows: slice, columns: slice) -> Pixels:
        """Return a part of an image like `small` at the photo's size."""
        return small[rows, columns]


class DownsampledBackground(Background):
    """What is behind the subject, blurred on a reduced grid.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    alpha : (H, W) uint8, 0..255
        The subject's share of each pixel.
    blur : Blur
        Of a factor above 1.
    """

    def __init__(self, photo: Pixels, alpha: NDArray[np.uint8], blur: Blur) -> None:
        height, width = alpha.shape
        self._axes = rows, columns = Axis(height, blur.factor), Axis(width, blur.factor)
        total, shares = (
            convolve(image, blur, blur.factor)
            for image in _reduce(photo, alpha, blur, rows, columns)
        )
        small: Pixels = np.empty(total.shape, photo.dtype)
        step = _band_rows(blur.factor)
        for row in range(0, rows.count, step):
            done = slice(row, row + step)
            mean = divided(total[done], shares[done])
            small[done] = (
                levels_of(mean, photo.dtype) if blur.kernel == "lens" else encode(mean, photo.dtype)
            )
        super().__init__(small, (height, width))

    def enlarged(self, small: Pixels, rows: slice, columns: slice) -> Pixels:
        """Return a part of an image like `small` at the photo's size."""
        down, across = self._axes
        (blocks_down, kept_rows), (blocks_across, kept_columns) = (
            down.around(rows),
            across.around(columns),
        )
        part = small[blocks_down, blocks_across]
        size = (part.shape[1] * across.factor, part.shape[0] * down.factor)
        enlarged = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged[kept_rows, kept_columns], small.dtype)

    def half(self, small: Pixels) -> Pixels:
        """Return an image like `small` at half the photo's size, whose sides are even."""
        down, across = self._axes
        if down.before % 2 or across.before % 2:
            return super().half(small)
        # enlarged by half as much: half the pixels before the photo are whole ones
        size = (across.count * across.factor // 2, down.count * down.factor // 2)
        enlarged = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        rows, columns = (
            slice(axis.before // 2, (axis.before + axis.length) // 2) for axis in self._axes
        )
        return np.asarray(enlarged[rows, columns], small.dtype)


def _band_rows(factor: int) -> int:
    return max(1, BAND_ROWS // factor)


def _reduce(
    photo: Pixels, alpha: NDArray[np.uint8], blur: Blur, rows: Axis, columns: Axis
) -> tuple[Float, Float]:
    """Return of each block of the photo what has weight, its sum and its share."""
    factor, step = blur.factor, _band_rows(blur.factor)
    total = np.empty((rows.count, columns.count, 3), np.float32)
    # what lies beyond the photo has no weight
    shares = np.outer(rows.covered, columns.covered)
    linear_light = np.zeros((step * factor, columns.count * factor, 3), np.float32)
    weight = np.zeros(linear_light.shape[:2], np.uint8)
    for row in range(0, rows.count, step):
        count = min(step, rows.count - row)
        top = row * factor - rows.before
        band = slice(max(top, 0), min(top + count * factor, rows.length))
        if band.stop - band.start < len(linear_light):
            linear_light[:], weight[:] = 0, 0
        within = (
            slice(band.start - top, band.stop - top),
            slice(columns.before, columns.before + columns.length),
        )
        if blur.kernel == "lens":
            to_linear_light(photo[band], out=linear_light[within])
        else:
            linear_light[within] = photo[band]
        subject = np.flatnonzero(alpha[band].max(axis=0)) + columns.before
        if subject.size:
            first, last = subject[0] // factor, subject[-1] // factor + 1
            hidden = (slice(count * factor), slice(first * factor, last * factor))
            cv2.bitwise_not(alpha[band], dst=weight[within])
            weighed(linear_light[hidden], weight[hidden], out=linear_light[hidden])
            seen = np.asarray(weight[hidden], np.float32) / np.float32(255)
            shares[row : row + count, first:last] = _downsampled(seen, last - first, count)
        total[row : row + count] = _downsampled(
            linear_light[: count * factor], columns.count, count
        )
    return total, np.asarray(shares, np.float32)


def _downsampled(image: Float, columns: int, rows: int) -> Float:
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
