"""What a photo's file says beside its pixels: color profile, EXIF, XMP.

It is put into the encoded file, so that the pixels are the same bytes with and without it. Pillow
can't write color of 16 bits. OpenCV's `imencodeWithMetadata` is right for WebP, but of JPEG it
drops XMP and fails on a profile over 64 KB, in PNG it writes XMP where few look for it and fails on
a profile that libpng dislikes, and of TIFF it writes none.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from toolkit.imaging.exif import (
    PREFIX,
    exif_of_tiff,
    exif_without_location,
    tiff_with,
    upright_exif,
)

log = logging.getLogger(__name__)

_SEGMENT = 0xFFFF - 2
"""Bytes that a JPEG segment holds."""

_XMP_OF_JPEG = b"http://ns.adobe.com/xap/1.0/\0"

# EXIF's and Photoshop's place names, and IPTC's, under any prefix: what falsely looks like one
# costs the XMP, what is missed tells where somebody lives.
_PLACE = re.compile(
    rb":(\w{0,40}(GPS|Latitude|Longitude)|City|State|Country|Sublocation|ProvinceState|WorldRegion"
    rb"|Location(Created|Shown|Id|Name)?\b)",
    re.IGNORECASE,
)
_TURNED = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>\s*))\d")
_THUMBNAILS = (b"<xmp:Thumbnails", b"</xmp:Thumbnails>")


@dataclass(frozen=True)
class Metadata:
    """What a photo's file says beside its pixels; None where it says nothing.

    Attributes
    ----------
    icc_profile : bytes or None
        The color profile, of RGB: what is read is color, whatever the file holds.
    exif : bytes or None
        EXIF from its TIFF header on, without what JPEG has before it. Its orientation is 1, it has
        no thumbnail.
    xmp : bytes or None
        The XMP packet in UTF-8; its orientation is 1, it has no thumbnails.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


def metadata_of(data: bytes, path: Path | str, image: Image.Image) -> Metadata:
    """Return the metadata of an image that Pillow has loaded and nobody has turned.

    What is broken is left out, with a warning in the log.
    """
    return Metadata(
        icc_profile=_tried(path, "color profile", lambda: _rgb_profile(image)),
        exif=_tried(path, "EXIF", lambda: _exif(data, image)),
        xmp=_tried(path, "XMP", lambda: _upright_xmp(image)),
    )


def without_location(metadata: Metadata) -> Metadata:
    """Take out where a photo was made.

    EXIF loses its GPS directory, and is left out where that can't be found. XMP that names
    coordinates or a place is left out whole. Makers' notes are not looked into.

    Parameters
    ----------
    metadata : Metadata

    Returns
    -------
    Metadata
    """
    exif, xmp = metadata.exif, metadata.xmp
    if exif is not None:
        try:
            exif = exif_without_location(exif)
        except ValueError as error:
            log.warning("EXIF is broken, and left out (%s)", error)
            exif = None
    if xmp is not None and _PLACE.search(xmp):
        xmp = None
    return dataclasses.replace(metadata, exif=exif, xmp=xmp)


def _tried(path: Path | str, what: str, read: Callable[[], bytes | None]) -> bytes | None:
    try:
        return read()
    except (ValueError, TypeError, OSError) as error:
        log.warning("%s: its %s is broken, and left out (%s)", path, what, error)
        return None


def _rgb_profile(image: Image.Image) -> bytes | None:
    profile: bytes | None = image.info.get("icc_profile")
    if not profile:
        return None
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise ValueError("no header")
    if struct.unpack_from(">I", profile)[0] > len(profile):
        raise ValueError("it is cut off")
    return profile if profile[16:20] == b"RGB " else None


def _exif(data: bytes, image: Image.Image) -> bytes | None:
    if image.format == "TIFF":
        found = exif_of_tiff(data)
    else:
        found = image.info.get("exif")
        if not found and "Raw profile type exif" in image.info:  # PNG before it had a chunk for it
            found = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
    return upright_exif(found) if found else None


def _upright_xmp(image: Image.Image) -> bytes | None:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not xmp:
        return None
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if b"\0" in xmp.rstrip(b"\0"):
        raise ValueError("it is not UTF-8")
    xmp = _TURNED.sub(rb"\g<1>1", xmp)
    start, end = xmp.find(_THUMBNAILS[0]), xmp.rfind(_THUMBNAILS[1])
    if 0 <= start < end:  # they show the photo as it was, like those of EXIF
        xmp = xmp[:start] + xmp[end + len(_THUMBNAILS[1]) :]
    return bytes(xmp)


def jpeg_with(encoded: bytes, metadata: Metadata) -> bytes:
    """Put metadata behind the first segment of a JPEG, which is JFIF's.

    EXIF or XMP larger than a segment is left out, with a warning in the log.
    """
    segments = bytearray()
    for what, prefix, content in (
        ("EXIF", PREFIX, metadata.exif),
        ("XMP", _XMP_OF_JPEG, metadata.xmp),
    ):
        if content is None:
            continue
        if len(prefix) + len(content) > _SEGMENT:
            log.warning("JPEG holds 64 KB of %s: %d bytes are left out", what, len(content))
            continue
        segments += _segment(0xE1, prefix + content)
    profile = metadata.icc_profile or b""
    step = _SEGMENT - 14
    parts = [profile[start : start + step] for start in range(0, len(profile), step)]
    if len(parts) > 255:
        log.warning("JPEG holds 16 MB of color profile: %d bytes are left out", len(profile))
        parts = []
    for number, part in enumerate(parts, start=1):
        segments += _segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part)
    behind = 2
    if encoded[2:4] == b"\xff\xe0":
        behind = 4 + struct.unpack_from(">H", encoded, 4)[0]
    return encoded[:behind] + segments + encoded[behind:]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def png_with(encoded: bytes, metadata: Metadata) -> bytes:
    """Put metadata behind the header of a PNG, before its pixels."""
    chunks = bytearray()
    if metadata.icc_profile is not None:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc_profile))
    if metadata.exif is not None:
        chunks += _chunk(b"eXIf", metadata.exif)
    if metadata.xmp is not None:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    behind = 8 + 12 + 13
    return encoded[:behind] + chunks + encoded[behind:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def tiff_with_metadata(encoded: bytes, metadata: Metadata, *, with_alpha: bool) -> bytes:
    """Put metadata into a TIFF; broken EXIF is left out, with a warning in the log."""
    told = {"icc_profile": metadata.icc_profile, "xmp": metadata.xmp}
    try:
        return tiff_with(encoded, exif=metadata.exif, with_alpha=with_alpha, **told)
    except ValueError as error:
        log.warning("EXIF is broken, and left out (%s)", error)
        return tiff_with(encoded, exif=None, with_alpha=with_alpha, **told)
