"""The styles: how a segmented photo becomes a portrait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError
from toolkit.imaging.pixels import Float, Pixels, encode
from toolkit.inference import Segmentation
from toolkit.portrait.alpha import AlphaPlane, Edge, probability_of, refine
from toolkit.portrait.blur import KERNEL, KERNEL_LIMIT, blur, check_kernel, hide_subject
from toolkit.portrait.composite import blur_background
from toolkit.portrait.holes import fill_holes
from toolkit.portrait.lens import Blur, Kernel, weighed
from toolkit.portrait.mask import photo_mask, subject_mask
from toolkit.portrait.natural import background_alone, natural_portrait
from toolkit.portrait.timing import StageTimer, untimed


@dataclass(frozen=True, eq=False)
class SegmentedPhoto:
    """A photo and what the network says of it.

    Attributes
    ----------
    photo : (H, W, 3), BGR
    network_input : (h, w, 3) uint8, RGB
    segmentation : Segmentation
    crop : (int, int)
        The network's, height and width.
    subject : int
        The label that stays sharp.
    """

    photo: Pixels
    network_input: NDArray[np.uint8]
    segmentation: Segmentation
    crop: tuple[int, int]
    subject: int

    @property
    def found(self) -> NDArray[np.bool_]:
        """Where the label map is the subject, (h, w)."""
        return np.asarray(self.segmentation.label_map == self.subject)


@dataclass(frozen=True, eq=False)
class StagePictures:
    """What a style has between the network's answer and the portrait.

    Attributes
    ----------
    network_mask : (h, w) uint8, 0..255
        The subject at the network's size.
    background : (H, W, 3), BGR, of the photo's dtype
        The photo without its subject.
    blurred : (H, W, 3), BGR, of the photo's dtype
        The background blurred; of no meaning well inside the subject.
    """

    network_mask: NDArray[np.uint8]
    background: Pixels
    blurred: Pixels


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a style makes of a segmented photo.

    Attributes
    ----------
    image : (H, W, 3), BGR, of the photo's dtype
        The portrait; a copy of the photo where there is no subject.
    alpha : (H, W) uint8, 0..255
        The subject's share of each pixel.
    pictures : StagePictures or None
        Where they were asked for.
    """

    image: Pixels
    alpha: NDArray[np.uint8]
    pictures: StagePictures | None


class Style(Protocol):
    """A way to make a portrait; a frozen dataclass of its settings.

    Attributes
    ----------
    name : str
    uses_margin : bool
        Whether it asks the network for the subject's margin.
    eight_bits : bool
        Whether it takes photos of 8 bits only.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    name: ClassVar[str]
    uses_margin: ClassVar[bool]
    eight_bits: ClassVar[bool]

    @property
    def about(self) -> str:
        """The settings in a few words."""
        ...

    def render(
        self, seen: SegmentedPhoto, *, pictures: bool = False, timer: StageTimer = untimed
    ) -> Rendering:
        """Make the portrait; `timer` gets the stages mask, blur and composite."""
        ...


@dataclass(frozen=True)
class Tutorial:
    """The tutorial's style, byte for byte: a hard edge before a box blur of a blackened photo.

    Attributes
    ----------
    kernel : int
        Side of the blur's square, pixels.
    """

    name: ClassVar[str] = "tutorial"
    uses_margin: ClassVar[bool] = False
    eight_bits: ClassVar[bool] = True

    kernel: int = KERNEL

    def __post_init__(self) -> None:
        check_kernel(self.kernel)

    @property
    def about(self) -> str:
        """The settings in a few words."""
        return f"blur of {self.kernel} pixels"

    def render(
        self, seen: SegmentedPhoto, *, pictures: bool = False, timer: StageTimer = untimed
    ) -> Rendering:
        """Blur the blackened photo and put the subject back; see `Style.render`."""
        photo = seen.photo
        with timer("mask"):
            network_mask = subject_mask(seen.segmentation.label_map, seen.subject)
            mask = photo_mask(network_mask, *photo.shape[:2])
        found = network_mask.any()
        image = blur_background(photo, mask, self.kernel, timer=timer) if found else photo.copy()
        drawn = None
        if pictures:
            background = hide_subject(photo, mask)
            drawn = StagePictures(network_mask, background, blur(background, self.kernel))
        return Rendering(image, mask, drawn)


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

    name: ClassVar[str] = "natural"
    uses_margin: ClassVar[bool] = True
    eight_bits: ClassVar[bool] = False

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

    @property
    def about(self) -> str:
        """The settings in a few words."""
        size = f"{self.strength:g} % of the longer side"
        if self.size is not None:
            size = f"{self.size:g} pixels"
        return f"{self.kernel} blur of {size}, {self.edge} edge"

    def blur(self, height: int, width: int) -> Blur:
        """Return the blur of a photo of this size."""
        size = max(height, width) * self.strength / 100 if self.size is None else self.size
        return Blur(self.kernel, min(max(size, 1.0), KERNEL_LIMIT))

    def render(
        self, seen: SegmentedPhoto, *, pictures: bool = False, timer: StageTimer = untimed
    ) -> Rendering:
        """Mix the photo with its blurred background by alpha; see `Style.render`."""
        photo, segmentation = seen.photo, seen.segmentation
        height, width = photo.shape[:2]
        with timer("mask"):
            probability = subject_probability(segmentation, seen.crop, seen.subject)
            alpha = refine(seen.network_input, probability, self.edge).of(photo)
        blurring = self.blur(height, width)
        ground = ground_rows(seen.found, height)
        image = (
            photo.copy()
            if ground is None
            else natural_portrait(
                photo, alpha, blurring, depth=self.depth, ground=ground, timer=timer
            )
        )
        drawn = None
        if pictures:
            size = segmentation.label_map.shape
            drawn = _pictures(photo, size, probability, alpha, blurring)
        return Rendering(image, alpha, drawn)


NATURAL = Natural()


def subject_probability(segmentation: Segmentation, crop: tuple[int, int], subject: int) -> Float:
    """Return the probability that a pixel is the subject.

    Holes that the network is unsure of are filled, see `toolkit.portrait.holes.fill_holes`.

    Parameters
    ----------
    segmentation : Segmentation
        Without a margin the probability is that of the label map: 0 or 1.
    crop : (int, int)
        The network's, height and width.
    subject : int

    Returns
    -------
    float32, 0..1
        Over the same area, of any size.
    """
    if segmentation.margin is None:
        return np.asarray(segmentation.label_map == subject, np.float32)
    size = segmentation.label_map.shape
    return fill_holes(probability_of(segmentation.margin, (size[0], size[1]), crop))


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


def _pictures(
    photo: Pixels, size: tuple[int, ...], probability: Float, alpha: AlphaPlane, blurring: Blur
) -> StagePictures:
    without = encode(weighed(photo, 255 - alpha), photo.dtype)
    behind = background_alone(photo, alpha, blurring)
    network_mask = encode(255 * probability, np.uint8)
    return StagePictures(
        np.asarray(cv2.resize(network_mask, size[::-1]), np.uint8),
        without,
        behind.whole(behind.small),
    )
