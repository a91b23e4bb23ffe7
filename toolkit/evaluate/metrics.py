"""A mask against ground truth: arrays in, numbers out. Ignored pixels change none of them.

- IoU: intersection over union of the two masks, the PASCAL VOC measure; 1.0 where both are empty.
- Boundary F: the harmonic mean of precision and recall of contours, a contour pixel being right
  where the other contour passes within a tolerance of 0.75 % of the picture's diagonal. Csurka,
  Larlus, Perronnin: "What is a good evaluation measure for semantic segmentation?", BMVC 2013.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.0075
"""Of the picture's diagonal: how far apart two contours may be and still agree."""

BoolMask = NDArray[np.bool_]


@dataclass(frozen=True)
class PixelCounts:
    """JudgedPhoto pixels by what they are and what they were called.

    Attributes
    ----------
    true_positives, false_positives, false_negatives, true_negatives : int
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def union(self) -> int:
        """Pixels of either mask."""
        return self.true_positives + self.false_positives + self.false_negatives

    @property
    def iou(self) -> float:
        """Intersection over union, 0..1; 1.0 where both masks are empty."""
        return self.true_positives / self.union if self.union else 1.0

    @property
    def false_positive_share(self) -> float:
        """Share of what isn't the subject that was called it, 0..1; 0.0 where all is subject."""
        negatives = self.false_positives + self.true_negatives
        return self.false_positives / negatives if negatives else 0.0


def count_pixels(truth: BoolMask, found: BoolMask, ignored: BoolMask | None = None) -> PixelCounts:
    """Count the pixels that are judged.

    Parameters
    ----------
    truth, found : (H, W) bool
        Set where the subject is, and where it was found.
    ignored : (H, W) bool, optional
        Pixels that are not judged.

    Examples
    --------
    >>> truth, found = np.array([[True, True, False]]), np.array([[True, False, True]])
    >>> count_pixels(truth, found).iou == 1 / 3
    True
    """
    judged = np.ones_like(truth) if ignored is None else ~ignored
    hits = int((truth & found & judged).sum())
    alarms = int((~truth & found & judged).sum())
    misses = int((truth & ~found & judged).sum())
    return PixelCounts(hits, alarms, misses, int(judged.sum()) - hits - alarms - misses)


def boundary_f(
    truth: BoolMask,
    found: BoolMask,
    ignored: BoolMask | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> float:
    """Return the boundary F-score of a mask.

    A contour pixel is one of the mask that has a judged pixel beside it, left, right, above or
    below, which isn't of the mask: the picture's own edge makes no contour. Where the contour runs
    through ignored pixels it is not known, so contour pixels within the tolerance of one are not
    called right or wrong.

    Parameters
    ----------
    truth, found : (H, W) bool
    ignored : (H, W) bool, optional
    tolerance : float
        Share of the picture's diagonal, Euclidean; a distance just as long agrees.

    Returns
    -------
    float
        0..1. 1.0 where neither mask has a contour, 0.0 where only one has.

    Examples
    --------
    >>> square = np.zeros((40, 40), bool)
    >>> square[10:30, 10:30] = True
    >>> boundary_f(square, square), boundary_f(square, np.zeros_like(square))
    (1.0, 0.0)
    """
    ignored = np.zeros_like(truth) if ignored is None else ignored
    reach = tolerance * math.hypot(*truth.shape)
    judged = _distance_to(ignored) > reach
    contours = [_contour(mask & ~ignored, ignored) for mask in (truth, found)]
    recall, precision = (
        _share_within(one & judged, other, reach) for one, other in (contours, contours[::-1])
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _contour(mask: BoolMask, ignored: BoolMask) -> BoolMask:
    """Return the mask's pixels that lie beside a judged pixel which isn't its own."""
    outside = ~mask & ~ignored
    beside = np.zeros_like(mask)
    beside[1:] |= outside[:-1]
    beside[:-1] |= outside[1:]
    beside[:, 1:] |= outside[:, :-1]
    beside[:, :-1] |= outside[:, 1:]
    return mask & beside


def _share_within(contour: BoolMask, other: BoolMask, reach: float) -> float:
    """Return the share of a contour that the other passes within reach of; 1.0 without one."""
    return float((_distance_to(other)[contour] <= reach).mean()) if contour.any() else 1.0


def _distance_to(mask: BoolMask) -> NDArray[np.floating[Any]]:
    """Return each pixel's Euclidean distance to the mask, infinite where that is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    free = np.where(mask, np.uint8(0), np.uint8(1))
    return np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def confusion(
    truth: NDArray[np.integer[Any]],
    found: NDArray[np.integer[Any]],
    ignored: BoolMask,
    labels: int,
) -> NDArray[np.int64]:
    """Count the judged pixels by true and found label.

    Parameters
    ----------
    truth, found : (H, W) integer, 0 to `labels` - 1 where judged
    ignored : (H, W) bool
    labels : int
        How many there are.

    Returns
    -------
    (labels, labels) int64
        Rows are true labels, columns those that were found.
    """
    pairs = truth[~ignored].astype(np.int64) * labels + found[~ignored]
    return np.bincount(pairs, minlength=labels * labels).reshape(labels, labels)
