"""Two portraits near an edge: how far apart, as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.evaluate.metrics import boundary_f

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

VISIBLE = 8
"""Levels, the mean over the channels: a halo that is further off can be seen."""


@dataclass(frozen=True)
class Score:
    """How near a portrait is to its ideal, in the band.

    Attributes
    ----------
    psnr : float
        Decibels.
    ssim : float
        Up to 1.
    """

    psnr: float
    ssim: float


@dataclass(frozen=True)
class Halo:
    """Signed errors of background pixels.

    Attributes
    ----------
    below, above : float
        Shares of the pixels that are more than `VISIBLE` levels darker, and brighter.
    mean : float
        Levels.
    """

    below: float
    above: float
    mean: float


def band(subject: Mask, reach: float) -> Mask:
    """Return the pixels whose nearest one of the other side lies within reach.

    >>> band(np.array([[True, True, False, False, False]]), 2).tolist()
    [[True, True, True, True, False]]
    """
    inside = subject.astype(np.uint8)
    near = [
        cv2.distanceTransform(side, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for side in (inside, 1 - inside)
    ]
    return np.asarray(near[0] + near[1] <= reach, np.bool_)


def psnr(picture: NDArray[Any], ideal: Float, where: Mask) -> float:
    """Return the peak signal-to-noise ratio of some pixels, decibels; infinite for equal ones."""
    error = float(np.square(picture[where] - ideal[where]).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(picture: NDArray[Any], ideal: Float, where: Mask) -> float:
    """Return the mean structural similarity of some pixels; their windows reach beyond them."""
    from skimage.metrics import structural_similarity

    rows, columns = (
        slice(max(int(found.min()) - 8, 0), int(found.max()) + 9) for found in np.nonzero(where)
    )
    _, local = structural_similarity(
        picture[rows, columns].astype(np.float64),
        ideal[rows, columns],
        data_range=255,
        channel_axis=2,
        full=True,
    )
    return float(local.mean(axis=2)[where[rows, columns]].mean())


def score(picture: NDArray[np.uint8], ideal: Float, where: Mask) -> Score:
    """Compare a portrait with its ideal in the band."""
    return Score(psnr(picture, ideal, where), ssim(picture, ideal, where))


def halo(errors: Float) -> Halo:
    """Count errors that can be seen.

    >>> halo(np.array([-9.0, -8.0, 0.0, 9.0]))
    Halo(below=0.25, above=0.25, mean=-2.0)
    """
    return Halo(
        float((errors < -VISIBLE).mean()),
        float((errors > VISIBLE).mean()),
        float(errors.mean()),
    )


def boundary_f_within(truth: Mask, found: Mask, pixels: int) -> float:
    """Return the boundary F-score at a tolerance in pixels; a distance just as long agrees."""
    diagonal = math.hypot(*truth.shape)
    return boundary_f(truth, found, tolerance=(pixels + 0.01) / diagonal)
