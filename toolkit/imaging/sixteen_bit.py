"""Photos of 16 bits, which Pillow has no color of: OpenCV decodes them once more."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from toolkit.imaging.exif import ORIENTATION

log = logging.getLogger(__name__)

_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _EXTRA_SAMPLES, _SAMPLE_FORMAT = (
    258,
    262,
    284,
    338,
    339,
)  # TIFF's tags


def has_16_bits(data: bytes, image: Image.Image) -> bool:
    """Whether a file has 16-bit pixels of a kind that OpenCV decodes as they are."""
    if image.format == "PNG":
        return data[24:25] == b"\x10"  # after signature, length, IHDR, width, height
    if not isinstance(image, TiffImageFile):
        return False
    tags = image.tag_v2
    return (
        set(tags.get(_BITS_PER_SAMPLE, ())) == {16}
        and set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}  # unsigned
        and tags.get(_PHOTOMETRIC) in {1, 2}  # gray from black, RGB
        and tags.get(_PLANAR, 1) == 1
        and 1 not in tags.get(_EXTRA_SAMPLES, ())  # alpha multiplied into the colors
    )


def all_bits(
    data: bytes, name: Path | str, image: Image.Image, orientation: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None] | None:
    """Decode a file of 16 bits by OpenCV; None, with a warning in the log, where it can't.

    Parameters
    ----------
    data : bytes
        The file's.
    name : Path or str
        For messages.
    image : Image
        The same file, for what Pillow knows of it.
    orientation : int
        By EXIF's numbers, as `left_to_turn` has it of the image before it was loaded.

    Returns
    -------
    (H, W, 3) uint16, BGR, and (H, W) uint16 or None
        Upright pixels, and alpha where the file has any.
    """
    # Not imread: that of OpenCV 5.0 fails where TIFF's tag swaps width and height.
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if read is None or read.dtype != np.uint16:
        log.warning("%s: only 8 of its 16 bits can be read", name)
        return None
    pixels = _turned(np.asarray(read, np.uint16), orientation)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    alpha = np.ascontiguousarray(pixels[..., 3]) if channels == 4 else None
    transparent = image.info.get("transparency")
    if channels == 1:
        if isinstance(transparent, int):
            alpha = np.where(pixels == transparent, 0, 0xFFFF).astype(np.uint16)
        return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2), alpha
    return np.ascontiguousarray(pixels[..., :3]), alpha


def left_to_turn(image: Image.Image) -> int:
    """Return the orientation that OpenCV doesn't apply itself.

    It turns a TIFF by its tag, whatever it is told, and all else not at all where it is to leave
    the pixels unchanged.
    """
    if isinstance(image, TiffImageFile) and ORIENTATION in image.tag_v2:
        return 1
    with contextlib.suppress(Exception):  # metadata that can't be read turns nothing
        return int(image.getexif().get(ORIENTATION, 1))
    return 1


def _turned(pixels: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """Turn pixels upright that lie as EXIF's orientation says."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
