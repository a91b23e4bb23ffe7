"""What a file says beside its pixels: kept per format, upright, freed of its location."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.support.exifs import PLACE, THUMBNAIL, XMP, camera_exif, exif_of_file, read_exif
from tests.support.samples import random_photo
from toolkit.imaging import read_photo, write_photo
from toolkit.imaging.exif import ORIENTATION, PREFIX, upright_exif
from toolkit.imaging.metadata import Metadata, without_location

BGR = random_photo(5, 24, 36)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY = SRGB[:16] + b"GRAY" + SRGB[20:]
CAMERA = Metadata(SRGB, upright_exif(camera_exif()), XMP.replace(b'"6"', b'"1"'))
KEEPING = pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])


def photo_with(path: Path, **info: Any) -> Path:
    Image.fromarray(BGR[..., ::-1].copy()).save(path, **info)
    return path


@KEEPING
def test_profile_exif_and_xmp_are_read_upright_and_without_thumbnail(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    write_photo(path, BGR, metadata=Metadata(SRGB, camera_exif(6), XMP))
    metadata = read_photo(path).metadata
    assert metadata.icc_profile == SRGB
    assert metadata.exif is not None
    exif = read_exif(metadata.exif)
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif.get(ORIENTATION, 1) == 1
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
    assert THUMBNAIL not in metadata.exif
    assert metadata.xmp is not None
    assert "Jörg".encode() in metadata.xmp
    assert b'Orientation="6"' not in metadata.xmp


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_what_is_written_pillow_finds(tmp_path: Path, suffix: str, endian: str) -> None:
    path = tmp_path / f"a{suffix}"
    exif = upright_exif(camera_exif(endian=endian))
    write_photo(path, BGR, metadata=Metadata(SRGB, exif, CAMERA.xmp))
    with Image.open(path) as image:
        image.load()
        assert image.info["icc_profile"] == SRGB
        assert image.info["xmp"] == CAMERA.xmp
    found = exif_of_file(path.read_bytes())
    given = read_exif(exif)
    for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        assert found.get_ifd(ifd) == given.get_ifd(ifd)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_the_pixels_are_the_same_with_and_without_metadata(
    tmp_path: Path, suffix: str, with_alpha: bool
) -> None:
    alpha = BGR[..., 0].copy() if with_alpha else None
    write_photo(tmp_path / f"plain{suffix}", BGR, alpha)
    write_photo(tmp_path / f"told{suffix}", BGR, alpha, metadata=CAMERA)
    plain, told = (read_photo(tmp_path / f"{name}{suffix}") for name in ("plain", "told"))
    assert np.array_equal(plain.bgr, told.bgr)
    assert (plain.alpha is None) == (told.alpha is None)
    if plain.alpha is not None and told.alpha is not None:
        assert np.array_equal(plain.alpha, told.alpha)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_without_metadata_the_bytes_are_opencvs(tmp_path: Path, suffix: str) -> None:
    settings = {
        ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
        ".webp": (cv2.IMWRITE_WEBP_QUALITY, 95),
    }.get(suffix, ())
    expected = cv2.imencode(suffix, BGR, settings)[1].tobytes()
    for name, metadata in (("none", None), ("empty", Metadata())):
        write_photo(tmp_path / f"{name}{suffix}", BGR, metadata=metadata)
        assert (tmp_path / f"{name}{suffix}").read_bytes() == expected


def test_a_photo_without_metadata_has_none(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp", ".tif", ".bmp"):
        write_photo(tmp_path / f"a{suffix}", BGR)
        assert read_photo(tmp_path / f"a{suffix}").metadata == Metadata()


def test_a_profile_larger_than_a_segment_is_kept_in_jpeg(tmp_path: Path) -> None:
    large = SRGB + bytes(200_000)
    write_photo(tmp_path / "a.jpg", BGR, metadata=Metadata(icc_profile=large))
    assert read_photo(tmp_path / "a.jpg").metadata.icc_profile == large


def test_exif_and_xmp_too_large_for_jpeg_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = Metadata(SRGB, camera_exif() + bytes(70_000), XMP + b" " * 70_000)
    write_photo(tmp_path / "a.jpg", BGR, metadata=told)
    assert read_photo(tmp_path / "a.jpg").metadata == Metadata(icc_profile=SRGB)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "JPEG holds 64 KB of EXIF" in caplog.text


def test_a_gray_profile_is_not_taken_for_color(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gray.png"
    Image.fromarray(BGR[..., 0].copy()).save(path, icc_profile=GRAY)
    assert read_photo(path).metadata.icc_profile is None
    assert caplog.records == []


@pytest.mark.parametrize("profile", [b"garbage", SRGB[:300], SRGB[:36] + b"none" + SRGB[40:]])
def test_a_broken_profile_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, profile: bytes
) -> None:
    path = photo_with(tmp_path / "a.png", icc_profile=profile)
    photo = read_photo(path)
    assert np.array_equal(photo.bgr, BGR)
    assert photo.metadata == Metadata()
    assert f"{path}: its color profile is broken, and left out" in caplog.text


@pytest.mark.parametrize("exif", [b"garbage", camera_exif()[:30], b"MM\0*\0\0\0\x08\xff\xff"])
def test_broken_exif_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, exif: bytes
) -> None:
    path = photo_with(tmp_path / "a.jpg", exif=PREFIX + exif)
    assert read_photo(path).metadata == Metadata()
    assert f"{path}: its EXIF is broken, and left out" in caplog.text


def test_broken_exif_does_not_stop_a_tiff_from_being_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_photo(tmp_path / "a.tif", BGR, metadata=Metadata(SRGB, b"garbage"))
    assert np.array_equal(read_photo(tmp_path / "a.tif").bgr, BGR)
    assert read_photo(tmp_path / "a.tif").metadata == Metadata(SRGB)
    assert "EXIF is broken" in caplog.text


def test_a_broken_raw_profile_of_png_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = PngInfo()
    texts.add_text("Raw profile type exif", "\nexif\n4\nnothexa\n")
    assert read_photo(photo_with(tmp_path / "a.png", pnginfo=texts)).metadata == Metadata()
    assert "its EXIF is broken" in caplog.text


def test_exif_of_a_png_before_it_had_a_chunk_for_it(tmp_path: Path) -> None:
    block = PREFIX + camera_exif()
    texts = PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n")
    metadata = read_photo(photo_with(tmp_path / "a.png", pnginfo=texts)).metadata
    assert metadata.exif == upright_exif(block)


def test_thumbnails_in_xmp_are_gone(tmp_path: Path) -> None:
    thumbnails = b"<xmp:Thumbnails><rdf:Alt>picture</rdf:Alt></xmp:Thumbnails>"
    told = XMP.replace(b"<dc:creator>", thumbnails + b"<dc:creator>")
    write_photo(tmp_path / "a.jpg", BGR, metadata=Metadata(xmp=told))
    assert read_photo(tmp_path / "a.jpg").metadata.xmp == CAMERA.xmp


def test_xmp_as_an_element_is_upright_too(tmp_path: Path) -> None:
    told = XMP.replace(b' tiff:Orientation="6">', b"><tiff:Orientation>6</tiff:Orientation>")
    write_photo(tmp_path / "a.jpg", BGR, metadata=Metadata(xmp=told))
    found = read_photo(tmp_path / "a.jpg").metadata.xmp
    assert found is not None
    assert b"<tiff:Orientation>1</tiff:Orientation>" in found


@KEEPING
def test_without_location_the_file_names_no_place(tmp_path: Path, suffix: str) -> None:
    told = Metadata(SRGB, camera_exif(), XMP.replace(b"<dc:", b"<exif:GPSLatitude/><dc:"))
    write_photo(tmp_path / f"a{suffix}", BGR, metadata=told)
    read = read_photo(tmp_path / f"a{suffix}").metadata
    write_photo(tmp_path / f"kept{suffix}", BGR, metadata=read)
    write_photo(tmp_path / f"stripped{suffix}", BGR, metadata=without_location(read))
    kept, stripped = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("kept", "stripped"))
    assert PLACE in kept
    assert b"GPSLatitude" in kept
    assert PLACE not in stripped
    assert b"GPSLatitude" not in stripped
    exif = exif_of_file(stripped)
    assert exif[ExifTags.Base.Make] == "Maker"
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert read_photo(tmp_path / f"stripped{suffix}").metadata.icc_profile == SRGB


@pytest.mark.parametrize(
    "place",
    [
        "<exif:GPSLatitude>52,31.2N</exif:GPSLatitude>",
        ' photoshop:City="Musterstadt"',
        "<photoshop:Country>",
        "<photoshop:State>",
        "<Iptc4xmpCore:Location>",
        "<Iptc4xmpCore:CountryCode>",
        "<Iptc4xmpExt:LocationCreated>",
        "<Iptc4xmpExt:LocationShown>",
        ' drone-dji:GpsLongitude="+13"',
    ],
)
def test_xmp_that_names_a_place_is_dropped(place: str) -> None:
    assert without_location(Metadata(xmp=XMP + place.encode())).xmp is None


def test_without_a_location_nothing_is_dropped() -> None:
    exif = read_exif(camera_exif(1, thumbnail=False))
    del exif[ExifTags.IFD.GPSInfo]
    block = exif.tobytes()[len(PREFIX) :]
    metadata = Metadata(SRGB, block, XMP)
    assert without_location(metadata) == metadata
    assert without_location(Metadata()) == Metadata()


def test_exif_whose_location_cannot_be_found_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert without_location(Metadata(exif=b"garbage")).exif is None
    assert "EXIF is broken" in caplog.text


@KEEPING
def test_opencv_reads_what_has_metadata_too(tmp_path: Path, suffix: str) -> None:
    write_photo(tmp_path / f"plain{suffix}", BGR)
    write_photo(tmp_path / f"told{suffix}", BGR, metadata=CAMERA)
    plain, told = (cv2.imread(str(tmp_path / f"{name}{suffix}")) for name in ("plain", "told"))
    assert plain is not None
    assert told is not None
    assert np.array_equal(plain, told)


def test_a_tiff_with_metadata_says_that_its_fourth_channel_is_alpha(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.tif", BGR, BGR[..., 0], metadata=CAMERA)
    with Image.open(tmp_path / "a.tif") as image:
        assert image.getexif()[338] == 2  # ExtraSamples


def test_the_checksums_of_png_are_right(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", BGR, metadata=CAMERA)
    with Image.open(tmp_path / "a.png") as image:
        image.verify()


def test_jfif_stays_the_first_segment_of_jpeg(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", BGR, metadata=CAMERA)
    encoded = (tmp_path / "a.jpg").read_bytes()
    assert encoded[:4] == b"\xff\xd8\xff\xe0"
    assert encoded[20:22] == b"\xff\xe1"
