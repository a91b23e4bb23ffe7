"""Two label maps or masks compared, and the near-tie rule that judges their differences.

The near-tie rule, one definition for verify, parity and every export: a pixel whose two best
classes at the graph's ArgMax input differ by less than `NEAR_TIE` in the TF1 run is a near-tie.
Rounding decides it, so runtimes may differ there. Differences that are all near-ties pass and are
counted; any other difference fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.backends.tf import TfBackend
from toolkit.inference import Backend
from toolkit.portrait import (
    KERNEL,
    PERSON,
    blur_background,
    photo_mask,
    preprocess,
    subject_mask,
)

NEAR_TIE = 1e-3
"""Logits; the two best classes of a near-tie differ by less."""

BAND = 8
"""Pixels to either side of a mask's edge that count as its band."""


def expected_labels(
    backend: Backend, labels: NDArray[np.integer[Any]], subject: int
) -> NDArray[np.integer[Any]]:
    """Return what a backend would have to give, made of the reference's label map.

    Parameters
    ----------
    backend : Backend
    labels : (h, w) integer
        The reference's label map.
    subject : str or int
        The label whose masks are compared, by name or number.
        The label that the backend is asked for.

    Returns
    -------
    (h, w) integer
        The same, or where the backend gives one subject's mask with the subject's label alone.
    """
    if not backend.capabilities.one_subject:
        return labels
    return np.where(labels == subject, subject, int(subject == 0)).astype(labels.dtype)


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


@dataclass(frozen=True)
class Thresholds:
    """What agreement is asked for.

    Attributes
    ----------
    min_agreement : float
        Least share of equal labels, 0..1.
    min_iou : float
        Least intersection over union of the subject's mask at photo size, 0..1.
    near_tie_rule : bool
        Whether the rule decides: a difference beyond near-ties fails, and what near-ties alone
        change never does. Without it the two numbers alone decide.
    mean_agreement : float or None
        Of a profile that may change labels, the least share of equal labels as a mean over the
        photos, 0..1; then nothing else is asked of any.
    """

    min_agreement: float = 0.999
    min_iou: float = 0.999
    near_tie_rule: bool = True
    mean_agreement: float | None = None


@dataclass(frozen=True)
class PhotoParity:
    """How a backend agrees with TF1 on one photo, from the same preprocessed pixels.

    Attributes
    ----------
    labels : LabelComparison
        The label maps at the network's size.
    mask : MaskComparison
        The subject's masks at the photo's size.
    network_size, photo_size : (int, int)
        Height and width in pixels.
    portrait_difference : int
        Largest difference of any pixel's channel in the two portraits, 0..255.
    """

    labels: LabelComparison
    mask: MaskComparison
    network_size: tuple[int, int]
    photo_size: tuple[int, int]
    portrait_difference: int

    def failures(self, limits: Thresholds) -> tuple[str, ...]:
        """Say what falls short of the limits; empty where nothing does."""
        if limits.mean_agreement is not None:
            return ()
        if limits.near_tie_rule and self.labels.passed:
            return ()
        failed = []
        if limits.near_tie_rule:
            failed.append(f"{self.labels.beyond} pixels differ beyond near-ties")
        if self.labels.agreement < limits.min_agreement:
            failed.append(f"agreement {self.labels.agreement:.5f} below {limits.min_agreement}")
        if self.mask.iou < limits.min_iou:
            failed.append(f"subject IoU {self.mask.iou:.5f} below {limits.min_iou}")
        return tuple(failed)


def shortfall(photos: Sequence[PhotoParity], limits: Thresholds) -> str | None:
    """Say how photos fall short of what is asked of them together; None where they do not.

    >>> shortfall([], Thresholds(mean_agreement=0.8)) is None
    True
    """
    failed = sum(bool(photo.failures(limits)) for photo in photos)
    if failed:
        return f"FAILED on {failed} of {len(photos)} photos"
    if limits.mean_agreement is not None and photos:
        mean = sum(photo.labels.agreement for photo in photos) / len(photos)
        if mean < limits.mean_agreement:
            return (
                f"FAILED: mean agreement {mean:.5f} over {len(photos)} photos, below the "
                f"profile's {limits.mean_agreement}"
            )
    return None


@dataclass(frozen=True, eq=False)
class ParityMasks:
    """The two masks of a `PhotoParity`, for looking.

    Attributes
    ----------
    reference, candidate : (H, W) uint8, 0 or 255
    """

    reference: NDArray[np.uint8]
    candidate: NDArray[np.uint8]


def check_parity(
    photo: NDArray[np.uint8],
    reference: TfBackend,
    candidate: Backend,
    *,
    subject: str | int = PERSON,
    kernel: int = KERNEL,
) -> tuple[PhotoParity, ParityMasks]:
    """Run one photo through TF1 and another backend and compare what comes out.

    Parameters
    ----------
    photo : (H, W, 3) uint8, BGR
        Preprocessed once; both see the same pixels.
    reference : TfBackend
    candidate : Backend
    subject : str or int
        The label whose masks are compared, by name or number.
        The label whose mask is compared.
    kernel : int
        Side of the portrait's blur, pixels.

    Returns
    -------
    PhotoParity
        The figures.
    ParityMasks
        The masks they were taken from.
    """
    height, width = photo.shape[:2]
    image = preprocess(photo, reference.network.crop)
    found = reference.refer(image)
    label = candidate.network.require_label(subject)
    labels = candidate.infer(image, subject=label).label_map
    masks = [photo_mask(subject_mask(one, label), height, width) for one in (found.labels, labels)]
    portraits = [blur_background(photo, mask, kernel) for mask in masks]
    return (
        PhotoParity(
            labels=compare_label_maps(
                expected_labels(candidate, found.labels, label), labels, found.margins
            ),
            mask=compare_masks(masks[0], masks[1]),
            network_size=(image.shape[0], image.shape[1]),
            photo_size=(height, width),
            portrait_difference=int(cv2.absdiff(portraits[0], portraits[1]).max()),
        ),
        ParityMasks(masks[0], masks[1]),
    )
