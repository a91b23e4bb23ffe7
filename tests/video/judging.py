"""How steady the masks of a clip are, and how late."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.video.clips import framed
from toolkit.portrait import PERSON, Natural
from toolkit.portrait.alpha import AlphaPlane
from toolkit.portrait.pipeline import Segmenter
from toolkit.video.frames import alpha_of, probability_in
from toolkit.video.temporal_smoothing import TemporalSmoother

Frames = Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_]]]
"""Pictures and their known masks."""

SETTLED = 4
"""Frames after which the average has settled."""


def alphas(frames: Frames, backend: Segmenter, *gains: float) -> list[list[AlphaPlane]]:
    """Alpha of each frame, steadied by each gain, at the frame's size."""
    style, steadiers = Natural(), [TemporalSmoother(gain) for gain in gains]
    found: list[list[AlphaPlane]] = [[] for _ in gains]
    for pixels, _mask in frames:
        guide, probability, _found = probability_in(pixels, backend, PERSON)
        alpha = alpha_of(framed(pixels), guide, probability, style)
        for smoother, kept in zip(steadiers, found, strict=True):
            steadied = smoother.steady(guide, alpha)
            kept.append(np.asarray(cv2.resize(steadied, pixels.shape[1::-1]), np.uint8))
    return found


def flicker(found: Sequence[AlphaPlane]) -> float:
    """Mean change of alpha from frame to frame, once settled."""
    changes = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(found[SETTLED:])]
    return float(np.mean(changes))


def overlap(alpha: AlphaPlane, mask: NDArray[np.bool_]) -> float:
    """IoU with a known mask."""
    inside = alpha > 127
    return float((inside & mask).sum() / (inside | mask).sum())


def fits(found: Sequence[AlphaPlane], frames: Frames) -> dict[int, float]:
    """Mean IoU with the masks known of so many frames before, -2 to 2."""
    judged = range(SETTLED, len(frames) - 2)
    return {
        shift: float(np.mean([overlap(found[t], frames[t - shift][1]) for t in judged]))
        for shift in range(-2, 3)
    }


def lag(found: Sequence[AlphaPlane], frames: Frames) -> int:
    """The shift, in frames, at which the known masks fit best."""
    by_shift = fits(found, frames)
    return max(by_shift, key=lambda shift: by_shift[shift])
