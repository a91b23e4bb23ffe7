"""EXIF, and the TIFF directories it is made of: made upright, freed of its location, moved.

Of JPEG, PNG and WebP the block is changed where it lies, never written anew: makers' notes hold
offsets into it, and its texts have no declared encoding. TIFF has no such block, its own directory
holds the same fields; they are copied raw.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Buffer = bytes | bytearray | mmap.mmap

PREFIX = b"Exif\0\0"
"""What JPEG has before the block."""

ORIENTATION = 0x0112
_EXTRA_SAMPLES = 0x0152
_THUMBNAIL, _THUMBNAIL_SIZE = 0x0201, 0x0202
_STRIPS, _STRIP_SIZES = 0x0111, 0x0117
_XMP = 0x02BC
_IPTC = 0x83BB
_PHOTOSHOP = 0x8649
_ICC_PROFILE = 0x8773
_GPS = 0x8825
_POINTERS = frozenset({0x8769, _GPS, 0xA005})  # to the directories of EXIF, GPS, interoperability

_LOCATION = frozenset({_GPS, _XMP, _IPTC, _PHOTOSHOP})
"""Where the first directory can name a place: IPTC and Photoshop's resources have fields for it."""

# Description, maker, model, resolution, software, date, artist, rating, copyright, Windows' texts:
# what a TIFF's directory says of the photo. All else is about how the file holds its pixels.
_DESCRIPTIVE = _POINTERS - {0xA005} | frozenset(
    {0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x4746, 0x4749}
    | {0x8298, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F}
)

_BYTE, _SHORT, _LONG, _UNDEFINED = 1, 3, 4, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_NUMBERS = _SIZES | {5: 4, 10: 4}  # of a rational two are stored

Value = tuple[int, bytes] | dict[int, "Value"]
"""A field: its kind and raw bytes, or the directory it points to."""


@dataclass(frozen=True)
class _Entry:
    """A field of a directory: where its 12 bytes are, and where its value is."""

    at: int
    tag: int
    kind: int
    place: int
    size: int


@dataclass(frozen=True)
class _Directory:
    at: int
    entries: tuple[_Entry, ...]
    following: int  # the next directory: in EXIF the thumbnail's; 0 for none

    @property
    def end(self) -> int:
        """Where the offset of the next one is."""
        return self.at + 2 + 12 * len(self.entries)


def upright_exif(exif: bytes) -> bytes:
    """Say of EXIF that its photo is upright, and take its thumbnail out.

    Parameters
    ----------
    exif : bytes
        With or without the prefix of JPEG.

    Returns
    -------
    bytes
        Without the prefix.

    Raises
    ------
    ValueError
        It is broken.
    """
    block, order = _opened(exif)
    first = _first(block, order)
    for entry in first.entries:
        if entry.tag == ORIENTATION:
            struct.pack_into(order + "HHIHH", block, entry.at, ORIENTATION, _SHORT, 1, 1, 0)
    struct.pack_into(order + "I", block, first.end, 0)
    if first.following:
        # The thumbnail shows the photo as the camera took it: what is hidden now would be seen.
        _erase(block, order, first, first.following)
    return bytes(block)


def exif_without_location(exif: bytes) -> bytes:
    """Take the GPS directory out, and what else of the first directory may name a place.

    Makers' notes are not looked into.

    Raises
    ------
    ValueError
        It is broken.
    """
    block, order = _opened(exif)
    first = _first(block, order)
    kept = [entry for entry in first.entries if entry.tag not in _LOCATION]
    gone = [entry for entry in first.entries if entry.tag in _LOCATION]
    pointed = [struct.unpack_from(order + "I", block, e.place)[0] for e in gone if e.tag == _GPS]
    _erase_values(block, first, gone)
    rows = b"".join(bytes(block[entry.at : entry.at + 12]) for entry in kept)
    content = struct.pack(order + "H", len(kept)) + rows + struct.pack(order + "I", first.following)
    block[first.at : first.end + 4] = content.ljust(first.end + 4 - first.at, b"\0")
    first = _first(block, order)
    for at in pointed:
        _erase(block, order, first, at)
    return bytes(block)


def exif_of_tiff(file: Buffer) -> bytes | None:
    """Copy what a TIFF's first directory says of the photo, as a block of EXIF.

    Raises
    ------
    ValueError
        The directory is broken.
    """
    order = _order(file)
    fields = _fields(file, order, _first(file, order))
    kept = {tag: value for tag, value in fields.items() if tag in _DESCRIPTIVE}
    if not kept:
        return None
    return bytes(file[:4]) + struct.pack(order + "I", 8) + _written(kept, order, 8)


def tiff_with(
    encoded: bytes,
    *,
    exif: bytes | None,
    icc_profile: bytes | None,
    xmp: bytes | None,
    with_alpha: bool,
) -> bytes:
    """Give a TIFF a directory that has metadata too, behind all it holds: no pixel moves.

    Raises
    ------
    ValueError
        The EXIF is broken.
    """
    order = _order(encoded)
    fields = _fields(encoded, order, _first(encoded, order))
    if exif is not None:
        block, its_order = _opened(exif)
        said = _fields(block, its_order, _first(block, its_order))
        said = {tag: value for tag, value in said.items() if tag in _DESCRIPTIVE}
        fields |= said if its_order == order else _swapped(said)
    if icc_profile is not None:
        fields[_ICC_PROFILE] = (_UNDEFINED, icc_profile)
    if xmp is not None:
        fields[_XMP] = (_BYTE, xmp)
    if with_alpha:  # OpenCV doesn't say what its fourth channel is: 2 is alpha, not multiplied in
        fields[_EXTRA_SAMPLES] = (_SHORT, struct.pack(order + "H", 2))
    padded = encoded + bytes(len(encoded) % 2)
    start = struct.pack(order + "I", len(padded))
    return padded[:4] + start + padded[8:] + _written(fields, order, len(padded))


def _opened(exif: bytes) -> tuple[bytearray, str]:
    block = bytearray(exif)
    while block.startswith(PREFIX):  # some writers have it twice
        del block[: len(PREFIX)]
    return block, _order(block)


def _order(block: Buffer) -> str:
    """Return struct's sign for the byte order."""
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    try:
        return orders[bytes(block[:4])]
    except KeyError as error:
        raise ValueError("no TIFF header") from error


def _first(block: Buffer, order: str) -> _Directory:
    try:
        return _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
    except struct.error as error:
        raise ValueError("the header is cut off") from error


def _directory(block: Buffer, order: str, at: int) -> _Directory:
    """Read a directory; a field whose value lies outside the block is kept with none."""
    entries = []
    try:
        (count,) = struct.unpack_from(order + "H", block, at)
        for row in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", block, row)
            size = _SIZES.get(kind, 1) * number
            place = row + 8 if size <= 4 else struct.unpack_from(order + "I", block, row + 8)[0]
            whole = place + size <= len(block)
            entries.append(_Entry(row, tag, kind, place if whole else row + 8, size * whole))
        (following,) = struct.unpack_from(order + "I", block, at + 2 + 12 * count)
    except struct.error as error:
        raise ValueError("a directory is cut off") from error
    return _Directory(at, tuple(entries), following)


def _erase(block: bytearray, order: str, first: _Directory, at: int) -> None:
    """Overwrite a directory, its values and its picture with zeros."""
    directory = _directory(block, order, at)
    numbers = {
        entry.tag: _numbers(block, order, entry)
        for entry in directory.entries
        if entry.tag in {_THUMBNAIL, _THUMBNAIL_SIZE, _STRIPS, _STRIP_SIZES}
    }
    for places, sizes in ((_THUMBNAIL, _THUMBNAIL_SIZE), (_STRIPS, _STRIP_SIZES)):
        for place, size in zip(numbers.get(places, ()), numbers.get(sizes, ()), strict=False):
            _zero(block, first, place, size)
            if place + size >= len(block):
                del block[place:]
    _erase_values(block, first, directory.entries)
    _zero(block, first, at, directory.end + 4 - at)


def _erase_values(block: bytearray, first: _Directory, entries: Iterable[_Entry]) -> None:
    for entry in entries:
        if entry.size > 4:  # a shorter one lies in the directory itself
            _zero(block, first, entry.place, entry.size)


def _zero(block: bytearray, first: _Directory, place: int, size: int) -> None:
    end = min(place + size, len(block))
    if size and (place < 8 or (place < first.end + 4 and end > first.at)):
        raise ValueError("directories overlap")
    block[place:end] = bytes(max(end - place, 0))


def _numbers(block: Buffer, order: str, entry: _Entry) -> tuple[int, ...]:
    sign = {_SHORT: "H", _LONG: "I"}.get(entry.kind)
    if sign is None:
        return ()
    count = entry.size // _SIZES[entry.kind]
    return struct.unpack_from(f"{order}{count}{sign}", block, entry.place)


def _fields(block: Buffer, order: str, directory: _Directory, depth: int = 0) -> dict[int, Value]:
    """Copy a directory's fields out, with the directories that they point to."""
    fields: dict[int, Value] = {}
    for entry in directory.entries:
        if entry.kind not in _SIZES or not entry.size:
            continue
        raw = bytes(block[entry.place : entry.place + entry.size])
        if entry.tag not in _POINTERS:
            fields[entry.tag] = (entry.kind, raw)
        elif depth < 2 and len(raw) == 4:
            inner = _directory(block, order, struct.unpack(order + "I", raw)[0])
            fields[entry.tag] = _fields(block, order, inner, depth + 1)
    return fields


def _swapped(fields: dict[int, Value]) -> dict[int, Value]:
    """Turn the bytes of every number round."""
    turned: dict[int, Value] = {}
    for tag, value in fields.items():
        if isinstance(value, dict):
            turned[tag] = _swapped(value)
        else:
            kind, raw = value
            turned[tag] = (kind, np.frombuffer(raw, f"u{_NUMBERS[kind]}").byteswap().tobytes())
    return turned


def _written(fields: dict[int, Value], order: str, at: int) -> bytes:
    """Write a directory that is to lie at an even offset, its values behind it."""
    rows, values = bytearray(), bytearray()
    behind = at + 2 + 12 * len(fields) + 4
    for tag, value in sorted(fields.items()):
        place = behind + len(values)
        if isinstance(value, dict):
            rows += struct.pack(order + "HHII", tag, _LONG, 1, place)
            values += _written(value, order, place)
            continue
        kind, raw = value
        rows += struct.pack(order + "HHI", tag, kind, len(raw) // _SIZES[kind])
        if len(raw) <= 4:
            rows += raw.ljust(4, b"\0")
        else:
            rows += struct.pack(order + "I", place)
            values += raw + bytes(len(raw) % 2)
    return struct.pack(order + "H", len(fields)) + rows + bytes(4) + values
