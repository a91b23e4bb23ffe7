"""What is refused before anything of it is decoded: what is no file, and what is too large."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from toolkit.errors import InputFileError, PhotoError, UsageError

MAX_PIXELS = 200_000_000
"""Of a photo to be read; ``TOOLKIT_MAX_PIXELS`` changes it, up to Pillow's own 357 million."""


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


def check_size(
    path: Path | str, size: tuple[int, int], limit: int, kind: type[InputFileError] = PhotoError
) -> None:
    """Raise an error of a kind where width times height are more pixels than the limit."""
    width, height = size
    if width * height > limit:
        raise kind(
            path,
            f"is too large: {width}x{height} pixels, {limit / 1e6:g} million are allowed",
            "TOOLKIT_MAX_PIXELS sets another limit",
        )
