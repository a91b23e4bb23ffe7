"""The network's shape: blocks and channels, for training and for freezing."""

from __future__ import annotations

from dataclasses import dataclass

EPSILON = 1e-3
"""Of every batch normalization, as the backbone was trained."""

STEM, CONTEXT, FINE, FINER = 32, 96, 64, 32
"""Channels: of the stem, of the head at stride 16, of the decoder at strides 8 and 4."""

FINE_SKIP, FINER_SKIP = 32, 16
"""Channels that the skips contribute."""

PRIOR = -2.0
"""The logit's bias at the start: most pixels show nobody."""


@dataclass(frozen=True)
class Block:
    """An inverted residual block without squeeze-and-excitation."""

    expansion: int
    kernel: int
    stride: int
    inputs: int
    outputs: int

    @property
    def residual(self) -> bool:
        """Whether its input is added to its output."""
        return self.stride == 1 and self.inputs == self.outputs


BLOCKS = (
    Block(1, 3, 1, 32, 16),
    Block(6, 3, 2, 16, 24),
    Block(6, 3, 1, 24, 24),
    Block(6, 5, 2, 24, 40),
    Block(6, 5, 1, 40, 40),
    Block(6, 3, 2, 40, 80),
    Block(6, 3, 1, 80, 80),
    Block(6, 3, 1, 80, 80),
    Block(6, 5, 1, 80, 112),
    Block(6, 5, 1, 112, 112),
    Block(6, 5, 1, 112, 112),
)
"""Of EfficientNet-Lite0; the rest of it, at stride 32, is not used."""

FINER_BLOCK, FINE_BLOCK = 2, 4
"""The blocks whose outputs the decoder reads: strides 4 and 8."""
