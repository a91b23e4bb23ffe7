"""Changes of color, light and sharpness."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.photos import UNKNOWN, Pixels


def varied(rgb: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Change exposure, contrast, color balance, sharpness and noise; compress some.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    random : Generator
    strength : float
        1: a photo; less: a part of one.
    """
    levels = np.linspace(0, 1, 256)
    gamma = np.exp(random.normal(0, 0.25 * strength))
    if strength >= 1 and random.random() < 0.08:
        gamma *= random.uniform(1.4, 2.6)  # at night
    gains = np.exp(random.normal(0, 0.09 * strength)) * np.exp(random.normal(0, 0.07 * strength, 3))
    contrast, offset = np.exp(random.normal(0, 0.12 * strength)), random.normal(0, 0.03 * strength)
    curves = ((levels[:, None] ** gamma * gains) - 0.5) * contrast + 0.5 + offset
    table = np.clip(curves * 255 + 0.5, 0, 255).astype(np.uint8)[np.newaxis]
    image = np.asarray(cv2.LUT(rgb, table), np.uint8)
    keep = random.uniform(1 - 0.6 * strength, 1 + 0.5 * strength)
    keep = 0.0 if random.random() < 0.05 * strength else keep
    gray = np.full((3, 3), 1 / 3) * (1 - keep)
    image = np.asarray(cv2.transform(image, gray + np.eye(3) * keep), np.uint8)
    if random.random() < 0.2 * strength:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.5)), np.uint8)
    if strength < 1:
        return image
    if random.random() < 0.15:
        size, ratio = image.shape[1::-1], random.uniform(0.35, 0.9)
        small = cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, size), np.uint8)
    if random.random() < 0.25:
        grain = random.standard_normal(image.shape, np.float32) * np.float32(random.uniform(1, 12))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if random.random() < 0.25:
        quality = int(random.integers(25, 92))
        _, stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
    return image


def recolored(rgb: Pixels, mask: Pixels, random: np.random.Generator) -> Pixels:
    """Dye the clothes of whoever is in a mask: all but the upper part of the person.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    mask : (H, W) uint8
    random : Generator
    """
    left, top, width, height = cv2.boundingRect((mask > UNKNOWN).astype(np.uint8))
    neck = 0.2 if height > 2 * width else 0.6
    start = top + round(height * neck)
    part = np.s_[start : top + height, left : left + width]
    if min(rgb[part].shape[:2]) < 2:
        return rgb
    hsv = np.asarray(cv2.cvtColor(rgb[part], cv2.COLOR_RGB2HSV), np.uint8)
    hue, saturation, value = (hsv[:, :, channel].astype(np.int32) for channel in range(3))
    if random.random() < 0.5:
        hue[:] = random.integers(0, 180)  # one color
        saturation = saturation // 2 + random.integers(0, 200)
    else:
        hue = (hue + random.integers(0, 180)) % 180
        saturation += random.integers(-60, 100)
    value = (value * random.uniform(0.6, 1.3) + random.integers(-30, 90)).astype(np.int32)
    dyed = np.stack([hue, np.clip(saturation, 0, 255), np.clip(value, 0, 255)], 2).astype(np.uint8)
    dyed = np.asarray(cv2.cvtColor(dyed, cv2.COLOR_HSV2RGB), np.uint8)
    ramp = np.clip(np.arange(len(dyed), dtype=np.float32) / max(1, 0.06 * height), 0, 1)
    share = ramp[:, np.newaxis] * (mask[part] > 200)
    share = share[:, :, np.newaxis].astype(np.float32)
    result = rgb.copy()
    result[part] = (dyed * share + rgb[part] * (1 - share) + 0.5).astype(np.uint8)
    return result


def silhouetted(rgb: Pixels, mask: Pixels, random: np.random.Generator) -> Pixels:
    """Let people stand in the dark before the light: hardly more than their outline is left.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
        Not changed.
    mask : (H, W) uint8
    random : Generator
    """
    share = np.clip(mask.astype(np.float32) / 255 * 2 - 1, 0, 1)[:, :, np.newaxis]
    gain = np.exp(random.uniform(np.log(0.04), np.log(0.35))) * np.exp(random.normal(0, 0.15, 3))
    dark = rgb * gain.astype(np.float32) + np.float32(random.uniform(0, 20))
    return np.asarray(np.clip(rgb * (1 - share) + dark * share + 0.5, 0, 255), np.uint8)


def shaded(rgb: Pixels, light: NDArray[Any]) -> Pixels:
    """Lighten or darken; `light` is (H, W), 0 leaves a pixel as it is."""
    gain = np.exp(np.clip(light, -1, 1)).astype(np.float32)[:, :, np.newaxis]
    return np.asarray(np.clip(rgb * gain, 0, 255), np.uint8)
