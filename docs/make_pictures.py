"""Make the pictures of the documentation again, with the bundled network.

    python docs/make_pictures.py [FOLDER]     # by default docs/images

The photo is scikit-image's astronaut: Eileen Collins, NASA, public domain; it comes with the
``demo`` extra.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolkit.catalog import load_catalog
from toolkit.media import demo_photo, write_photo
from toolkit.portrait import Portrait, make_portrait
from toolkit.report.canvas import Tile, fit, sheet
from toolkit.report.pictures import contact_sheet
from toolkit.resolve import open_backend, resolve_model

FOLDER = Path(__file__).resolve().parent / "images"
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
    assert made.stages is not None  # noqa: S101 - asked for
    stages = contact_sheet(made.stages, labels)
    return {
        "portrait.jpg": _before_and_after(photo, made),
        "stages.jpg": fit(stages, LONGEST_SIDE, LONGEST_SIDE, exact=False),
    }


def _before_and_after(photo: NDArray[np.uint8], made: Portrait) -> NDArray[np.uint8]:
    height, width = photo.shape[:2]
    tiles = [Tile("Photo", "", photo), Tile("Portrait", "style tutorial", made.image)]
    return sheet(tiles, columns=2, tile_size=(width, height), legend=[])


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, picture in draw_pictures().items():
        write_photo(folder / name, picture)
