"""Label map → mask: which pixels are the subject, at the network's size and at the photo's."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def subject_mask(labels: NDArray[np.integer[Any]], subject: int) -> NDArray[np.uint8]:
    """Mark the pixels of one label.

    Parameters
    ----------
    labels : (h, w) integer
        A label map.
    subject : int
        The label's number.

    Returns
    -------
    (h, w) uint8, 0 or 255
    """
    return np.where(labels == subject, np.uint8(255), np.uint8(0))


def photo_mask(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge a mask to the photo's size: bilinearly, then cut at the middle.

    Parameters
    ----------
    mask : (h, w) uint8, 0 or 255
        At the network's size.
    height, width : int
        Of the photo.

    Returns
    -------
    (height, width) uint8, 0 or 255
    """
    enlarged = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.threshold(enlarged, 128, 255, cv2.THRESH_BINARY, dst=enlarged)
    return np.asarray(enlarged, np.uint8)


def label_shares(labels: NDArray[np.integer[Any]]) -> dict[int, float]:
    """Return the share of each label that occurs.

    Parameters
    ----------
    labels : (h, w) integer, 0 or more
        A label map.

    Returns
    -------
    dict of int to float
        Label number to its share of the pixels, above 0 and up to 1, in the labels' order.

    Examples
    --------
    >>> label_shares(np.array([[0, 0], [0, 15]]))
    {0: 0.75, 15: 0.25}
    """
    counts = np.bincount(labels.ravel())
    return {int(label): float(counts[label]) / labels.size for label in np.flatnonzero(counts)}
