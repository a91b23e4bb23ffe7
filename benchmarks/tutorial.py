"""The tutorial's portrait, restated from its description in the plainest calls.

It shares no code with the package on purpose: it is what `make_portrait` must equal byte for byte,
and the baseline its speed is measured against. The two deviations of the package (a side that would
become 0, a subject that isn't found) are outside its domain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.integer[Any]]


def network_input(photo: Pixels, crop: int = 513) -> Pixels:
    """Resize so that the longer side is the crop, and turn BGR to RGB."""
    height, width = photo.shape[:2]
    ratio = crop / max(height, width)
    resized = cv2.resize(
        photo, (int(ratio * width), int(ratio * height)), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)


def full_mask(labels: Labels, height: int, width: int, subject: int = 15) -> Pixels:
    """Mark the subject, enlarge to the photo's size, cut at 128."""
    mask = np.where(labels == subject, 255, 0).astype(np.uint8)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return np.asarray(cv2.threshold(mask, 128, 255, cv2.THRESH_BINARY)[1], np.uint8)


def blurred_background(photo: Pixels, mask: Pixels, kernel: int = 13) -> Pixels:
    """Take the subject out and blur the rest."""
    background = cv2.bitwise_and(photo, photo, mask=cv2.bitwise_not(mask))
    return np.asarray(cv2.blur(background, (kernel, kernel)), np.uint8)


def composite(photo: Pixels, mask: Pixels, blurred: Pixels) -> Pixels:
    """Take the photo where the mask is 255, the blurred background elsewhere."""
    return np.where(mask[:, :, np.newaxis] == 255, photo, blurred)


def look(photo: Pixels, mask: Pixels) -> Pixels:
    """Lay the mask's JET colors over the photo."""
    colored = cv2.applyColorMap(mask, cv2.COLORMAP_JET)
    return np.asarray(cv2.addWeighted(photo, 0.6, colored, 0.35, 0), np.uint8)


def portrait(
    photo: Pixels, segment: Callable[[Pixels], Labels], crop: int = 513, kernel: int = 13
) -> Pixels:
    """Run the whole chain."""
    labels = segment(network_input(photo, crop))
    mask = full_mask(labels, photo.shape[0], photo.shape[1])
    return composite(photo, mask, blurred_background(photo, mask, kernel))
