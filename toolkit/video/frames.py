"""One frame of a video through the chain, arrays in, arrays out: what each step needs of the last.

The steps are those of a photo in the natural style (`toolkit.portrait.make_portrait`), taken apart:
the network's answer, alpha along the frame's own edges, the blur. Each may run for several frames
at once; only the steadying goes from frame to frame. Alpha and what is mixed by it are computed on
the frame's planes; the network and the blur, which is of light, get its colors.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float
from toolkit.portrait.alpha import AlphaPlane, guide_size, refine
from toolkit.portrait.lens import Blur
from toolkit.portrait.natural import background_alone, come_nearer, nearness
from toolkit.portrait.pipeline import Segmenter
from toolkit.portrait.preprocess import preprocess
from toolkit.portrait.styles import Natural, ground_rows, subject_probability
from toolkit.video.planes import Plane, Planes, lay_over, planes_of, to_bgr, weighed_planes
from toolkit.video.reading import Frame

Guide = NDArray[np.uint8]
"""(h, w, 3) RGB, of `guide_size`: the frame, reduced."""

Bgr = NDArray[np.uint8]


def guide_in(frame: Bgr, crop: tuple[int, int]) -> Guide:
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
    return _downsampled(preprocess(frame, crop))


def _downsampled(network_input: NDArray[np.uint8]) -> Guide:
    size = guide_size(*network_input.shape[:2])[::-1]
    return np.asarray(cv2.resize(network_input, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def probability_in(frame: Bgr, backend: Segmenter, subject: int) -> tuple[Guide, Float, bool]:
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
    segmentation = backend.infer(network_input, subject=subject, margin=True)
    probability = subject_probability(segmentation, backend.network.crop, subject)
    guide = _downsampled(network_input)
    small = cv2.resize(probability, guide.shape[1::-1], interpolation=cv2.INTER_AREA)
    return guide, np.asarray(small, np.float32), bool((segmentation.label_map == subject).any())


def alpha_of(frame: Frame, guide: Guide, probability: Float, style: Natural) -> AlphaPlane:
    """Bring a probability to a frame's own edges.

    Parameters
    ----------
    frame : Frame
    guide : (h, w, 3) uint8, RGB
    probability : (h, w) float32, 0..1
    style : Natural

    Returns
    -------
    (h, w) uint8, 0..255
        Of the planes of color: in most videos half the frame's height and width.
    """
    luma, blue, red = frame.planes
    function = refine(guide, probability, style.edge).function
    # of the planes' levels instead of colors of 0..1; and what it gives is 255 for 1
    of_planes = np.diag([1, 1, 1, 255]) @ to_bgr(frame.colors.space)
    factors = np.asarray(cv2.transform(function, of_planes.T), np.float32)
    return weighed_planes((_sized(luma, blue), blue, red), factors)


def portrait_of(frame: Frame, alpha: AlphaPlane, style: Natural) -> Planes:
    """Blur what is behind the subject of a frame.

    Parameters
    ----------
    frame : Frame
    alpha : (h, w) uint8, 0..255
        As of `alpha_of`.
    style : Natural

    Returns
    -------
    Planes
        Where alpha is 255 around a sample they are the frame's.
    """
    height, width = frame.planes[0].shape
    share = np.asarray(cv2.resize(alpha, (width, height)), np.uint8)
    blur = style.blur(height, width)
    behind = _behind(frame, share, blur)
    ground = ground_rows(share > 127, height) if style.depth else None
    if ground:
        weaker = _behind(frame, share, blur.weaker)
        for far, middle, sharp in zip(behind, weaker, frame.planes, strict=True):
            rows = (np.arange(len(far)) + 0.5) * height / len(far) - 0.5
            come_nearer(far, middle, sharp, nearness(rows, style.depth, ground))
    for back, front, each in zip(behind, frame.planes, (share, alpha, alpha), strict=True):
        lay_over(back, front, each)
    return behind


def _behind(frame: Frame, alpha: AlphaPlane, blur: Blur) -> Planes:
    background = background_alone(frame.bgr, alpha, blur)
    luma, blue, red = planes_of(background.small, frame.colors.space)
    of_colors = background.whole if frame.planes[1].shape == alpha.shape else background.half
    return (
        np.asarray(background.whole(luma), np.uint8),
        np.asarray(of_colors(blue), np.uint8),
        np.asarray(of_colors(red), np.uint8),
    )


def _sized(image: Plane, plane: Plane) -> Plane:
    """Reduce an image to a plane's size."""
    if image.shape == plane.shape:
        return image
    return np.asarray(cv2.resize(image, plane.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
