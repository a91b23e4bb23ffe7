"""Photos in and out: upright BGR, and alpha where there is any, whatever a file holds."""

from __future__ import annotations

from toolkit.media.astronaut import demo_photo
from toolkit.media.formats import PHOTO_SUFFIXES, WITHOUT_ALPHA, WRITTEN_AS, check_writable
from toolkit.media.limits import check_file, check_size, pixel_limit
from toolkit.media.photo import Photo, pixels_sha256
from toolkit.media.reading import read_photo
from toolkit.media.writing import write_photo

__all__ = [
    "PHOTO_SUFFIXES",
    "WITHOUT_ALPHA",
    "WRITTEN_AS",
    "Photo",
    "check_file",
    "check_size",
    "check_writable",
    "demo_photo",
    "pixel_limit",
    "pixels_sha256",
    "read_photo",
    "write_photo",
]
