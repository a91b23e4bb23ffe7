"""Backdrops without people: waving flags, made-up walls, cloth that hangs."""

from __future__ import annotations

import cv2
import numpy as np

from training.color import shaded
from training.photos import Pixels

Random = np.random.Generator


def made_up(height: int, width: int, random: Random) -> Pixels:
    """Draw smooth noise of a random fineness between two or more colors, or a plain wall."""
    fineness = random.integers(2, 40) if random.random() < 0.6 else 2
    spread = random.uniform(10, 128)
    middle = random.uniform(0, 255, 3)
    noise = random.uniform(-spread, spread, (fineness, fineness, 3)) + middle
    kind = cv2.INTER_NEAREST if random.random() < 0.3 else cv2.INTER_CUBIC
    smooth = cv2.resize(noise.astype(np.float32), (width, height), interpolation=kind)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def waving(flag: Pixels, behind: Pixels, random: Random) -> Pixels:
    """Hang a waving flag before something else, or let it fill the frame.

    Parameters
    ----------
    flag : (h, w, 3) uint8
    behind : (H, W, 3) uint8
        Not changed.
    random : Generator

    Returns
    -------
    (H, W, 3) uint8
    """
    height, width = behind.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = random.normal(0, 0.5) + (np.pi / 2 if random.random() < 0.4 else 0)
    x = across * np.cos(turn) + down * np.sin(turn)
    y = down * np.cos(turn) - across * np.sin(turn)
    swing = np.zeros_like(x)
    light = np.zeros_like(x)
    for _ in range(random.integers(1, 4)):
        length = max(height, width) * np.exp(random.uniform(np.log(0.06), np.log(0.6)))
        lean = random.normal(0, 0.4)
        phase = (x + lean * y) * (2 * np.pi / length) + random.uniform(0, 2 * np.pi)
        amplitude = length * random.uniform(0.02, 0.15)
        swing += amplitude * np.sin(phase)
        light += amplitude / length * np.cos(phase)
    scale = flag.shape[1] / (max(height, width) * np.exp(random.uniform(np.log(0.5), np.log(2.0))))
    offset = random.uniform(0, 1, 2) * flag.shape[1::-1] * 0.7
    u = (x + 0.3 * swing - x.min()) * scale + offset[0] - 0.35 * flag.shape[1]
    v = (y + swing - y.min()) * scale + offset[1] - 0.35 * flag.shape[0]
    u, v = u.astype(np.float32), v.astype(np.float32)
    filled = random.random() < 0.5
    border = cv2.BORDER_REFLECT if filled else cv2.BORDER_CONSTANT
    waved = np.asarray(cv2.remap(flag, u, v, cv2.INTER_LINEAR, borderMode=border), np.uint8)
    waved = shaded(waved, light * random.uniform(1.0, 4.0))
    if filled:
        return waved
    inside = (u > 0) & (u < flag.shape[1] - 1) & (v > 0) & (v < flag.shape[0] - 1)
    return np.where(inside[:, :, np.newaxis], waved, behind)


def hanging(rgb: Pixels, texture: Pixels, random: Random) -> tuple[Pixels, Pixels]:
    """Hang a towel, a coat or a curtain: a strip of cloth with folds that run down.

    Clothes without anybody in them look like people to whoever has seen clothes on people alone.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
        What it hangs before; not changed.
    texture : (H, W, 3) uint8
        Of the cloth.
    random : Generator

    Returns
    -------
    (H, W, 3) uint8, (H, W) uint8
        The cloth where it is, else `rgb`; and 255 where it is, else 0.
    """
    height, width = rgb.shape[:2]
    tall = height * random.uniform(0.15, 0.7)
    wide = min(tall * random.uniform(0.2, 0.8), width * 0.6)
    left, top = random.uniform(-0.1, 0.9) * width, random.uniform(-0.1, 0.7) * height
    rows = np.linspace(0, 1, 9)
    sway = random.normal(0, 0.05, 9) * wide
    outline = np.concatenate(
        [
            np.stack([left + sway, top + rows * tall], 1),
            np.stack([left + wide * random.uniform(0.8, 1.2) + sway, top + rows * tall], 1)[::-1],
        ]
    )
    shape = np.zeros((height, width), np.uint8)
    cv2.fillPoly(shape, [np.round(outline).astype(np.int32)], (255,))
    phase = np.arange(width) * (2 * np.pi * random.uniform(2, 7) / wide) + random.uniform(0, 6.3)
    folds = np.sin(phase) * random.uniform(0.05, 0.35) + random.normal(0, 0.2)
    cloth = shaded(texture, np.broadcast_to(folds, (height, width)))
    return np.where(shape[:, :, np.newaxis] > 0, cloth, rgb), shape
