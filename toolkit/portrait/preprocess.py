"""Photo → the network's input: resized so that it just fits the crop, in RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Pixels, eight_bits


def network_size(height: int, width: int, crop: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which the network sees a photo.

    The photo keeps its proportions and just fits the crop; the graph pads the rest. Fractions are
    cut off as in the tutorial, but a side never becomes 0: a 2000x3 photo would be lost otherwise.

    Parameters
    ----------
    height, width : int
        Of the photo, in pixels, at least 1.
    crop : (int, int)
        Height and width of the network's crop.

    Returns
    -------
    (int, int)
        Height and width.

    Examples
    --------
    >>> network_size(720, 1280, crop=(513, 513))
    (288, 513)
    >>> network_size(3, 2000, crop=(513, 513))
    (1, 513)
    """
    crop_height, crop_width = crop
    ratio = min(crop_height / height, crop_width / width)
    return max(int(ratio * height), 1), max(int(ratio * width), 1)


def preprocess(photo: Pixels, crop: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a photo to fit the network's crop, bilinearly, and turn it to RGB.

    Parameters
    ----------
    photo : (H, W, 3) BGR uint8, uint16, or float of 0..1
    crop : (int, int)
        Height and width of the network's crop.

    Returns
    -------
    (h, w, 3) uint8, RGB, 0..255
    """
    height, width = photo.shape[:2]
    rows, columns = network_size(height, width, crop)
    resized = cv2.resize(photo, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(eight_bits(resized), cv2.COLOR_BGR2RGB), np.uint8)
