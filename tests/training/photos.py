"""Made-up photos and data sets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.photos import Photo, Pixels


def scene(seed: int, height: int = 90, width: int = 120) -> Pixels:
    """Smooth noise: (height, width, 3) uint8."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def person(seed: int, folder: str = "ccp") -> Photo:
    """A photo with somebody in the middle and something unknown in a corner."""
    mask = np.zeros((90, 120), np.uint8)
    mask[20:80, 45:75] = 255
    mask[:10, :10] = 128
    return Photo(scene(seed), mask, folder)


def nobody(seed: int, folder: str = "rooms") -> Photo:
    """A photo without people."""
    return Photo(scene(seed), np.zeros((90, 120), np.uint8), folder)


def animal(seed: int) -> Photo:
    """A photo without people in which a teacher found something."""
    things = np.zeros((90, 120), np.uint8)
    things[30:60, 30:90] = 255
    return Photo(scene(seed), np.zeros((90, 120), np.uint8), "rooms", things)


def write(path: Path, pixels: Pixels) -> None:
    """Write an image file, RGB or gray, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1])
    assert cv2.imwrite(str(path), bgr)
