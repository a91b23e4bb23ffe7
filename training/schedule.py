"""The schedule: which crop a step sees, how fast it learns and what stays frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass

PHASES = ((193, 0.30), (257, 0.20), (321, 0.50))
"""Crops and their shares of the steps; the last is the crop that is frozen."""

FROZEN_SHARE = 0.12
"""Of the steps: the first ones leave the backbone up to `FROZEN_BLOCK` as ImageNet made it."""

FROZEN_BLOCK = 4

WARMUP, HOLD = 100, 0.3
"""Steps in which the rate rises; the share of the steps after which it starts to fall to 0."""


@dataclass(frozen=True)
class Schedule:
    """What each of so many steps is like.

    Attributes
    ----------
    steps : int
    """

    steps: int

    def crop(self, step: int) -> int:
        """Return the crop of a step, counted from 0.

        Examples
        --------
        >>> schedule = Schedule(1000)
        >>> schedule.crop(0), schedule.crop(500), schedule.crop(999)
        (193, 257, 321)
        """
        done = 0.0
        for crop, share in PHASES:
            done += share
            if step < done * self.steps:
                return crop
        return PHASES[-1][0]

    def rate(self, step: int) -> float:
        """Return the factor of the learning rates, 0..1."""
        warm = min(1.0, (step + 1) / WARMUP)
        late = max(0.0, (step / self.steps - HOLD) / (1 - HOLD))
        return warm * 0.5 * (1 + math.cos(math.pi * late))

    def frozen(self, step: int) -> bool:
        """Whether the first blocks of the backbone are not trained in a step."""
        return step < FROZEN_SHARE * self.steps
