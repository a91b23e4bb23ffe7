"""One photo through the whole chain: preprocess, segment, then what the style does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs.network import Network
from toolkit.imaging.pixels import Pixels, check_pixels
from toolkit.inference import Segmentation
from toolkit.portrait.mask import label_shares
from toolkit.portrait.preprocess import preprocess
from toolkit.portrait.styles import NATURAL, SegmentedPhoto, Style
from toolkit.portrait.timing import StageTimer, untimed

PERSON = 15
"""The label of people in PASCAL VOC's set."""


class Segmenter(Protocol):
    """What is needed of a backend here; every `toolkit.inference.Backend` has it.

    Attributes
    ----------
    network : Network
        Crop and labels.
    """

    network: Network

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        """Label every pixel; see `toolkit.inference.Backend.infer`."""
        ...


@dataclass(frozen=True, eq=False)
class Stages:
    """Every picture on the way to a portrait.

    Attributes
    ----------
    photo : (H, W, 3), BGR, as it was given
    network_input : (h, w, 3) uint8, RGB
    label_map : (h, w) integer
    network_mask : (h, w) uint8, 0..255
        The subject at the network's size: 0 or 255 in the tutorial's style, else its probability.
    alpha : (H, W) uint8, 0..255
        The subject at the photo's size: 0 or 255 in the tutorial's style.
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
    label_map: NDArray[np.integer[Any]]
    network_mask: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
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
    alpha : (H, W) uint8, 0..255
        The subject's share of each pixel; 0 or 255 in the tutorial's style.
    subject : int
        The label that stayed sharp.
    label_map : (h, w) integer
        At the network's size.
    shares : dict of int to float
        Number of each label found to its share of the label map.
    photo_size, network_size : (int, int)
        Height and width of the photo and of what the network saw.
    stages : Stages or None
        Every picture on the way, where they were asked for.
    """

    image: Pixels
    alpha: NDArray[np.uint8]
    subject: int
    label_map: NDArray[np.integer[Any]]
    shares: dict[int, float]
    photo_size: tuple[int, int]
    network_size: tuple[int, int]
    stages: Stages | None = None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the subject is, (H, W) bool: an alpha of one half at least."""
        return np.asarray(self.alpha >= 128)

    @property
    def subject_found(self) -> bool:
        """Whether any pixel of the label map is the subject."""
        return self.subject in self.shares


def make_portrait(
    photo: Pixels,
    backend: Segmenter,
    *,
    subject: str | int = "person",
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
        A loaded network: any backend. Where it gives margins the natural style's edge is made of
        them, else of the label map.
    subject : str or int
        The label that stays sharp, by name or number.
    style : Style
    stages : bool
        Whether to keep every picture on the way; costs time and memory.
    timer : StageTimer
        Gets the time of each stage.

    Returns
    -------
    Portrait

    Raises
    ------
    UsageError
        The network has no such label, or the array is no photo, or none that the style takes.
    BackendError
        The runtime failed.
    """
    photo = check_pixels(photo, eight_bits=style.eight_bits)
    label = backend.network.require_label(subject)
    with timer("preprocess"):
        network_input = preprocess(photo, backend.network.crop)
    with timer("segment"):
        segmentation = backend.infer(network_input, subject=label, margin=style.uses_margin)
    shares = label_shares(segmentation.label_map)
    seen = SegmentedPhoto(photo, network_input, segmentation, backend.network.crop, label)
    made = style.render(seen, pictures=stages, timer=timer)
    drawn = None
    if made.pictures:
        drawn = Stages(
            photo=photo,
            network_input=network_input,
            label_map=segmentation.label_map,
            network_mask=made.pictures.network_mask,
            alpha=made.alpha,
            background=made.pictures.background,
            blurred=made.pictures.blurred,
            portrait=made.image,
        )
    return Portrait(
        image=made.image,
        alpha=made.alpha,
        subject=label,
        label_map=segmentation.label_map,
        shares=shares,
        photo_size=(photo.shape[0], photo.shape[1]),
        network_size=(network_input.shape[0], network_input.shape[1]),
        stages=drawn,
    )
