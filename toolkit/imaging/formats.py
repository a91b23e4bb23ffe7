"""Formats that photos are read from and written in, by the suffixes of their files."""

from __future__ import annotations

from pathlib import Path

import cv2

from toolkit.errors import PhotoError, UsageError

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


def check_writable(path: Path | str) -> None:
    """Raise `UsageError` where no format that can be written goes by the path's suffix."""
    check_suffix(path, Path(path).suffix.lower())


def check_suffix(name: Path | str, suffix: str) -> None:
    """Raise `UsageError` where no format that can be written goes by a suffix."""
    if suffix not in WRITTEN_AS:
        raise UsageError(
            f"{name}: can't write {suffix or 'a file without suffix'}",
            f"choose one of {' '.join(WRITTEN_AS)}",
        )


def check_encodable(name: Path | str, suffix: str, height: int, width: int) -> None:
    """Raise `PhotoError` where a photo has more pixels a side than its format takes."""
    limit = LONGEST_SIDE.get(suffix)
    if limit is not None and max(height, width) > limit:
        raise PhotoError(
            name,
            f"{width}x{height} pixels are too many for this format, which takes {limit} a side",
            "choose .png",
        )
