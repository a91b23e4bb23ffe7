"""What the network is trained for: cross-entropy and soft IoU, weighted by what is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.network import resized
from training.photos import UNKNOWN

OVERLAP = 0.5
"""Weight of the soft IoU."""

SMOOTHING = 0.001
"""Of a sample's area, added to intersection and union: where nobody is, finding nobody is right."""


def loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return the loss of a batch.

    Parameters
    ----------
    logits : (n, 1, rows, columns) float32
    mask : (n, crop, crop) uint8
        The person's probability in 255ths. A pixel's weight is how far that is from 1/2.
    """
    margin = resized(logits, mask.shape[1:])[:, 0]
    target = mask.float() / 255
    weight = (2 * target - 1).abs() * (mask != UNKNOWN)
    each = functional.binary_cross_entropy_with_logits(margin, target, reduction="none")
    cross = (each * weight).sum() / (weight.sum() + 1)
    hard = (target > 0.5).float()
    chance = torch.sigmoid(margin) * weight
    overlap = (chance * hard).sum((1, 2))
    union = (chance + hard * weight).sum((1, 2)) - overlap
    smooth = SMOOTHING * mask[0].numel()
    return cross + OVERLAP * (1 - (overlap + smooth) / (union + smooth)).mean()
