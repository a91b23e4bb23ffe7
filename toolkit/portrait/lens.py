"""Blurs of a photo that leave the subject out, at any strength in about the same time.

Each pixel of the background becomes the weighted mean of the background around it: a normalized
convolution (Knutsson and Westin, 1993). What the subject covers has no weight, so none of its
color, nor the black of a hole, gets into the background.

A wide blur is computed on a reduced photo: see `toolkit.portrait.downsampled` and `half`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError
from toolkit.imaging.pixels import Float, Pixels, encode
from toolkit.portrait.blur import KERNEL_LIMIT
from toolkit.portrait.linear_color import levels_of, to_linear_light

Kernel = Literal["lens", "gaussian", "box"]
KERNELS: tuple[Kernel, ...] = ("lens", "gaussian", "box")

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
        """By how much the photo is reduced for it: 2 by a step of a pyramid, or odd; 1: not."""
        if self.kernel == "box":
            return 1 if self.side < 45 else max(3, _odd(self.side / 15))
        if self.kernel == "gaussian" and self.sigma < 4:
            # narrower ones of the finest noise depend on which pixels the half is made of
            return 2 if self.size >= 12 else 1
        if self.kernel == "gaussian":
            return max(3, _odd(1.5 * math.sqrt(self.sigma)))
        # the work on the reduced photo, (radius / factor)**2 on pixels / factor**2, stays the same
        return 1 if self.radius < 4 else max(3, _odd(1.1 * math.sqrt(self.radius)))

    @property
    def weaker(self) -> Blur:
        """The same of half its size."""
        return Blur(self.kernel, max(1.0, self.size / 2))

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
        return levels_of(convolve(to_linear_light(photo), blur), photo.dtype)
    # OpenCV's loops over 16 bits are the slowest there are
    plain = photo.dtype == np.uint8 or blur.kernel == "box"
    levels = photo if plain else photo.astype(np.float32, copy=False)
    return encode(convolve(levels, blur), photo.dtype)


def blur_without(photo: Pixels, weight: NDArray[np.uint8], blur: Blur) -> Pixels:
    """Blur a patch by what has weight, for a blur of factor 1.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    weight : (H, W) uint8, 0..255
        The share of the background in each pixel.
    blur : Blur

    Returns
    -------
    (H, W, 3), of the photo's dtype
        Of no meaning where nothing around has weight.
    """
    if blur.size < SMALLEST_SIZE:
        return photo.copy()
    linear_light = to_linear_light(photo) if blur.kernel == "lens" else photo
    # bytes take less time than floats, where they are summed up as floats
    seen = weight if blur.kernel == "gaussian" else weight.astype(np.float32)
    shares = np.asarray(convolve(seen, blur, depth=cv2.CV_32F), np.float32) / np.float32(255)
    mean = divided(convolve(weighed(linear_light, weight), blur), shares)
    return levels_of(mean, photo.dtype) if blur.kernel == "lens" else encode(mean, photo.dtype)


def weighed(linear_light: Pixels, weight: NDArray[np.uint8], out: Float | None = None) -> Float:
    """Return light or levels times weight / 255, (H, W, 3) float32."""
    if linear_light.dtype == np.float64:
        linear_light = linear_light.astype(np.float32)
    each = cv2.merge((weight,) * 3)
    product = cv2.multiply(linear_light, each, dst=out, scale=1 / 255, dtype=cv2.CV_32F)
    return np.asarray(product, np.float32)


def divided(total: Float, shares: Float) -> Float:
    """Return the mean of what has weight: its sum (H, W, 3) by its share (H, W), both float32."""
    each = cv2.merge((np.maximum(shares, SMALLEST_WEIGHT),) * 3)
    return np.asarray(cv2.divide(total, each), np.float32)


def convolve(image: Pixels, blur: Blur, factor: int = 1, depth: int = -1) -> Pixels:
    """Convolve with a blur's kernel, shrunk by a factor; what lies outside mirrors the inside.

    Reducing has taken means and enlarging will interpolate: the kernel is narrower by their
    variance. `depth` is OpenCV's number for the result's; by default it is the image's.
    """
    if blur.kernel == "box":
        if factor == 1:
            return np.asarray(cv2.boxFilter(image, depth, (blur.side,) * 2))
        line = box(_left((blur.side**2 - 1) / 12, factor) ** 2)
        return np.asarray(cv2.sepFilter2D(image, depth, line, line))
    if blur.kernel == "gaussian":
        # not OpenCV's own Gaussian: of 8 bits it has taps of 8 bits, this one has floats
        taps = gaussian(blur.sigma / factor, _left(blur.sigma**2, factor))
        return np.asarray(cv2.sepFilter2D(image, depth, taps, taps))
    return np.asarray(cv2.filter2D(image, depth, disk(2 * _left(blur.radius**2 / 4, factor))))


def _left(variance: float, factor: int) -> float:
    """Return the standard deviation, in pixels of the reduced photo, that makes up a variance."""
    of_means, of_interpolation = (factor**2 - 1) / 12, (factor**2 - 1) / 6
    return math.sqrt(variance - of_means - of_interpolation) / factor


def gaussian(reach: float, sigma: float) -> NDArray[np.float64]:
    """Return a Gaussian's kernel along one axis.

    Parameters
    ----------
    reach : float
        A third of how far it reaches, pixels.
    sigma : float
        Its standard deviation, pixels.

    Returns
    -------
    (n, 1) float64, n odd
    """
    return np.asarray(cv2.getGaussianKernel(2 * round(3 * reach) + 1, sigma), np.float64)


def box(variance: float) -> Float:
    """Return a box's kernel along one axis, of any width: whole pixels and a part at each end.

    Parameters
    ----------
    variance : float
        Square pixels; where the width is a whole odd number n it is ``(n**2 - 1) / 12``.

    Returns
    -------
    (n + 2,) float32
        In sum 1.

    Examples
    --------
    >>> box(2 / 3).tolist()  # three pixels
    [0.0, 0.3333333432674408, 0.3333333432674408, 0.3333333432674408, 0.0]
    """
    whole = _odd(math.sqrt(12 * variance + 1))
    lacking = variance - (whole**2 - 1) / 12
    part = whole * lacking / (2 * (((whole + 1) / 2) ** 2 - variance))
    taps = np.array([part, *[1.0] * whole, part])
    return np.asarray(taps / taps.sum(), np.float32)


@functools.lru_cache(maxsize=8)
def disk(radius: float) -> Float:
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
