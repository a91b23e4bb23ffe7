"""Perceptual hashes: photos that show the same, whatever their size and compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 16
BITS = 2 * SIDE * SIDE
"""Rows and bits of a hash."""

APART = 52
"""Bits of 512: photos that differ in fewer are the same. Unrelated ones differ in about 256."""


def fingerprint(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a difference hash of decoded pixels: where brightness rises, to the right and down.

    Parameters
    ----------
    rgb : (H, W, 3) uint8

    Returns
    -------
    (512,) bool
    """
    gray = np.asarray(rgb, np.float32).mean(axis=2)
    small = np.asarray(
        cv2.resize(gray, (SIDE + 1, SIDE + 1), interpolation=cv2.INTER_AREA), np.float32
    )
    across = np.diff(small, axis=1)[:SIDE] > 0
    down = np.diff(small, axis=0)[:, :SIDE] > 0
    return np.concatenate([across.ravel(), down.ravel()])


def near(one: NDArray[np.bool_], others: NDArray[np.bool_], apart: int = APART) -> bool:
    """Whether a hash differs from one of others in few bits.

    Parameters
    ----------
    one : (512,) bool
    others : (n, 512) bool
    apart : int

    Examples
    --------
    >>> photo = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    >>> larger = np.asarray(cv2.resize(photo, (600, 400)), np.uint8)
    >>> near(fingerprint(larger), fingerprint(photo)[np.newaxis])
    True
    >>> near(fingerprint(larger), fingerprint(255 - photo)[np.newaxis])
    False
    """
    return bool((np.count_nonzero(others != one, axis=1) < apart).any())
