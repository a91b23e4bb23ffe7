"""Person IoU over the kept-back photos, as the crop sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.network import Network, resized
from training.photos import PERSON, UNKNOWN, Photo, Pixels


@dataclass(frozen=True)
class Quality:
    """Means over photos.

    Attributes
    ----------
    iou : dict of str to float
        Person IoU of the photos that show people, by data set.
    false_share : float
        Share of the pixels called a person, over photos that show nobody.
    """

    iou: dict[str, float]
    false_share: float


def validate(network: Network, photos: Sequence[Photo], crop: int) -> Quality:
    """Judge a network at a crop."""
    ious: dict[str, list[float]] = {}
    false: list[float] = []
    for photo in photos:
        found, mask = _predict(network, photo, crop)
        truth, known = mask == PERSON, mask != UNKNOWN
        if truth.any():
            union = ((found | truth) & known).sum()
            iou = float((found & truth & known).sum() / max(union, 1))
            ious.setdefault(photo.folder, []).append(iou)
        else:
            false.append(float(found[known].mean()))
    means = {name: float(np.mean(values)) for name, values in sorted(ious.items())}
    return Quality(means, float(np.mean(false)) if false else 0.0)


def fitted(rgb: Pixels, crop: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Resize a photo to fit a crop and pad it.

    Returns
    -------
    (3, crop, crop) float32, (int, int)
        In -1..1; height and width of the photo's area.
    """
    ratio = crop / max(rgb.shape)
    height, width = (max(1, round(side * ratio)) for side in rgb.shape[:2])
    image = np.zeros((crop, crop, 3), np.float32)
    image[:height, :width] = np.asarray(cv2.resize(rgb, (width, height)), np.float32) / 127.5 - 1
    return np.ascontiguousarray(image.transpose(2, 0, 1)), (height, width)


def _predict(network: Network, photo: Photo, crop: int) -> tuple[NDArray[np.bool_], Pixels]:
    image, (height, width) = fitted(photo.rgb, crop)
    network.eval()
    with torch.no_grad():
        logits = resized(network(torch.from_numpy(image)[None]), (crop, crop))
    network.train()
    found = logits[0, 0, :height, :width].numpy() > 0
    mask = cv2.resize(photo.mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return found, np.asarray(mask, np.uint8)
