"""Holes in the subject that the network is unsure of: badges, straps and shadows on clothes."""

from __future__ import annotations

import cv2
import numpy as np

from toolkit.imaging.pixels import Float

DOUBT = 0.4
"""Probability: where the network gives the subject less, it is sure of the background. A lower
value fills more patches of clothes, but gaps too: with DeepLabV3 that costs IoU."""

FILLED = 0.85
"""What a hole becomes: the guided edge keeps it whole, and it seeds no watershed."""

LEVELS = (0.5, 0.75)
"""Probabilities under which a pixel is part of a hole: what is not the subject, and then the rim of
such a hole, which would be left half blurred."""


def fill_holes(probability: Float) -> Float:
    """Make part of the subject what it surrounds on all sides and the network is unsure of.

    A gap that shows the background, as between an arm and the body, stays: there the network is
    sure.

    Parameters
    ----------
    probability : (h, w) float32, 0..1
        That a pixel is the subject, all over the photo. Not changed.

    Returns
    -------
    (h, w) float32, 0..1
        `FILLED` in such holes.

    Examples
    --------
    >>> probability = np.ones((5, 7), np.float32)
    >>> probability[2, 2], probability[2, 4], probability[4, 4] = 0.45, 0.01, 0.45
    >>> filled = fill_holes(probability)
    >>> [round(float(filled[place]), 2) for place in ((2, 2), (2, 4), (4, 4))]
    [0.85, 0.01, 0.45]
    """
    for level in LEVELS:
        count, parts = cv2.connectedComponents((probability < level).astype(np.uint8), None, 4)
        if count == 1:
            return probability
        hole = np.ones(count, np.bool_)
        hole[0] = False
        hole[parts[probability < DOUBT]] = False
        for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
            hole[edge] = False
        if hole.any():
            probability = np.where(hole[parts], np.float32(FILLED), probability)
    return probability
