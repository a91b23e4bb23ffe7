"""The formats of photos, by the suffixes of their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2

from toolkit.errors import PhotoError, UsageError


@dataclass(frozen=True)
class ImageFormat:
    """What a format holds.

    Attributes
    ----------
    written : bool
        Whether it can be written; every format here is read.
    quality_flag : int or None
        OpenCV's setting for the quality, where there is one.
    alpha, sixteen_bit : bool
        Whether it holds transparency, and 16 bits a sample.
    longest_side : int or None
        Pixels that a side may have; None where there is no limit that matters.
    """

    written: bool = True
    quality_flag: int | None = None
    alpha: bool = True
    sixteen_bit: bool = False
    longest_side: int | None = None


_JPEG = ImageFormat(quality_flag=cv2.IMWRITE_JPEG_QUALITY, alpha=False, longest_side=65_500)
_TIFF = ImageFormat(sixteen_bit=True)

FORMATS: dict[str, ImageFormat] = {
    ".png": ImageFormat(sixteen_bit=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": ImageFormat(quality_flag=cv2.IMWRITE_WEBP_QUALITY, longest_side=16_383),
    ".bmp": ImageFormat(),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".gif": ImageFormat(written=False),
}
"""By suffix; what has one of these is taken for a photo in a folder."""

WRITTEN = tuple(suffix for suffix, kind in FORMATS.items() if kind.written)
"""The suffixes that can be written."""


def check_writable(path: Path | str) -> None:
    """Raise `UsageError` where no format that can be written goes by the path's suffix."""
    check_suffix(path, Path(path).suffix.lower())


def check_suffix(name: Path | str, suffix: str) -> ImageFormat:
    """Return the format that is written by a suffix.

    Raises
    ------
    UsageError
        There is none.
    """
    if suffix not in WRITTEN:
        raise UsageError(
            f"{name}: can't write {suffix or 'a file without suffix'}",
            f"choose one of {' '.join(WRITTEN)}",
        )
    return FORMATS[suffix]


def check_encodable(name: Path | str, kind: ImageFormat, height: int, width: int) -> None:
    """Raise `PhotoError` where a photo has more pixels a side than its format takes."""
    limit = kind.longest_side
    if limit is not None and max(height, width) > limit:
        raise PhotoError(
            name,
            f"{width}x{height} pixels are too many for this format, which takes {limit} a side",
            "choose .png",
        )
