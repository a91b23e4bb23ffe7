"""The worst photos of an evaluation as one picture: photo, ground truth, mask, differences."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.evaluate.run import JudgedPhoto
from toolkit.report.canvas import LegendItem, Tile, fit, sheet
from toolkit.report.figures import shorten
from toolkit.report.pictures import ONLY_A, ONLY_B, SHARED, dim, paint

TILE = (320, 320)
"""Width and height of the box a picture fits, in pixels."""
LONGEST_NAME = 30
UNJUDGED = (90, 60, 130)
LEGEND = (
    LegendItem(ONLY_A, "missed"),
    LegendItem(ONLY_B, "found where there is none"),
    LegendItem(SHARED, "found rightly"),
    LegendItem(UNJUDGED, "ignored"),
)


@dataclass(frozen=True, eq=False)
class _Row:
    goodness: float
    tiles: tuple[Tile, ...]


class WorstPhotos:
    """Keeps the worst photos of each variant, drawn small while they pass by.

    Parameters
    ----------
    count : int
        How many of each variant.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._rows: dict[str, list[_Row]] = {}

    def see(self, judged: JudgedPhoto) -> None:
        """Look at a photo that was just judged."""
        rows = self._rows.setdefault(judged.variant, [])
        goodness = judged.quality.goodness
        if len(rows) < self._count or goodness < rows[-1].goodness:
            bisect.insort(rows, _Row(goodness, _draw(judged)), key=lambda row: row.goodness)
            del rows[self._count :]

    def sheet(self, variant: str) -> NDArray[np.uint8]:
        """Return a variant's worst photos, the worst first.

        Returns
        -------
        (H, W, 3) uint8, BGR

        Raises
        ------
        KeyError
            No photo of that variant passed by.
        """
        tiles = [tile for row in self._rows[variant] for tile in row.tiles]
        return sheet(tiles, columns=4, tile_size=TILE, legend=LEGEND)


def _draw(judged: JudgedPhoto) -> tuple[Tile, ...]:
    quality, (height, width) = judged.quality, judged.subject.shape
    photo = judged.photo.bgr
    if width > TILE[0] or height > TILE[1]:  # kept small; the sheet enlarges what is smaller
        photo = fit(photo, *TILE, exact=False)
    truth = np.where(judged.ignored, np.uint8(128), np.where(judged.subject, np.uint8(255), 0))
    both = judged.subject & judged.found & ~judged.ignored
    lit = cv2.resize(both.astype(np.uint8), photo.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    differences = dim(photo, lit != 0)
    judged_layers = (
        ("", UNJUDGED, judged.ignored),
        ("", ONLY_A, judged.subject & ~judged.found),
        ("", ONLY_B, judged.found & ~judged.subject & ~judged.ignored),
    )
    paint(differences, judged_layers)
    edge = "" if quality.boundary_f is None else f"boundary F {quality.boundary_f:.3f}"
    said = (
        f"{quality.false_positive_share:.2%} false positives"
        if quality.iou is None
        else f"IoU {quality.iou:.3f}"
    )
    return (
        Tile(shorten(judged.photo.name, LONGEST_NAME), f"{width} x {height}", photo),
        Tile("Ground truth", "", truth.astype(np.uint8), exact=True),
        Tile("Mask", said, judged.found.astype(np.uint8) * np.uint8(255), exact=True),
        Tile("Differences", edge, differences, exact=True),
    )
