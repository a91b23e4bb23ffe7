"""Make the pictures of the documentation again, with the bundled network.

    python scripts/make_pictures.py [FOLDER]     # by default docs/images

The photos are scikit-image's, which come with the ``demo`` extra: the astronaut (Eileen Collins,
NASA) and others in the public domain.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import demo_photo, write_photo
from toolkit.inference import Backend
from toolkit.portrait import PERSON, Portrait, make_portrait
from toolkit.report.canvas import Tile, fit, sheet
from toolkit.report.pictures import comparison, contact_sheet, overlay

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
OTHERS = ("camera", "chelsea", "coffee")
"""Photos that show what the bundled network makes of others; CC0."""

LONGEST_SIDE = 1400
"""Pixels of a picture: as wide as a page shows it, and a small file."""


def draw_pictures() -> dict[str, NDArray[np.uint8]]:
    """Draw every picture.

    Returns
    -------
    dict of str to (H, W, 3) uint8, BGR
        By file name.
    """
    photo = demo_photo()
    with open_backend(resolve_model(load_catalog().bundled.name), "onnx", threads=1) as backend:
        made = make_portrait(photo, backend, stages=True)
        labels = backend.network.labels
        masks = [_masked(name, backend) for name in OTHERS]
    assert made.stages is not None  # noqa: S101 - asked for
    stages = contact_sheet(made.stages, labels)
    masks.insert(0, Tile("astronaut", "", overlay(photo, made.stages.alpha)))
    return {
        "bundled.jpg": sheet(masks, columns=2, tile_size=(480, 480), legend=[]),
        "portrait.jpg": _before_and_after(photo, made),
        "compare.jpg": fit(comparison(photo, made, PERSON), 1200, 1200, exact=False),
        "stages.jpg": fit(stages, LONGEST_SIDE, LONGEST_SIDE, exact=False),
    }


def _masked(name: str, backend: Backend) -> Tile:
    photo = getattr(data, name)()
    bgr = cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR if photo.ndim == 2 else cv2.COLOR_RGB2BGR)
    stages = make_portrait(np.asarray(bgr, np.uint8), backend, stages=True).stages
    assert stages is not None  # noqa: S101 - asked for
    return Tile(name, "", overlay(stages.photo, stages.alpha))


def _before_and_after(photo: NDArray[np.uint8], made: Portrait) -> NDArray[np.uint8]:
    height, width = photo.shape[:2]
    tiles = [Tile("Photo", "", photo), Tile("Portrait", "style natural", made.image)]
    return sheet(tiles, columns=2, tile_size=(width, height), legend=[])


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, picture in draw_pictures().items():
        write_photo(folder / name, picture)
