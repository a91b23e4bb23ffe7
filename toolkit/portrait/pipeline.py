"""One photo through the whole chain: preprocess, segment, mask, blur, composite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toolkit.catalog import Network
from toolkit.portrait.blur import KERNEL, blur, check_kernel, hide_subject
from toolkit.portrait.clock import Clock, untimed
from toolkit.portrait.composite import blur_background
from toolkit.portrait.mask import label_shares, photo_mask, subject_mask
from toolkit.portrait.preprocess import preprocess

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


@dataclass(frozen=True, eq=False)
class Stages:
    """Every picture on the way to a portrait.

    Attributes
    ----------
    photo : (H, W, 3) uint8, BGR
    network_input : (h, w, 3) uint8, RGB
    labels : (h, w) integer
        The label map.
    network_mask : (h, w) uint8, 0 or 255
        The subject at the network's size.
    mask : (H, W) uint8, 0 or 255
        The subject at the photo's size.
    background : (H, W, 3) uint8, BGR
        The photo with the subject painted black.
    blurred : (H, W, 3) uint8, BGR
        The background blurred.
    portrait : (H, W, 3) uint8, BGR
        The result.
    """

    photo: NDArray[np.uint8]
    network_input: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    network_mask: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    background: NDArray[np.uint8]
    blurred: NDArray[np.uint8]
    portrait: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Portrait:
    """A portrait and what was found in the photo.

    Attributes
    ----------
    image : (H, W, 3) uint8, BGR
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

    image: NDArray[np.uint8]
    subject_found: bool
    labels: NDArray[np.integer[Any]]
    shares: dict[int, float]
    photo_size: tuple[int, int]
    network_size: tuple[int, int]
    stages: Stages | None = None


def make_portrait(
    photo: NDArray[np.uint8],
    backend: Segmenter,
    *,
    subject: int = PERSON,
    kernel: int = KERNEL,
    stages: bool = False,
    clock: Clock = untimed,
) -> Portrait:
    """Blur what is behind the subject of a photo, in the tutorial's style.

    Parameters
    ----------
    photo : (H, W, 3) uint8, BGR, 0..255
    backend : Segmenter
        A loaded network: any backend.
    subject : int
        The label that stays sharp.
    kernel : int
        Side of the blur's square in pixels.
    stages : bool
        Whether to keep every picture on the way; costs time and memory.
    clock : Clock
        Gets the time of each stage.

    Returns
    -------
    Portrait

    Raises
    ------
    UsageError
        The kernel is out of range.
    BackendError
        The runtime failed.
    """
    check_kernel(kernel)
    height, width = photo.shape[:2]
    with clock("preprocess"):
        network_input = preprocess(photo, backend.network.crop)
    with clock("segment"):
        labels = backend.segment(network_input, subject=subject)
    with clock("mask"):
        network_mask = subject_mask(labels, subject)
        mask = photo_mask(network_mask, height, width)
    shares = label_shares(labels)
    found = subject in shares
    image = blur_background(photo, mask, kernel, clock=clock) if found else photo.copy()
    return Portrait(
        image=image,
        subject_found=found,
        labels=labels,
        shares=shares,
        photo_size=(height, width),
        network_size=(network_input.shape[0], network_input.shape[1]),
        stages=Stages(
            photo=photo,
            network_input=network_input,
            labels=labels,
            network_mask=network_mask,
            mask=mask,
            background=(background := hide_subject(photo, mask)),
            blurred=blur(background, kernel),
            portrait=image,
        )
        if stages
        else None,
    )
