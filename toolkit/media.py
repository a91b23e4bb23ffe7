"""Photos in and out: whatever the file holds becomes upright 8-bit BGR, and alpha where it has any.

Pillow reads, because it says what a file claims to be before decoding it, and knows alpha, palettes
and CMYK; on plain photos its pixels are OpenCV's. OpenCV writes: the same bytes in JPEG, and PNG
several times as fast.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from toolkit.errors import MissingDependencyError, PhotoError, UsageError
from toolkit.store import write_atomically

MAX_PIXELS = 200_000_000
"""Of a photo to be read; ``TOOLKIT_MAX_PIXELS`` changes it, up to Pillow's own 357 million."""

BAND_PIXELS = 1 << 18
"""Of a photo that are copied at a time: a megabyte."""

_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95)
WRITTEN_AS: dict[str, tuple[int, ...]] = {
    ".png": (),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 95),
    ".bmp": (),
    ".tif": (),
    ".tiff": (),
}
"""The suffixes that can be written, with OpenCV's settings for each."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""What is taken for a photo in a folder."""

LONGEST_SIDE = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
"""Pixels; other formats have no limit that matters."""

WITHOUT_ALPHA = frozenset({".jpg", ".jpeg"})
"""Suffixes whose format has no alpha."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo's pixels, upright.

    Attributes
    ----------
    bgr : (H, W, 3) uint8, BGR, 0..255
        Also under transparent pixels.
    alpha : (H, W) uint8 or None
        0 transparent, 255 opaque; None where the file has no transparency.
    """

    bgr: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None


def read_photo(path: Path | str, *, max_pixels: int | None = None) -> Photo:
    """Read a photo of any common format.

    The EXIF orientation is applied; of an animation the first frame is taken; of 16 bits the upper
    8 are kept.

    Parameters
    ----------
    path : Path or str
        The file.
    max_pixels : int, optional
        Larger photos are refused before they are decoded; by default ``TOOLKIT_MAX_PIXELS`` from
        the environment, else `MAX_PIXELS`.

    Returns
    -------
    Photo

    Raises
    ------
    PhotoError
        The file is missing, not a photo, broken or too large.
    """
    path = Path(path)
    _check_file(path)
    limit = _pixel_limit() if max_pixels is None else max_pixels
    with warnings.catch_warnings():
        # Pillow warns of what it reads all the same (odd metadata) and of sizes: refused here.
        warnings.simplefilter("ignore")
        return _decode(path, limit)


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise PhotoError(path, "no such file") from error
    except (OSError, ValueError) as error:
        raise PhotoError(path, f"can't be read ({error})") from error
    if stat.S_ISDIR(found.st_mode):
        raise PhotoError(path, "is a folder")
    if not stat.S_ISREG(found.st_mode):  # a pipe or device, which might never end
        raise PhotoError(path, "is not a regular file")
    if found.st_size == 0:
        raise PhotoError(path, "is empty")


def _decode(path: Path, limit: int) -> Photo:
    try:
        with Image.open(path) as image:
            _check_size(path, image.size, limit)
            image.load()
            return _upright(path, image)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(path, "is not a photo, or is broken from the start") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(path, "has more pixels than Pillow decodes") from error
    except PermissionError as error:
        raise PhotoError(path, "must not be read", "check its permissions") from error
    except Exception as error:
        # Each of Pillow's many decoders fails in its own way on hostile bytes.
        raise PhotoError(path, f"is broken ({error or type(error).__name__})") from error


def _upright(path: Path, image: Image.Image) -> Photo:
    """Turn an image upright, in place, and copy its pixels out."""
    with contextlib.suppress(Exception):  # metadata that can't be read turns nothing
        ImageOps.exif_transpose(image, in_place=True)
    if image.has_transparency_data:
        return _pixels(image, with_alpha=True)
    return _pixels(_eight_bits(path, image), with_alpha=False)


def _pixels(image: Image.Image, *, with_alpha: bool) -> Photo:
    """Copy an image's pixels out, in bands of rows.

    Pillow keeps 4 bytes for a pixel of 3, and each conversion is a copy: of a whole photo they
    would be several times its size.
    """
    width, height = image.size
    bgr = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if with_alpha else None
    step = max(BAND_PIXELS // width, 1)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        band = image.crop((0, rows.start, width, rows.stop))
        if alpha is None:
            cv2.cvtColor(np.asarray(band.convert("RGB")), cv2.COLOR_RGB2BGR, dst=bgr[rows])
        else:
            rgba = np.asarray(band.convert("RGBA"))
            cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR, dst=bgr[rows])
            alpha[rows] = rgba[..., 3]
    return Photo(bgr, alpha)


def _eight_bits(path: Path, image: Image.Image) -> Image.Image:
    """Keep the upper byte of 16-bit gray; Pillow itself does so for 16-bit colour."""
    if image.mode == "F":
        raise PhotoError(path, "has floating-point pixels", "save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() > 0xFFFF:
        raise PhotoError(path, "has 32-bit pixels", "save it with 8 or 16 bits")
    return Image.fromarray((levels >> 8).astype(np.uint8))


def _pixel_limit() -> int:
    text = os.environ.get("TOOLKIT_MAX_PIXELS", "")
    if not text:
        return MAX_PIXELS
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(
            f"TOOLKIT_MAX_PIXELS is {text!r}", "give a number of pixels, as in 200000000"
        ) from error


def _check_size(path: Path, size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit:
        raise PhotoError(
            path,
            f"is too large: {width}x{height} pixels, {limit / 1e6:g} million are allowed",
            "TOOLKIT_MAX_PIXELS sets another limit",
        )


def check_writable(path: Path | str) -> None:
    """Raise `UsageError` where no format that can be written goes by the path's suffix."""
    suffix = Path(path).suffix.lower()
    if suffix not in WRITTEN_AS:
        raise UsageError(
            f"{path}: can't write {suffix or 'a file without suffix'}",
            f"choose one of {' '.join(WRITTEN_AS)}",
        )


def write_photo(
    path: Path | str, bgr: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None
) -> None:
    """Write a photo in the format of the path's suffix, atomically.

    JPEG and WebP are written at quality 95. JPEG has no alpha: it is left out.

    Parameters
    ----------
    path : Path or str
        The file; its folder must exist.
    bgr : (H, W, 3) uint8, BGR
    alpha : (H, W) uint8, optional

    Raises
    ------
    UsageError
        The suffix is of no format that can be written.
    PhotoError
        The format can't hold the photo (WebP: 16383 pixels a side, JPEG: 65500).
    StoreError
        The file can't be written.
    """
    path = Path(path)
    check_writable(path)
    suffix = path.suffix.lower()
    pixels = bgr if alpha is None or suffix in WITHOUT_ALPHA else np.dstack((bgr, alpha))
    _check_encodable(path, bgr.shape[0], bgr.shape[1])
    try:
        encoded = cv2.imencode(suffix, pixels, WRITTEN_AS[suffix])[1]
    except cv2.error as error:
        raise PhotoError(path, "can't be encoded", "choose another format") from error
    write_atomically(path, encoded.tobytes())


def _check_encodable(path: Path, height: int, width: int) -> None:
    limit = LONGEST_SIDE.get(path.suffix.lower())
    if limit is not None and max(height, width) > limit:
        raise PhotoError(
            path,
            f"{width}x{height} pixels are too many for this format, which takes {limit} a side",
            "choose .png",
        )


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of decoded pixels: the same photo in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def demo_photo() -> NDArray[np.uint8]:
    """Return the demo's photo: scikit-image's astronaut, which lies inside that package.

    Eileen Collins, NASA; public domain.

    Returns
    -------
    (512, 512, 3) uint8, BGR

    Raises
    ------
    MissingDependencyError
        The ``demo`` extra is not installed.
    """
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"the demo's photo comes with scikit-image ({error})",
            "demo",
        ) from error
    return np.ascontiguousarray(data.astronaut()[..., ::-1], dtype=np.uint8)
