"""Decode photos: whatever the file holds becomes upright BGR, and alpha where it has any.

Pillow reads, because it says what a file claims to be before decoding it, and knows alpha, palettes
and CMYK; on plain photos its pixels are OpenCV's.
"""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path
from typing import Literal, overload

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from toolkit.errors import PhotoError
from toolkit.imaging.color import upright
from toolkit.imaging.limits import check_file, check_size, pixel_limit
from toolkit.imaging.metadata import metadata_of
from toolkit.imaging.photo import Photo
from toolkit.imaging.pixels import upper_byte
from toolkit.imaging.sixteen_bit import all_bits, has_16_bits, left_to_turn


class _Unwarned:
    """Passes over Pillow's warnings while any thread reads a photo.

    It warns of what it reads all the same (odd metadata) and of sizes, which are refused here. The
    interpreter's filters are the process's: where each thread put back what it found, the last one
    would put back another's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._filters = warnings.catch_warnings(action="ignore")
                self._filters.__enter__()

    def __exit__(self, *reason: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._filters.__exit__(None, None, None)


_UNWARNED = _Unwarned()


@overload
def decode_image(
    data: bytes,
    *,
    name: Path | str = ...,
    max_pixels: int | None = None,
    sixteen_bit: Literal[False] = False,
) -> Photo[np.uint8]: ...


@overload
def decode_image(
    data: bytes, *, name: Path | str = ..., max_pixels: int | None = None, sixteen_bit: bool
) -> Photo[np.uint8] | Photo[np.uint16]: ...


def decode_image(
    data: bytes,
    *,
    name: Path | str = "the image",
    max_pixels: int | None = None,
    sixteen_bit: bool = False,
) -> Photo[np.uint8] | Photo[np.uint16]:
    """Decode a photo of any common format to upright BGR pixels.

    The EXIF orientation is applied; of an animation the first frame is taken; of 16 bits the upper
    8 are kept. CMYK and L*a*b* become sRGB, by the file's color profile if it has one; RGB is left
    as it is. Metadata that is broken is left out, with a warning in the log.

    Parameters
    ----------
    data : bytes
        A file's content.
    name : Path or str
        What messages call it.
    max_pixels : int, optional
        Larger photos are refused before they are decoded; by default ``TOOLKIT_MAX_PIXELS`` from
        the environment, else `toolkit.imaging.limits.MAX_PIXELS`.
    sixteen_bit : bool
        Keep all bits of a PNG or TIFF of 16, gray or RGB, with alpha or without. Other photos are
        of 8 bits all the same.

    Returns
    -------
    Photo

    Raises
    ------
    PhotoError
        It is not a photo, broken or too large.
    """
    limit = pixel_limit() if max_pixels is None else max_pixels
    with _UNWARNED:
        return _decode(data, name, limit, sixteen_bit=sixteen_bit)


@overload
def read_photo(
    path: Path | str, *, max_pixels: int | None = None, sixteen_bit: Literal[False] = False
) -> Photo[np.uint8]: ...


@overload
def read_photo(
    path: Path | str, *, max_pixels: int | None = None, sixteen_bit: bool
) -> Photo[np.uint8] | Photo[np.uint16]: ...


def read_photo(
    path: Path | str, *, max_pixels: int | None = None, sixteen_bit: bool = False
) -> Photo[np.uint8] | Photo[np.uint16]:
    """Read a photo's file; see `decode_image`.

    Parameters
    ----------
    path : Path or str
        The file.
    max_pixels, sixteen_bit
        As in `decode_image`.

    Returns
    -------
    Photo

    Raises
    ------
    PhotoError
        The file is missing, not a photo, broken or too large.
    """
    data = read_image_file(path)
    return decode_image(data, name=path, max_pixels=max_pixels, sixteen_bit=sixteen_bit)


def read_image_file(path: Path | str) -> bytes:
    """Return the bytes of a photo's file.

    Raises
    ------
    PhotoError
        It is missing, empty, no regular file, or can't be read.
    """
    check_file(Path(path))
    try:
        return Path(path).read_bytes()
    except PermissionError as error:
        raise PhotoError(path, "permission denied", "check the file's permissions") from error
    except OSError as error:
        raise PhotoError(path, f"can't be read ({error.strerror})") from error


def _decode(
    data: bytes, name: Path | str, limit: int, *, sixteen_bit: bool
) -> Photo[np.uint8] | Photo[np.uint16]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            check_size(name, image.size, limit)
            of_16_bits = has_16_bits(data, image)
            # Pillow turns a TIFF as it loads it, and forgets how; of PNG it knows after that.
            of_tiff = isinstance(image, TiffImageFile)
            orientation = left_to_turn(image) if of_16_bits and of_tiff else 1
            image.load()
            metadata = metadata_of(data, name, image)  # before turning, which Pillow writes into it
            exact = None
            # Pillow takes a transparent color of 16 bits for one of 8.
            if of_16_bits and (sixteen_bit or "transparency" in image.info):
                turn = orientation if of_tiff else left_to_turn(image)
                exact = all_bits(data, name, image, turn)
            if exact is None:
                return Photo(*upright(name, image), metadata)
            if sixteen_bit:
                return Photo(*exact, metadata)
            bgr, alpha = exact
            return Photo(upper_byte(bgr), None if alpha is None else upper_byte(alpha), metadata)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(name, "is not a photo, or is broken from the start") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(name, "has more pixels than Pillow decodes") from error
    except Exception as error:
        # Each of Pillow's many decoders fails in its own way on hostile bytes.
        raise PhotoError(name, f"is broken ({error or type(error).__name__})") from error
