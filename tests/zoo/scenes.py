"""Made-up photos with areas, edges and texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scene(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Paint a photo: a soft background, some discs with sharp edges, some grain.

    Returns
    -------
    ndarray of uint8
        (height, width, 3) RGB.
    """
    generator = np.random.default_rng([seed, height, width])
    canvas = np.zeros((height, width, 3))
    for cells, strength in ((2, 60), (5, 40), (14, 20), (40, 8)):
        canvas += strength * _field(generator, height, width, cells)
    canvas += 120
    rows, columns = np.mgrid[:height, :width]
    for _ in range(9):
        row, column = generator.uniform(0, height), generator.uniform(0, width)
        radius = generator.uniform(0.08, 0.3) * min(height, width)
        stretch = generator.uniform(0.5, 2.0)
        inside = (rows - row) ** 2 + ((columns - column) * stretch) ** 2 < radius**2
        canvas[inside] = 0.35 * canvas[inside] + 0.65 * generator.uniform(0, 255, 3)
    canvas += generator.normal(0, 4, canvas.shape)
    return np.clip(np.round(canvas), 0, 255).astype(np.uint8)


def _field(
    generator: np.random.Generator, height: int, width: int, cells: int
) -> NDArray[np.float64]:
    """Return smooth noise, three channels that go partly together."""
    own = generator.normal(0, 0.6, (cells + 1, cells + 1, 3))
    coarse = own + generator.normal(0, 0.8, (cells + 1, cells + 1, 1))
    for axis, side in ((0, height), (1, width)):
        places = np.linspace(0, cells, side)
        low = np.minimum(places.astype(int), cells - 1)
        share = (places - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        coarse = np.take(coarse, low, axis) * (1 - share) + np.take(coarse, low + 1, axis) * share
    return coarse
