"""The background: the photo without its subject, blurred."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError

KERNEL = 13
"""Pixels; the tutorial's."""

KERNEL_LIMIT = 2047
"""Pixels; OpenCV sums the squared kernel's levels in 32 bits, and overflows from 2902."""


def hide_subject(photo: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the photo with the subject painted black.

    Parameters
    ----------
    photo : (H, W, 3) uint8
    mask : (H, W) uint8, 0 or 255
        255 where the subject is.

    Returns
    -------
    (H, W, 3) uint8
    """
    return np.asarray(cv2.copyTo(photo, cv2.bitwise_not(mask)), np.uint8)


def blur(image: NDArray[np.uint8], kernel: int = KERNEL) -> NDArray[np.uint8]:
    """Give each pixel the mean of the square around it; the image is mirrored at its edges.

    Parameters
    ----------
    image : (H, W, 3) uint8
    kernel : int
        Side of the square in pixels, 1 to `KERNEL_LIMIT`; may be even, or larger than the image.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    UsageError
        The kernel is out of range.
    """
    return np.asarray(cv2.blur(image, (check_kernel(kernel),) * 2), np.uint8)


def check_kernel(kernel: int) -> int:
    """Return the kernel's side; raises `UsageError` where it is not in 1..`KERNEL_LIMIT`."""
    if not 1 <= kernel <= KERNEL_LIMIT:
        raise UsageError(
            f"a blur of {kernel} pixels is not possible", f"choose from 1 to {KERNEL_LIMIT}"
        )
    return kernel
