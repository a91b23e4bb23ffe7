"""One frame of a video through the chain, arrays in, arrays out: what each step needs of the last.

The steps are those of a photo in the natural style (`toolkit.portrait.make_portrait`), taken apart:
the network's answer, alpha along the frame's own edges, the blur. Each may run for several frames
at once; only the steadying goes from frame to frame.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.pixels import Float
from toolkit.portrait.alpha import Mask, guide_size, refine
from toolkit.portrait.natural import natural_portrait
from toolkit.portrait.pipeline import Natural, Segmenter, ground_rows, scored, softened
from toolkit.portrait.preprocess import preprocess

Pixels = NDArray[np.uint8]


def guide_in(frame: Pixels, crop: tuple[int, int]) -> Pixels:
    """Reduce a frame to the size that edges and motion are looked for on.

    Parameters
    ----------
    frame : (H, W, 3) uint8, BGR
    crop : (int, int)
        The network's.

    Returns
    -------
    (h, w, 3) uint8, RGB
        Of `guide_size`, from what the network would see.
    """
    return _reduced(preprocess(frame, crop))


def _reduced(network_input: Pixels) -> Pixels:
    size = guide_size(*network_input.shape[:2])[::-1]
    return np.asarray(cv2.resize(network_input, size, interpolation=cv2.INTER_AREA), np.uint8)


def probability_in(frame: Pixels, backend: Segmenter, subject: int) -> tuple[Pixels, Float, bool]:
    """Ask the network about a frame.

    Parameters
    ----------
    frame : (H, W, 3) uint8, BGR
    backend : Segmenter
        Where it gives logits the probability is made of them, else of the label map.
    subject : int

    Returns
    -------
    guide : (h, w, 3) uint8, RGB
        As of `guide_in`.
    probability : (h, w) float32, 0..1
        That a pixel is the subject.
    found : bool
        Whether any pixel of the label map is the subject.
    """
    network_input = preprocess(frame, backend.network.crop)
    labels, margin = scored(network_input, backend, subject)
    probability = softened(labels, margin, backend.network.crop, subject)
    guide = _reduced(network_input)
    small = cv2.resize(probability, guide.shape[1::-1], interpolation=cv2.INTER_AREA)
    return guide, np.asarray(small, np.float32), bool((labels == subject).any())


def alpha_of(frame: Pixels, guide: Pixels, probability: Float, style: Natural) -> Mask:
    """Bring a probability to a frame's own edges.

    Parameters
    ----------
    frame : (H, W, 3) uint8, BGR
    guide : (h, w, 3) uint8, RGB
    probability : (h, w) float32, 0..1
    style : Natural

    Returns
    -------
    (H, W) uint8, 0..255
    """
    return refine(guide, probability, style.edge).of(frame)


def portrait_of(frame: Pixels, alpha: Mask, style: Natural) -> Pixels:
    """Blur what is behind the subject of a frame.

    Parameters
    ----------
    frame : (H, W, 3) uint8, BGR
    alpha : (H, W) uint8, 0..255
    style : Natural

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    height, width = frame.shape[:2]
    ground = ground_rows(alpha > 127, height) if style.depth else None
    return natural_portrait(
        frame, alpha, style.blur(height, width), depth=style.depth, ground=ground
    )
