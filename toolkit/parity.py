"""Two label maps or masks compared, and the near-tie rule that judges their differences.

The near-tie rule, one definition for verify, parity and every export: a pixel whose two best
classes at the graph's ArgMax input differ by less than `NEAR_TIE` in the TF1 run is a near-tie.
Rounding decides it, so runtimes may differ there. Differences that are all near-ties pass and are
counted; any other difference fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR_TIE = 1e-3
"""Logits; the two best classes of a near-tie differ by less."""

BAND = 8
"""Pixels to either side of a mask's edge that count as its band."""


@dataclass(frozen=True)
class LabelComparison:
    """How a candidate's label map differs from the reference's.

    Attributes
    ----------
    pixels : int
        Pixels compared.
    differing : int
        Pixels whose labels differ.
    near_ties : int
        Those of them that are near-ties.
    near_tie_pixels : int or None
        Near-ties in the whole map, differing or not; None where no margins were given.
    agreement : float
        Share of equal pixels, 0..1.
    class_iou : mapping of int to float
        Intersection over union of each label that occurs in either map, 0..1.
    """

    pixels: int
    differing: int
    near_ties: int
    near_tie_pixels: int | None
    agreement: float
    class_iou: Mapping[int, float]

    @property
    def beyond(self) -> int:
        """Differing pixels that are no near-ties."""
        return self.differing - self.near_ties

    @property
    def passed(self) -> bool:
        """Whether the near-tie rule holds."""
        return self.beyond == 0


@dataclass(frozen=True)
class MaskComparison:
    """How two binary masks of one size differ.

    Attributes
    ----------
    iou : float
        Intersection over union, 1.0 where both are empty.
    inside_band, outside_band : int
        Differing pixels within `BAND` pixels of the reference mask's edge, and elsewhere.
    """

    iou: float
    inside_band: int
    outside_band: int


def compare_label_maps(
    reference: NDArray[np.integer[Any]],
    candidate: NDArray[np.integer[Any]],
    margins: NDArray[np.floating[Any]] | None = None,
) -> LabelComparison:
    """Compare two label maps of one size.

    Parameters
    ----------
    reference, candidate : (h, w) integer
        Label maps; the reference is the TF1 run's.
    margins : (h, w) float, optional
        Best logit less second best in the TF1 run. Without it no difference is excused.

    Returns
    -------
    LabelComparison

    Raises
    ------
    ValueError
        The maps have other sizes, or there are no pixels.

    Examples
    --------
    >>> import numpy as np
    >>> one, other = np.array([[0, 15, 15]]), np.array([[0, 15, 0]])
    >>> compare_label_maps(one, other).passed
    False
    >>> compare_label_maps(one, other, margins=np.array([[9.0, 9.0, 0.0004]])).near_ties
    1
    """
    if reference.shape != candidate.shape or reference.size == 0:
        raise ValueError(f"label maps of sizes {reference.shape} and {candidate.shape}")
    differs = reference != candidate
    near = np.zeros_like(differs) if margins is None else margins < NEAR_TIE
    labels = np.union1d(reference, candidate)
    return LabelComparison(
        pixels=reference.size,
        differing=int(differs.sum()),
        near_ties=int((differs & near).sum()),
        near_tie_pixels=None if margins is None else int(near.sum()),
        agreement=1.0 - float(differs.mean()),
        class_iou={int(n): mask_iou(reference == n, candidate == n) for n in labels},
    )


def mask_iou(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """Return the intersection over union of two masks, 1.0 where both are empty.

    Parameters
    ----------
    reference, candidate : (h, w) bool or uint8
        Set where not zero.
    """
    one, other = reference != 0, candidate != 0
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def compare_masks(
    reference: NDArray[np.uint8], candidate: NDArray[np.uint8], band: int = BAND
) -> MaskComparison:
    """Compare two masks of one size and say where they differ.

    Parameters
    ----------
    reference, candidate : (h, w) uint8
        0 or 255.
    band : int
        Pixels to either side of the reference mask's edge that count as its band.
    """
    edge = cv2.morphologyEx(reference, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    near_edge = cv2.dilate(edge, np.ones((2 * band + 1, 2 * band + 1), np.uint8)) != 0
    differs = reference != candidate
    return MaskComparison(
        iou=mask_iou(reference, candidate),
        inside_band=int((differs & near_edge).sum()),
        outside_band=int((differs & ~near_edge).sum()),
    )
