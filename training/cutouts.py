"""Cut-outs: people and things taken out of their photos, and strips of street beside people."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from training.photos import PERSON, UNKNOWN, Photo, Pixels

STREET = 72
"""Pixels: a strip beside a person that is wider is a background without people."""


@dataclass(frozen=True)
class CutOut:
    """A person, or a thing that is none.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    alpha : (H, W) uint8
    mask : (H, W) uint8
    standing : bool
        Whether it ends above the photo's lower edge; otherwise the frame has to cut it off.
    """

    rgb: Pixels
    alpha: Pixels
    mask: Pixels
    standing: bool


def strips(photo: Photo) -> list[Photo]:
    """Cut out what is left and right of all people in a photo, where it is wide enough."""
    taken = np.flatnonzero((photo.mask > 40).any(axis=0))
    width = photo.mask.shape[1]
    sides = [slice(0, int(taken[0]) - 4), slice(int(taken[-1]) + 5, width)] if taken.size else []
    return [
        Photo(photo.rgb[:, side], photo.mask[:, side], photo.folder)
        for side in sides
        if photo.mask[:, side].shape[1] >= STREET and side.stop > 0
    ]


def cut_out_thing(photo: Photo) -> CutOut | None:
    """Cut a photo's animals and objects out."""
    if photo.things is None:
        return None
    cut = cut_out(Photo(photo.rgb, photo.things, photo.folder))
    return cut and replace(cut, mask=np.zeros_like(cut.mask))


def cut_out(photo: Photo) -> CutOut | None:
    """Cut a photo's people out; None where nothing is left."""
    alpha = np.where(photo.mask == UNKNOWN, 0, np.clip((photo.mask - 76.0) * 2.5, 0, 255))
    alpha = alpha.astype(np.uint8)
    left, top, width, height = cv2.boundingRect(alpha)
    if min(width, height) < 16:
        return None
    part = np.s_[top : top + height, left : left + width]
    mask = np.where(photo.mask[part] > 200, PERSON, UNKNOWN).astype(np.uint8)
    lowest = alpha[max(0, photo.mask.shape[0] - 3) :].max(axis=0)
    standing = np.count_nonzero(lowest > UNKNOWN) < 0.15 * width
    return CutOut(photo.rgb[part], alpha[part], mask, bool(standing))
