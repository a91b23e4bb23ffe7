"""Photos in and out: upright BGR, and alpha where there is any, whatever a file holds."""

from __future__ import annotations

from toolkit.imaging.astronaut import demo_photo
from toolkit.imaging.decode import decode_image, read_image_file, read_photo
from toolkit.imaging.encode import encode_image, write_photo
from toolkit.imaging.formats import FORMATS, WRITTEN, ImageFormat, check_writable
from toolkit.imaging.limits import check_file, check_size, pixel_limit
from toolkit.imaging.photo import Photo, pixels_sha256

__all__ = [
    "FORMATS",
    "WRITTEN",
    "ImageFormat",
    "Photo",
    "check_file",
    "check_size",
    "check_writable",
    "decode_image",
    "demo_photo",
    "encode_image",
    "pixel_limit",
    "pixels_sha256",
    "read_image_file",
    "read_photo",
    "write_photo",
]
