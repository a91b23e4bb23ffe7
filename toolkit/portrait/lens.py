"""Blurs of a photo that leave the subject out, at any strength in about the same time.

Each pixel of the background becomes the weighted mean of the background around it: a normalised
convolution (Knutsson and Westin, 1993). What the subject covers has no weight, so none of its
colour, nor the black of a hole, gets into the background.

A wide blur needs few pixels: it is computed on a reduced photo and enlarged. The photo is reduced
by an odd factor on a grid about its centre, so that a turned photo gives the turned blur.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError
from toolkit.pixels import Float, Pixels, encode, top_level
from toolkit.portrait.blur import KERNEL_LIMIT

Kernel = Literal["lens", "gaussian", "box"]
KERNELS: tuple[Kernel, ...] = ("lens", "gaussian", "box")

LIGHT_HEADROOM = 0.2
"""A white pixel may have been brighter than white, as lamps are: its light counts for 1 / headroom,
5 times its light, and dark ones for about theirs."""

SMALLEST_SIZE = 2
"""Pixels; a weaker blur does nothing."""

SMALLEST_WEIGHT = 4e-5
"""Of a pixel's surroundings: with less background there is no mean, and nobody sees it."""


@dataclass(frozen=True)
class Blur:
    """A blur.

    Attributes
    ----------
    kernel : {"lens", "gaussian", "box"}
        ``box``: the mean of a square. ``gaussian``: a bell. ``lens``: a disc, in linear light, as
        a wide aperture draws it: lamps become bright discs.
    size : float
        Strength, pixels, 1 or more: the side of the square, and the others have its variance: the
        Gaussian's sigma is ``sqrt((size**2 - 1) / 12)``, the disc's radius twice that. A box takes
        the nearest odd number.
    """

    kernel: Kernel = "lens"
    size: float = 13.0

    def __post_init__(self) -> None:
        if self.kernel not in KERNELS:
            raise UsageError(f"no kernel {self.kernel!r}", f"choose from: {', '.join(KERNELS)}")
        if not 1 <= self.size <= KERNEL_LIMIT:
            raise UsageError(
                f"a blur of {self.size:g} pixels is not possible",
                f"choose from 1 to {KERNEL_LIMIT}",
            )

    @property
    def side(self) -> int:
        """The box's side: the odd number next to the size."""
        return 2 * round((self.size - 1) / 2) + 1

    @property
    def sigma(self) -> float:
        """The Gaussian's standard deviation, pixels."""
        return math.sqrt((self.size**2 - 1) / 12)

    @property
    def radius(self) -> float:
        """The disc's radius, pixels."""
        return math.sqrt((self.size**2 - 1) / 3)

    @property
    def factor(self) -> int:
        """By how much the photo is reduced for it: odd, 1 where it is not."""
        if self.kernel == "box":
            return 1
        if self.kernel == "gaussian":
            return 1 if self.sigma < 5 else max(3, _odd(1.5 * math.sqrt(self.sigma)))
        # the work on the reduced photo, (radius / factor)**2 on pixels / factor**2, stays the same
        return 1 if self.radius < 4 else max(3, _odd(1.1 * math.sqrt(self.radius)))

    @property
    def reach(self) -> int:
        """How far around a patch is read to blur it, pixels; 0 where the photo is reduced."""
        if self.factor > 1:
            return 0
        if self.kernel == "box":
            return self.side // 2
        return round(3 * self.sigma) if self.kernel == "gaussian" else math.ceil(self.radius)


def _odd(number: float) -> int:
    """Return the largest odd number that is not larger, at least 1."""
    return max(1, 2 * int((number - 1) // 2) + 1)


def blur_whole(photo: Pixels, blur: Blur) -> Pixels:
    """Blur a patch that shows nothing of the subject, by a blur of factor 1.

    Rows and columns within `reach` of where the photo was cut are not right.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    blur : Blur

    Returns
    -------
    (H, W, 3), of the photo's dtype
    """
    if blur.size < SMALLEST_SIZE:
        return photo.copy()
    if blur.kernel == "lens":
        return encode(from_light(_convolve(to_light(photo), blur), photo.dtype), photo.dtype)
    # OpenCV's loops over 16 bits are the slowest there are
    plain = photo.dtype == np.uint8 or blur.kernel == "box"
    levels = photo if plain else photo.astype(np.float32, copy=False)
    return encode(_convolve(levels, blur), photo.dtype)


def blur_without(photo: Pixels, weight: NDArray[np.uint8], blur: Blur) -> Float:
    """Blur a patch by what has weight, for a blur of factor 1.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    weight : (H, W) uint8, 0..255
        The share of the background in each pixel.
    blur : Blur

    Returns
    -------
    (H, W, 3) float32
        In the photo's levels; of no meaning where nothing around has weight.
    """
    if blur.size < SMALLEST_SIZE:
        return photo.astype(np.float32)
    light = to_light(photo) if blur.kernel == "lens" else photo
    shares = weight.astype(np.float32) / 255
    mean = _divided(_convolve(weighed(light, weight), blur), _convolve(shares, blur))
    return from_light(mean, photo.dtype) if blur.kernel == "lens" else mean


def weighed(light: Pixels, weight: NDArray[np.uint8]) -> Float:
    """Return light or levels times weight / 255, (H, W, 3) float32."""
    if light.dtype == np.float64:
        light = light.astype(np.float32)
    each = cv2.merge((weight,) * 3)
    return np.asarray(cv2.multiply(light, each, scale=1 / 255, dtype=cv2.CV_32F), np.float32)


def _divided(total: Float, shares: Float) -> Float:
    each = cv2.merge((np.maximum(shares, SMALLEST_WEIGHT),) * 3)
    return np.asarray(cv2.divide(total, each), np.float32)


def _convolve(image: Pixels, blur: Blur, factor: int = 1) -> Pixels:
    """Convolve with a blur's kernel, shrunk by a factor; what lies outside mirrors the inside.

    Reducing has taken means and enlarging will interpolate: the kernel is narrower by their
    variance.
    """
    if blur.kernel == "box":
        return np.asarray(cv2.blur(image, (blur.side,) * 2))
    if blur.kernel == "gaussian":
        bell = cv2.getGaussianKernel(
            2 * round(3 * blur.sigma / factor) + 1, _left(blur.sigma**2, factor)
        )
        # in floats whatever the photo's dtype: OpenCV's own of 8 bits has taps of 8 bits
        return np.asarray(cv2.sepFilter2D(image, cv2.CV_32F, bell, bell))
    return np.asarray(cv2.filter2D(image, -1, disc(2 * _left(blur.radius**2 / 4, factor))))


def _left(variance: float, factor: int) -> float:
    """Return the standard deviation, in pixels of the reduced photo, that makes up a variance."""
    of_means, of_interpolation = (factor**2 - 1) / 12, (factor**2 - 1) / 6
    return math.sqrt(variance - of_means - of_interpolation) / factor


@functools.lru_cache(maxsize=8)
def disc(radius: float) -> Float:
    """Return a disc's kernel: each pixel's share of it, in sum 1.

    Parameters
    ----------
    radius : float
        Pixels.

    Returns
    -------
    (n, n) float32, n odd
    """
    reach, fine = max(math.ceil(radius - 0.5), 0), 16
    steps = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (steps[:, np.newaxis] ** 2 + steps**2 <= max(radius, 0.5) ** 2).astype(np.float64)
    shares = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).sum(axis=(1, 3))
    return np.asarray(shares / shares.sum(), np.float32)


def to_light(photo: Pixels) -> Float:
    """Turn sRGB levels into light, white having been brighter than it could be drawn.

    Parameters
    ----------
    photo : (..., 3) uint8, uint16, or float of 0..1

    Returns
    -------
    (..., 3) float32
        0 and up.
    """
    if photo.dtype == np.uint8:
        return np.asarray(cv2.LUT(photo, _light_table()), np.float32)
    return _light(np.asarray(photo / top_level(photo.dtype), np.float32))


@functools.cache
def _light_table() -> Float:
    return _light(np.arange(256, dtype=np.float32) / 255)


def _light(level: NDArray[np.floating[Any]]) -> Float:
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear, 0, 1)
    return np.asarray(linear / (1 + LIGHT_HEADROOM - linear), np.float32)


def from_light(light: Float, dtype: Any) -> Float:
    """Turn light back into levels of a dtype, 0..`top_level`, not rounded; inverts `to_light`."""
    linear = np.maximum(light, 0)
    linear = linear * (1 + LIGHT_HEADROOM) / (1 + linear)
    # sRGB's straight part lies above its root up to where they meet, and is cut there
    level = np.maximum(1.055 * linear ** (1 / 2.4) - 0.055, np.minimum(12.92 * linear, 0.04045))
    return np.asarray(np.minimum(level, 1) * top_level(dtype), np.float32)


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
        height, width = photo.shape[:2]
        self._factor = blur.factor
        rows, self._top = _grid(height, self._factor)
        columns, self._left = _grid(width, self._factor)
        total = np.empty((rows, columns, 3), np.float32)
        shares = np.empty((rows, columns), np.float32)
        step = max(1, 64 // self._factor)
        for row in range(0, rows, step):
            count = min(step, rows - row)
            top = row * self._factor - self._top
            band = slice(max(top, 0), min(top + count * self._factor, height))
            # nothing lies beyond the photo: there it is black, and without weight
            right = columns * self._factor - self._left - width
            border = (band.start - top, top + count * self._factor - band.stop, self._left, right)
            part = _bordered(photo[band], border)
            weight = np.asarray(_bordered(255 - alpha[band], border), np.uint8)
            light = to_light(part) if blur.kernel == "lens" else part.astype(np.float32)
            subject = np.flatnonzero(alpha[band].any(axis=0)) + self._left
            if subject.size:
                hidden = (slice(None), slice(subject[0], subject[-1] + 1))
                light[hidden] = weighed(light[hidden], weight[hidden])
            for whole, seen in ((total, light), (shares, weight.astype(np.float32) / 255)):
                whole[row : row + count] = cv2.resize(
                    seen, (columns, count), interpolation=cv2.INTER_AREA
                )
        total, shares = (_convolve(image, blur, self._factor) for image in (total, shares))
        self._small = np.empty(total.shape, photo.dtype)
        for row in range(0, rows, step):
            done = slice(row, row + step)
            mean = _divided(total[done], shares[done])
            if blur.kernel == "lens":
                mean = from_light(mean, photo.dtype)
            self._small[done] = encode(mean, photo.dtype)

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


def _bordered(image: Pixels, border: tuple[int, int, int, int]) -> Pixels:
    return np.asarray(cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=0))


def _grid(length: int, factor: int) -> tuple[int, int]:
    """Return how many blocks cover a length, and how far they reach beyond it on each side."""
    count = -(-length // factor)
    count += (count * factor - length) % 2  # an odd factor: one more makes it even
    return count, (count * factor - length) // 2
