"""Photos, masks and a backend that tests make up."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from toolkit.graphs.network import Network, generic_labels
from toolkit.inference import Capabilities, Segmentation


class PaintedBackend:
    """Labels by a rule instead of a network: blobs that follow from the image's own pixels."""

    name = "painted"
    version = "0"
    provider = "paint"
    threads = 1
    capabilities = Capabilities()

    def __init__(self, crop: tuple[int, int] = (65, 65), label: int = 15) -> None:
        self.network = Network(crop, generic_labels(21))
        self.label = label
        self.seen: list[tuple[int, ...]] = []

    def segment(
        self,
        image: NDArray[np.uint8],
        *,
        subject: int | None = None,  # noqa: ARG002 - it gives every label
    ) -> NDArray[np.integer[Any]]:
        """Call every pixel whose red is above the mean the subject."""
        self.seen.append(image.shape)
        red = image[..., 0]
        return np.where(red >= red.mean(), self.label, 0).astype(np.int64)

    def infer(
        self,
        image: NDArray[np.uint8],
        *,
        subject: int | None = None,
        margin: bool = False,  # noqa: ARG002 - it has none
    ) -> Segmentation:
        """Label an image by `segment`."""
        return Segmentation(self.segment(image, subject=subject))

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()


def random_photo(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Noise: every byte counts."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def random_mask(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """A mask of blobs, holes and single pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 8 + 1, width // 8 + 1)) < rng.random()
    mask = np.kron(coarse, np.ones((8, 8), bool))[:height, :width]
    mask ^= rng.random((height, width)) < 0.02
    return np.where(mask, np.uint8(255), np.uint8(0))


seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 70)
kernels = st.integers(1, 150)
