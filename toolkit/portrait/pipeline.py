"""One photo through the whole chain: preprocess, segment, mask, blur, composite; in two styles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError
from toolkit.graphs.network import Network
from toolkit.imaging.pixels import Float, Pixels, encode
from toolkit.portrait.alpha import Edge, probability_of, refine
from toolkit.portrait.blur import KERNEL, KERNEL_LIMIT, blur, check_kernel, hide_subject
from toolkit.portrait.composite import blur_background
from toolkit.portrait.holes import fill_holes
from toolkit.portrait.lens import Blur, Kernel, weighed
from toolkit.portrait.mask import label_shares, photo_mask, subject_mask
from toolkit.portrait.natural import background_alone, natural_portrait
from toolkit.portrait.preprocess import preprocess
from toolkit.portrait.timing import StageTimer, untimed

PERSON = 15
"""The label of people in PASCAL VOC's set."""


class Segmenter(Protocol):
    """What is needed of a backend here; every `toolkit.backends.base.Backend` has it.

    Attributes
    ----------
    network : Network
        Crop and labels.
    """

    network: Network

    def segment(
        self, image: NDArray[np.uint8], *, subject: int | None = None
    ) -> NDArray[np.integer[Any]]:
        """Turn (h, w, 3) uint8 RGB into (h, w) labels; only the subject's pixels need be right."""
        ...


class SoftSegmenter(Segmenter, Protocol):
    """A backend that gives the network's logits besides, and says so: ``gives_logits = True``."""

    def score(
        self, image: NDArray[np.uint8], *, subject: int
    ) -> tuple[NDArray[np.integer[Any]], Float]:
        """Return the label map, and the subject's margin on the network's grid."""
        ...


@dataclass(frozen=True)
class Tutorial:
    """The tutorial's style, byte for byte: a hard edge before a box blur of a blackened photo.

    Attributes
    ----------
    kernel : int
        Side of the blur's square, pixels.
    """

    kernel: int = KERNEL

    def __post_init__(self) -> None:
        check_kernel(self.kernel)


@dataclass(frozen=True)
class Natural:
    """A soft edge along the photo's own, before a background without the subject.

    Attributes
    ----------
    kernel : {"lens", "gaussian", "box"}
        See `toolkit.portrait.lens.Blur`.
    strength : float
        Of the blur: its size in percent of the photo's longer side; 0: none.
    size : float, optional
        In pixels, instead of `strength`.
    edge : {"guided", "watershed", "none"}
        See `toolkit.portrait.alpha.refine`.
    depth : float
        0..1: how much nearer the ground comes toward the subject's feet.
    """

    kernel: Kernel = "lens"
    strength: float = 2.0
    edge: Edge = "guided"
    depth: float = 0.0
    size: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            Blur(self.kernel, self.size)  # says what is wrong with it
        if not 0 <= self.strength <= 100:
            raise UsageError(
                f"a strength of {self.strength:g} % is not possible", "choose from 0 to 100"
            )
        if not 0 <= self.depth <= 1:
            raise UsageError(f"a depth of {self.depth:g} is not possible", "choose from 0 to 1")

    def blur(self, height: int, width: int) -> Blur:
        """Return the blur of a photo of this size."""
        size = max(height, width) * self.strength / 100 if self.size is None else self.size
        return Blur(self.kernel, min(max(size, 1.0), KERNEL_LIMIT))


Style = Tutorial | Natural
NATURAL = Natural()


@dataclass(frozen=True, eq=False)
class Stages:
    """Every picture on the way to a portrait.

    Attributes
    ----------
    photo : (H, W, 3), BGR, as it was given
    network_input : (h, w, 3) uint8, RGB
    labels : (h, w) integer
        The label map.
    network_mask : (h, w) uint8, 0..255
        The subject at the network's size: 0 or 255 in the tutorial's style, else its probability.
    mask : (H, W) uint8, 0..255
        The subject at the photo's size: 0 or 255 in the tutorial's style, else alpha.
    background : (H, W, 3), BGR, of the photo's dtype
        The photo with the subject painted black.
    blurred : (H, W, 3), BGR, of the photo's dtype
        The background blurred; in the natural style without the subject, and of no meaning well
        inside it.
    portrait : (H, W, 3), BGR, of the photo's dtype
        The result.
    """

    photo: Pixels
    network_input: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    network_mask: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    background: Pixels
    blurred: Pixels
    portrait: Pixels


@dataclass(frozen=True, eq=False)
class Portrait:
    """A portrait and what was found in the photo.

    Attributes
    ----------
    image : (H, W, 3), BGR, of the photo's dtype
        The subject sharp before a blurred background; the photo unchanged where there is none.
    subject_found : bool
        Whether any pixel of the label map is the subject.
    labels : (h, w) integer
        The label map at the network's size.
    shares : dict of int to float
        Number of each label found to its share of the label map.
    photo_size, network_size : (int, int)
        Height and width of the photo and of what the network saw.
    stages : Stages or None
        Every picture on the way, where they were asked for.
    """

    image: Pixels
    subject_found: bool
    labels: NDArray[np.integer[Any]]
    shares: dict[int, float]
    photo_size: tuple[int, int]
    network_size: tuple[int, int]
    stages: Stages | None = None


def make_portrait(
    photo: Pixels,
    backend: Segmenter,
    *,
    subject: int = PERSON,
    style: Style = NATURAL,
    stages: bool = False,
    timer: StageTimer = untimed,
) -> Portrait:
    """Blur what is behind the subject of a photo.

    Parameters
    ----------
    photo : (H, W, 3) BGR uint8; in the natural style also uint16, or float of 0..1
        Not changed.
    backend : Segmenter
        A loaded network: any backend. Where it gives logits the natural style's edge is made of
        them, else of the label map.
    subject : int
        The label that stays sharp.
    style : Tutorial or Natural
    stages : bool
        Whether to keep every picture on the way; costs time and memory.
    timer : StageTimer
        Gets the time of each stage.

    Returns
    -------
    Portrait

    Raises
    ------
    BackendError
        The runtime failed.
    """
    height, width = photo.shape[:2]
    with timer("preprocess"):
        network_input = preprocess(photo, backend.network.crop)
    with timer("segment"):
        if isinstance(style, Natural):
            labels, margin = scored(network_input, backend, subject)
        else:
            labels = backend.segment(network_input, subject=subject)
    shares = label_shares(labels)
    found = subject in shares
    if isinstance(style, Tutorial):
        with timer("mask"):
            network_mask = subject_mask(labels, subject)
            mask = photo_mask(network_mask, height, width)
        image = blur_background(photo, mask, style.kernel, timer=timer) if found else photo.copy()
    else:
        with timer("mask"):
            probability = softened(labels, margin, backend.network.crop, subject)
            alpha = refine(network_input, probability, style.edge).of(photo)
        blurring = style.blur(height, width)
        image = (
            natural_portrait(
                photo,
                alpha,
                blurring,
                depth=style.depth,
                ground=ground_rows(labels == subject, height),
                timer=timer,
            )
            if found
            else photo.copy()
        )
    drawn = None
    if stages and isinstance(style, Tutorial):
        background = hide_subject(photo, mask)
        drawn = (network_mask, mask, background, blur(background, style.kernel))
    elif stages:
        drawn = _looked_at(photo, labels.shape, probability, alpha, blurring)
    return Portrait(
        image=image,
        subject_found=found,
        labels=labels,
        shares=shares,
        photo_size=(height, width),
        network_size=(network_input.shape[0], network_input.shape[1]),
        stages=Stages(photo, network_input, labels, *drawn, portrait=image) if drawn else None,
    )


def scored(
    network_input: NDArray[np.uint8], backend: Segmenter, subject: int
) -> tuple[NDArray[np.integer[Any]], Float | None]:
    """Ask the network where the subject is.

    Parameters
    ----------
    network_input : (h, w, 3) uint8, RGB
    backend : Segmenter
    subject : int

    Returns
    -------
    labels : (h, w) integer
    margin : (rows, columns) float32 or None
        The subject's, on the network's grid; None where the backend gives no logits.
    """
    if getattr(backend, "gives_logits", False):
        return cast(SoftSegmenter, backend).score(network_input, subject=subject)
    return backend.segment(network_input, subject=subject), None


def softened(
    labels: NDArray[np.integer[Any]], margin: Float | None, crop: tuple[int, int], subject: int
) -> Float:
    """Turn what `scored` returns into the probability that a pixel is the subject.

    Holes that the network is unsure of are filled, see `toolkit.portrait.holes.fill_holes`.

    Parameters
    ----------
    labels : (h, w) integer
    margin : (rows, columns) float32 or None
        Without it the probability is that of the label map: 0 or 1.
    crop : (int, int)
        The network's.
    subject : int

    Returns
    -------
    float32, 0..1
        Over the same area, of any size.
    """
    if margin is None:
        return np.asarray(labels == subject, np.float32)
    return fill_holes(probability_of(margin, labels.shape, crop))


def ground_rows(subject: NDArray[np.bool_], height: int) -> tuple[int, int] | None:
    """Return a photo's rows of the subject's middle and of its feet; None without a subject.

    Parameters
    ----------
    subject : (h, w) bool
        Of any size, over the same area.
    height : int
        Of the photo.
    """
    rows = np.flatnonzero(subject.any(axis=1))
    if not rows.size:
        return None
    ratio = height / subject.shape[0]
    return int((rows[0] + rows[-1] + 1) / 2 * ratio), int((rows[-1] + 1) * ratio)


def _looked_at(
    photo: Pixels,
    size: tuple[int, ...],
    probability: Float,
    alpha: NDArray[np.uint8],
    blurring: Blur,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Pixels, Pixels]:
    """Make the pictures on the way of the natural style."""
    without = encode(weighed(photo, 255 - alpha), photo.dtype)
    behind = background_alone(photo, alpha, blurring)
    network_mask = encode(255 * probability, np.uint8)
    return (
        np.asarray(cv2.resize(network_mask, size[::-1]), np.uint8),
        alpha,
        without,
        behind.whole(behind.small),
    )
