"""Photos that a quantized export is calibrated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import InputFileError
from toolkit.imaging import FORMATS, pixels_sha256, read_photo
from toolkit.portrait import preprocess


@dataclass(frozen=True, eq=False)
class Calibration:
    """What activations are measured on.

    Attributes
    ----------
    images : tuple of (h, w, 3) uint8 RGB
        Photos as the network sees them.
    sha256 : tuple of str
        Of the decoded photos, in the same order: no evaluation may see one of these.
    """

    images: tuple[NDArray[np.uint8], ...]
    sha256: tuple[str, ...]


def read_calibration(
    folder: Path,
    crop: tuple[int, int],
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> Calibration:
    """Read every photo of a folder; of the same pixels only once.

    Parameters
    ----------
    folder : Path
        Files of other kinds are passed over; folders inside are not entered.
    crop : (int, int)
        Height and width of the network's crop.
    progress : callable, optional
        Called with (photos read, photos in all).

    Raises
    ------
    InputFileError
        It is no folder or holds no photo.
    PhotoError
        A photo can't be read.
    """
    if not folder.is_dir():
        raise InputFileError(folder, "is no folder", "give one with photos like those to be run")
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in FORMATS and path.name[0] != "."
    )
    if not paths:
        raise InputFileError(folder, "holds no photo", "give a folder with photos in it")
    images: dict[str, NDArray[np.uint8]] = {}
    for done, path in enumerate(paths):
        if progress:
            progress(done, len(paths))
        bgr = read_photo(path).bgr
        images.setdefault(pixels_sha256(bgr), preprocess(bgr, crop))
    return Calibration(tuple(images.values()), tuple(images))
