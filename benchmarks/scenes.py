"""Photos that are made up, and what a network would say of them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.portrait import PERSON

OFFICIAL_CROP = (513, 513)


def made_photo(height: int, width: int) -> NDArray[np.uint8]:
    """Soft colors with grain on them, always the same."""
    rng = np.random.default_rng(2018)
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(0, 24, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.add(soft, grain), np.uint8)


def made_labels(height: int, width: int) -> NDArray[np.integer[Any]]:
    """Head and shoulders in the middle of the picture."""
    canvas = np.zeros((height, width), np.uint8)
    tall = height / 2.0
    head = (round(tall * 0.3), round(tall * 0.4))
    cv2.ellipse(canvas, (width // 2, round(tall * 0.75)), head, 0, 0, 360, PERSON, cv2.FILLED)
    body = (round(tall * 0.65), round(tall * 0.95))
    cv2.ellipse(canvas, (width // 2, height), body, 0, 180, 360, PERSON, cv2.FILLED)
    return canvas.astype(np.int64)
