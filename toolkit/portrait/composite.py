"""Photo + mask → portrait: the subject sharp, what is behind it blurred.

Blurring and composing the whole photo at once sends every intermediate picture through main
memory. Here both are done in bands of rows small enough that a band's pictures stay in the cache;
the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.portrait.blur import KERNEL, blur, check_kernel, hide_subject
from toolkit.portrait.timing import StageTimer, untimed

BAND_BYTES = 256 * 1024
"""Of photo per band: the band, its background and its blur fit a level-2 cache together."""


@dataclass(frozen=True)
class Band:
    """Some rows of the photo, and what must be read to blur them.

    Attributes
    ----------
    rows : slice
        The rows of the photo this band fills.
    read : slice
        Those and the rows that the kernel reaches above and below, as far as the photo goes.
    kept : slice
        Where `rows` lie within `read`.
    """

    rows: slice
    read: slice
    kept: slice


def bands(height: int, width: int, kernel: int) -> Iterator[Band]:
    """Cut a photo of 3 channels into bands of rows.

    A blurred band is right where the kernel doesn't reach past what was read, or where what was
    read ends with the photo: there OpenCV mirrors the very rows it would mirror in the whole photo.

    Parameters
    ----------
    height, width : int
        Of the photo.
    kernel : int
        Side of the blur's square.

    Yields
    ------
    Band
        From top to bottom, without gaps.

    Examples
    --------
    >>> [(band.rows.start, band.rows.stop) for band in bands(720, 1280, kernel=13)][:3]
    [(0, 68), (68, 136), (136, 204)]
    """
    reach = kernel // 2
    # Rows read twice cost twice: at most one in four. It also means that a photo low enough to be
    # mirrored more than once is a single band.
    step = max(BAND_BYTES // (3 * width), 4 * kernel)
    for start in range(0, height, step):
        stop = min(start + step, height)
        top, bottom = max(start - reach, 0), min(stop + reach, height)
        yield Band(slice(start, stop), slice(top, bottom), slice(start - top, stop - top))


def blur_background(
    photo: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    kernel: int = KERNEL,
    *,
    timer: StageTimer = untimed,
) -> NDArray[np.uint8]:
    """Keep the subject of a photo and blur the rest.

    The same bytes as ``np.where(mask == 255, photo, blur(hide_subject(photo, mask)))``.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    mask : (H, W) uint8, 0 or 255
        255 where the subject is.
    kernel : int
        Side of the blur's square in pixels.
    timer : StageTimer
        Gets the stages blur and composite.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    UsageError
        The kernel is out of range.
    """
    height, width = photo.shape[:2]
    portrait = np.empty_like(photo, order="C")
    for band in bands(height, width, check_kernel(kernel)):
        with timer("blur"):
            background = hide_subject(photo[band.read], mask[band.read])
            blurred = blur(background, kernel)[band.kept]
        with timer("composite"):
            portrait[band.rows] = blurred
            cv2.copyTo(photo[band.rows], mask[band.rows], portrait[band.rows])
    return portrait
