"""Made-up weights of the whole network, without PyTorch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.architecture import (
    BLOCKS,
    CONTEXT,
    FINE,
    FINE_BLOCK,
    FINE_SKIP,
    FINER,
    FINER_BLOCK,
    FINER_SKIP,
    STEM,
)


def made_up_weights(seed: int) -> dict[str, NDArray[np.float32]]:
    """Random weights by the names of the module's state, none of them 0 or 1."""
    random = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {}

    def conv(name: str, inputs: int, outputs: int, kernel: int = 1) -> None:
        shape = (outputs, inputs, kernel, kernel)
        scale = np.sqrt(2 / (inputs * kernel**2))
        weights[f"{name}.weight"] = random.normal(0, scale, shape).astype(np.float32)

    def normed(name: str, inputs: int, outputs: int, kernel: int = 1) -> None:
        conv(f"{name}.conv", inputs, outputs, kernel)
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.5, 0.5),
            ("running_mean", -0.5, 0.5),
            ("running_var", 0.5, 1.5),
        ):
            values = random.uniform(low, high, outputs)
            weights[f"{name}.norm.{part}"] = values.astype(np.float32)

    def biased(name: str, inputs: int, outputs: int) -> None:
        conv(name, inputs, outputs)
        weights[f"{name}.bias"] = random.uniform(-0.5, 0.5, outputs).astype(np.float32)

    def separable(name: str, inputs: int, outputs: int, kernel: int) -> None:
        normed(f"{name}.depthwise", 1, inputs, kernel)
        normed(f"{name}.pointwise", inputs, outputs)

    normed("stem", 3, STEM, 3)
    for place, block in enumerate(BLOCKS):
        wide = block.inputs * block.expansion
        if block.expansion > 1:
            normed(f"blocks.{place}.expand", block.inputs, wide)
        normed(f"blocks.{place}.depthwise", 1, wide, block.kernel)
        normed(f"blocks.{place}.project", wide, block.outputs)
    normed("branch", BLOCKS[-1].outputs, CONTEXT)
    biased("pool", BLOCKS[-1].outputs, CONTEXT)
    normed("projection", 2 * CONTEXT, CONTEXT)
    separable("context", CONTEXT, CONTEXT, 5)
    normed("fine_skip", BLOCKS[FINE_BLOCK].outputs, FINE_SKIP)
    separable("fine", CONTEXT + FINE_SKIP, FINE, 3)
    normed("finer_skip", BLOCKS[FINER_BLOCK].outputs, FINER_SKIP)
    separable("finer", FINE + FINER_SKIP, FINER, 3)
    biased("logit", FINER, 1)
    return weights
