"""EXIF made upright and freed of its location, where it lies; TIFF's directories copied raw."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags

from tests.support.exifs import NOTE, PLACE, THUMBNAIL, camera_exif, exif_of_file, read_exif
from tests.support.samples import random_photo
from toolkit.imaging.exif import (
    ORIENTATION,
    PREFIX,
    exif_of_tiff,
    exif_without_location,
    tiff_with,
    upright_exif,
)

ENDIANS = pytest.mark.parametrize("endian", ["<", ">"])


@ENDIANS
def test_upright_exif_has_orientation_one_and_no_thumbnail(endian: str) -> None:
    block = camera_exif(6, endian=endian)
    assert THUMBNAIL in block
    upright = upright_exif(block)
    assert read_exif(upright)[ORIENTATION] == 1
    assert THUMBNAIL not in upright
    (count,) = struct.unpack_from(endian + "H", upright, 8)
    assert struct.unpack_from(endian + "I", upright, 10 + 12 * count) == (0,)


@ENDIANS
def test_all_else_stays_where_it_was(endian: str) -> None:
    block = camera_exif(6, endian=endian)
    upright = upright_exif(block)
    assert upright.index(NOTE) == block.index(NOTE)
    before, after = read_exif(block), read_exif(upright)
    assert dict(after) | {ORIENTATION: 6} == dict(before)
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        assert after.get_ifd(tag) == before.get_ifd(tag)


def test_a_thumbnail_in_the_midst_is_overwritten() -> None:
    upright = upright_exif(camera_exif() + b"more")
    assert THUMBNAIL not in upright
    assert upright.endswith(b"more")


def test_the_prefix_of_jpeg_is_taken_off() -> None:
    block = camera_exif(1, thumbnail=False)
    assert upright_exif(PREFIX + block) == block
    assert upright_exif(PREFIX + PREFIX + block) == block


@ENDIANS
def test_without_location_the_gps_directory_and_its_bytes_are_gone(endian: str) -> None:
    block = upright_exif(camera_exif(endian=endian))
    assert PLACE in block
    stripped = exif_without_location(block)
    assert PLACE not in stripped
    before, after = read_exif(block), read_exif(stripped)
    assert ExifTags.IFD.GPSInfo not in after
    assert set(before) - set(after) == {ExifTags.IFD.GPSInfo}
    assert after.get_ifd(ExifTags.IFD.Exif) == before.get_ifd(ExifTags.IFD.Exif)
    assert exif_without_location(stripped) == stripped


def test_without_location_iptc_in_the_first_directory_is_gone_too() -> None:
    exif = read_exif(camera_exif())
    exif[0x83BB] = b"City: Musterdorf"
    assert b"Musterdorf" not in exif_without_location(exif.tobytes())


@ENDIANS
def test_a_tiff_takes_exif_and_gives_it_back(endian: str) -> None:
    pixels = random_photo(1, 20, 30).astype(np.uint16) * 257
    plain = cv2.imencode(".tif", pixels)[1].tobytes()
    block = upright_exif(camera_exif(endian=endian))
    tiff = tiff_with(plain, exif=block, icc_profile=None, xmp=None, with_alpha=False)
    decoded = cv2.imdecode(np.frombuffer(tiff, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert np.array_equal(decoded, pixels)
    back = exif_of_tiff(tiff)
    assert back is not None
    given_, found = read_exif(block), read_exif(back)
    for tag in (ExifTags.Base.Make, ExifTags.Base.Artist):
        assert found[tag] == given_[tag]
    for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        assert found.get_ifd(ifd) == given_.get_ifd(ifd)
    assert exif_of_file(tiff).get_ifd(ExifTags.IFD.Exif) == given_.get_ifd(ExifTags.IFD.Exif)


def test_a_tiff_that_says_nothing_of_its_photo_has_no_exif() -> None:
    assert exif_of_tiff(cv2.imencode(".tif", random_photo(1, 4, 4))[1].tobytes()) is None


@pytest.mark.parametrize(
    "broken", [b"", b"II*", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", b"garbage"]
)
def test_broken_exif_is_a_value_error(broken: bytes) -> None:
    for function in (upright_exif, exif_without_location, exif_of_tiff):
        with pytest.raises(ValueError, match=r"header|cut off"):
            function(broken)


def test_a_thumbnail_that_claims_to_be_the_first_directory_is_refused() -> None:
    block = bytearray(camera_exif())
    place = block.index(THUMBNAIL)
    struct.pack_into(">I", block, place - 4 - 24 + 8, 8)
    with pytest.raises(ValueError, match="overlap"):
        upright_exif(bytes(block))


@settings(deadline=None)
@given(
    endian=st.sampled_from("<>"),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    keep=st.floats(0, 1),
)
def test_hostile_exif_is_cleaned_or_refused(
    endian: str, changes: list[tuple[int, int]], keep: float
) -> None:
    block = bytearray(camera_exif(endian=endian))
    for place, value in changes:
        block[place % len(block)] = value
    hostile = bytes(block[: round(len(block) * keep)])
    try:
        upright = upright_exif(hostile)
        assert exif_without_location(upright)[:4] == hostile[:4]
    except ValueError:
        return
