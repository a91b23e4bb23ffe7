"""Photos in and out: whatever the file holds becomes upright BGR, and alpha where it has any.

Pillow reads, because it says what a file claims to be before decoding it, and knows alpha, palettes
and CMYK; on plain photos its pixels are OpenCV's. It has no colour of 16 bits: where all of them
are wanted OpenCV decodes once more. OpenCV writes: the same bytes in JPEG, and PNG several times as
fast.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import stat
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, overload

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from toolkit.errors import InputFileError, MissingDependencyError, PhotoError, UsageError
from toolkit.exif import ORIENTATION
from toolkit.metadata import Metadata, jpeg_with, metadata_of, png_with, tiff_with_metadata
from toolkit.pixels import eight_bits
from toolkit.store import write_atomically

if TYPE_CHECKING:
    from cv2.typing import MatLike
    from PIL.ImageCms import ImageCmsTransform

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""Of 8 bits, 0..255, or of 16, 0..65535."""

Level = TypeVar("Level", np.uint8, np.uint16)

MAX_PIXELS = 200_000_000
"""Of a photo to be read; ``TOOLKIT_MAX_PIXELS`` changes it, up to Pillow's own 357 million."""

BAND_PIXELS = 1 << 18
"""Of a photo that are copied at a time: a megabyte."""

WRITTEN_AS: dict[str, int | None] = {
    ".png": None,
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
    ".webp": cv2.IMWRITE_WEBP_QUALITY,
    ".bmp": None,
    ".tif": None,
    ".tiff": None,
}
"""The suffixes that can be written, with OpenCV's setting for the quality where there is one."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""What is taken for a photo in a folder."""

LONGEST_SIDE = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
"""Pixels; other formats have no limit that matters."""

WITHOUT_ALPHA = frozenset({".jpg", ".jpeg"})
"""Suffixes whose format has no alpha."""

OF_16_BITS = frozenset({".png", ".tif", ".tiff"})
"""Suffixes whose format holds pixels of 16 bits."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _EXTRA_SAMPLES, _SAMPLE_FORMAT = (
    258,
    262,
    284,
    338,
    339,
)  # TIFF's tags


@dataclass(frozen=True, eq=False)
class Photo(Generic[Level]):
    """A photo's pixels, upright.

    Attributes
    ----------
    bgr : (H, W, 3) uint8, BGR, 0..255
        Also under transparent pixels. Read with ``deep``, uint16, 0..65535, if the file has them.
    alpha : (H, W) uint8 or None
        0 transparent, 255 opaque; None where the file has no transparency. Of `bgr`'s depth.
    metadata : Metadata
        Colour profile, EXIF and XMP, of an upright photo.
    """

    bgr: NDArray[Level]
    alpha: NDArray[Level] | None = None
    metadata: Metadata = field(default_factory=Metadata)


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
def read_photo(
    path: Path | str, *, max_pixels: int | None = None, deep: Literal[False] = False
) -> Photo[np.uint8]: ...


@overload
def read_photo(
    path: Path | str, *, max_pixels: int | None = None, deep: bool
) -> Photo[np.uint8] | Photo[np.uint16]: ...


def read_photo(
    path: Path | str, *, max_pixels: int | None = None, deep: bool = False
) -> Photo[np.uint8] | Photo[np.uint16]:
    """Read a photo of any common format.

    The EXIF orientation is applied; of an animation the first frame is taken; of 16 bits the upper
    8 are kept. CMYK and L*a*b* become sRGB, by the file's colour profile if it has one; RGB is left
    as it is. Metadata that is broken is left out, with a warning in the log.

    Parameters
    ----------
    path : Path or str
        The file.
    max_pixels : int, optional
        Larger photos are refused before they are decoded; by default ``TOOLKIT_MAX_PIXELS`` from
        the environment, else `MAX_PIXELS`.
    deep : bool
        Keep all bits of a PNG or TIFF of 16, gray or RGB, with alpha or without. Other photos are
        of 8 bits all the same.

    Returns
    -------
    Photo

    Raises
    ------
    PhotoError
        The file is missing, not a photo, broken or too large.
    """
    path = Path(path)
    check_file(path)
    limit = pixel_limit() if max_pixels is None else max_pixels
    with _UNWARNED:
        return _decode(path, limit, deep=deep)


def check_file(path: Path, kind: type[InputFileError] = PhotoError) -> None:
    """Raise an error of a kind where a path is no file with bytes in it; nothing is read."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise kind(path, "no such file") from error
    except (OSError, ValueError) as error:
        raise kind(path, f"can't be read ({error})") from error
    if stat.S_ISDIR(found.st_mode):
        raise kind(path, "is a folder")
    if not stat.S_ISREG(found.st_mode):  # a pipe or device, which might never end
        raise kind(path, "is not a regular file")
    if found.st_size == 0:
        raise kind(path, "is empty")


def _decode(path: Path, limit: int, *, deep: bool) -> Photo[np.uint8] | Photo[np.uint16]:
    try:
        # By its name Pillow would map a plain TIFF into memory, and mixes up its rows where the
        # orientation swaps width and height.
        with path.open("rb") as file, Image.open(file) as image:
            _check_size(path, image.size, limit)
            of_16_bits = _has_16_bits(path, image)
            # Pillow turns a TIFF as it loads it, and forgets how; of PNG it knows after that.
            of_tiff = isinstance(image, TiffImageFile)
            orientation = _left_to_turn(image) if of_16_bits and of_tiff else 1
            image.load()
            metadata = metadata_of(path, image)  # before turning, which Pillow writes into it
            exact = None
            # Pillow takes a transparent colour of 16 bits for one of 8.
            if of_16_bits and (deep or "transparency" in image.info):
                exact = _all_bits(path, image, orientation if of_tiff else _left_to_turn(image))
            if exact is None:
                return Photo(*_upright(path, image), metadata)
            if deep:
                return Photo(*exact, metadata)
            bgr, alpha = exact
            return Photo(_upper_byte(bgr), None if alpha is None else _upper_byte(alpha), metadata)
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


def _has_16_bits(path: Path, image: Image.Image) -> bool:
    """Whether a file has 16-bit pixels of a kind that OpenCV decodes as they are."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24:] == b"\x10"  # after signature, length, IHDR, width, height
    if not isinstance(image, TiffImageFile):
        return False
    tags = image.tag_v2
    return (
        set(tags.get(_BITS_PER_SAMPLE, ())) == {16}
        and set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}  # unsigned
        and tags.get(_PHOTOMETRIC) in {1, 2}  # gray from black, RGB
        and tags.get(_PLANAR, 1) == 1
        and 1 not in tags.get(_EXTRA_SAMPLES, ())  # alpha multiplied into the colours
    )


def _all_bits(
    path: Path, image: Image.Image, orientation: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None] | None:
    """Decode a file of 16 bits by OpenCV; None, with a warning in the log, where it can't."""
    # Not imread: that of OpenCV 5.0 fails where TIFF's tag swaps width and height.
    encoded = np.asarray(np.memmap(path, np.uint8, mode="r"))
    read = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if read is None or read.dtype != np.uint16:
        log.warning("%s: only 8 of its 16 bits can be read", path)
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


def _left_to_turn(image: Image.Image) -> int:
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


def _upper_byte(levels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return (levels >> 8).astype(np.uint8)


def _upright(path: Path, image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Turn an image upright, in place, and copy its pixels out."""
    with contextlib.suppress(Exception):  # metadata that can't be read turns nothing
        ImageOps.exif_transpose(image, in_place=True)
    if image.has_transparency_data:
        return _pixels(image, with_alpha=True)
    return _pixels(_eight_bits(path, image), with_alpha=False, to_srgb=_to_srgb(path, image))


def _to_srgb(path: Path, image: Image.Image) -> ImageCmsTransform | None:
    """Return what turns CMYK or L*a*b* into sRGB; None where Pillow's own conversion has to do."""
    if image.mode not in {"CMYK", "LAB"}:  # YCCK is CMYK by now
        return None
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    profile = image.info.get("icc_profile")
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.buildTransform(own, srgb, image.mode, "RGB")
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("%s: its colour profile can't be used (%s)", path, error)
    if image.mode == "LAB":
        return ImageCms.buildTransform(ImageCms.createProfile("LAB"), srgb, "LAB", "RGB")
    return None


def _pixels(
    image: Image.Image, *, with_alpha: bool, to_srgb: ImageCmsTransform | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
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
            rgb = band if to_srgb is None else to_srgb.apply(band)
            if rgb.mode != "RGB":  # it would be copied once more
                rgb = rgb.convert("RGB")
            cv2.cvtColor(np.asarray(rgb), cv2.COLOR_RGB2BGR, dst=bgr[rows])
        else:
            rgba = np.asarray(band.convert("RGBA"))
            cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR, dst=bgr[rows])
            alpha[rows] = rgba[..., 3]
    return bgr, alpha


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


def pixel_limit() -> int:
    """Return how many pixels a photo or a frame may have: ``TOOLKIT_MAX_PIXELS`` or the default."""
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
    path: Path | str,
    bgr: Pixels,
    alpha: Pixels | None = None,
    *,
    metadata: Metadata | None = None,
    quality: int = 95,
) -> None:
    """Write a photo in the format of the path's suffix, atomically.

    PNG and TIFF keep 16 bits, other formats get the nearest 8. JPEG has no alpha: it is left out.
    JPEG, PNG, WebP and TIFF keep metadata; TIFF only those fields of EXIF that describe the photo.

    Parameters
    ----------
    path : Path or str
        The file; its folder must exist.
    bgr : (H, W, 3) uint8 or uint16, BGR
    alpha : (H, W) of the same depth, optional
    metadata : Metadata, optional
        By default none is written.
    quality : int
        Of JPEG and WebP, 1 to 100.

    Raises
    ------
    UsageError
        The suffix is of no format that can be written, or there is no such quality.
    PhotoError
        The format can't hold the photo (WebP: 16383 pixels a side, JPEG: 65500).
    StoreError
        The file can't be written.
    ValueError
        Pixels and alpha are not of one depth.
    """
    path = Path(path)
    check_writable(path)
    if not 1 <= quality <= 100:
        raise UsageError(f"{quality} is no quality", "give 1 to 100")
    if alpha is not None and alpha.dtype != bgr.dtype:
        raise ValueError(f"pixels of {bgr.dtype}, alpha of {alpha.dtype}")
    suffix = path.suffix.lower()
    _check_encodable(path, bgr.shape[0], bgr.shape[1])
    if suffix not in OF_16_BITS:
        bgr, alpha = eight_bits(bgr), alpha if alpha is None else eight_bits(alpha)
    pixels = bgr if alpha is None or suffix in WITHOUT_ALPHA else cv2.merge((bgr, alpha))
    setting = WRITTEN_AS[suffix]
    settings = () if setting is None else (setting, quality)
    try:
        encoded = _encoded(suffix, pixels, settings, metadata or Metadata())
    except cv2.error as error:
        raise PhotoError(path, "can't be encoded", "choose another format") from error
    write_atomically(path, encoded)


def _encoded(suffix: str, pixels: MatLike, settings: tuple[int, ...], metadata: Metadata) -> bytes:
    if suffix == ".webp" and metadata != Metadata():
        parts = {
            cv2.IMAGE_METADATA_ICCP: metadata.icc_profile,
            cv2.IMAGE_METADATA_EXIF: metadata.exif,
            cv2.IMAGE_METADATA_XMP: metadata.xmp,
        }
        told = {kind: np.frombuffer(part, np.uint8) for kind, part in parts.items() if part}
        kinds, contents = list(told), list(told.values())
        return cv2.imencodeWithMetadata(suffix, pixels, kinds, contents, settings)[1].tobytes()
    encoded = cv2.imencode(suffix, pixels, settings)[1].tobytes()
    if metadata == Metadata():  # the bytes that were written before metadata was kept
        return encoded
    if suffix in {".jpg", ".jpeg"}:
        return jpeg_with(encoded, metadata)
    if suffix == ".png":
        return png_with(encoded, metadata)
    if suffix in {".tif", ".tiff"}:
        return tiff_with_metadata(encoded, metadata, with_alpha=pixels.shape[2] == 4)
    return encoded  # BMP


def _check_encodable(path: Path, height: int, width: int) -> None:
    limit = LONGEST_SIDE.get(path.suffix.lower())
    if limit is not None and max(height, width) > limit:
        raise PhotoError(
            path,
            f"{width}x{height} pixels are too many for this format, which takes {limit} a side",
            "choose .png",
        )


def pixels_sha256(pixels: Pixels) -> str:
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
