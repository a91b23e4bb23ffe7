"""Alpha, palettes, gray, CMYK and L*a*b*: BGR of 8 bits whatever the file holds."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.imaging.photos import (
    RGB,
    saved,
)
from tests.support.samples import random_photo
from toolkit.imaging import read_photo


def test_alpha_is_kept_and_colors_under_it_too(tmp_path: Path) -> None:
    alpha = np.arange(24 * 36, dtype=np.uint8).reshape(24, 36)
    image = Image.fromarray(np.dstack((RGB, alpha)))
    photo = read_photo(saved(tmp_path / "a.png", image))
    assert np.array_equal(photo.bgr[..., ::-1], RGB)
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, alpha)


def test_gray_with_alpha(tmp_path: Path) -> None:
    gray = RGB[..., 0]
    image = Image.merge("LA", (Image.fromarray(gray), Image.fromarray(255 - gray)))
    photo = read_photo(saved(tmp_path / "a.png", image))
    assert np.array_equal(photo.bgr, np.dstack((gray, gray, gray)))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, 255 - gray)


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray((np.arange(64) % 3).astype(np.uint8).reshape(8, 8), mode=None)
    image = image.convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    photo = read_photo(saved(tmp_path / "a.png", image, transparency=1))
    assert photo.bgr[0, :3].tolist() == [[0, 0, 255], [0, 255, 0], [255, 0, 0]]
    assert photo.alpha is not None
    assert photo.alpha[0, :3].tolist() == [255, 0, 255]


def test_a_palette_without_transparency_has_no_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(RGB).quantize(8)
    photo = read_photo(saved(tmp_path / "a.png", image))
    assert np.array_equal(photo.bgr[..., ::-1], np.asarray(image.convert("RGB")))
    assert photo.alpha is None


def test_black_and_white_of_one_bit(tmp_path: Path) -> None:
    bits = RGB[..., 0] > 127
    photo = read_photo(saved(tmp_path / "a.png", Image.fromarray(bits)))
    assert np.array_equal(photo.bgr[..., 1], np.where(bits, 255, 0))


def test_a_cmyk_jpeg(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    blue, green, red = read_photo(saved(tmp_path / "a.jpg", image)).bgr[8, 8].tolist()
    assert red < 30
    assert min(green, blue) > 220


def cmyk_profile(lab_of_cyan: tuple[int, int, int]) -> bytes:
    """A profile in which cyan has a color of its own, and other inks only darken."""
    grid = np.zeros((2, 2, 2, 2, 3), np.uint8)
    for inks in np.ndindex(2, 2, 2, 2):
        grid[inks] = (255 // (1 + sum(inks)), 128, 128)
    lightness, a, b = lab_of_cyan
    grid[1, 0, 0, 0] = (round(lightness * 2.55), a + 128, b + 128)
    identity = np.eye(3)
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table += b"".join(struct.pack(">i", int(value * 65536)) for value in identity.ravel())
    table += bytes(range(256)) * 4 + grid.tobytes() + bytes(range(256)) * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I", 2)
    tags += b"A2B0" + struct.pack(">II", 156, len(table))
    tags += b"wtpt" + struct.pack(">II", 156 + len(table), len(white))
    header = bytearray(128)
    header[8:12] = b"\x02\x10\0\0"
    header[12:24] = b"prtrCMYKLab "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    whole = bytes(header) + tags + table + white
    return struct.pack(">I", len(whole)) + whole[4:]


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_converted_by_its_profile_which_is_not_kept(tmp_path: Path, suffix: str) -> None:
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    naive = saved(tmp_path / f"naive{suffix}", image)
    profiled = saved(tmp_path / f"own{suffix}", image, icc_profile=cmyk_profile((60, 40, -20)))
    to_srgb = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    lab = Image.new("LAB", (1, 1), (153, 40 + 128, -20 + 128))
    expected = np.asarray(to_srgb.apply(lab))[0, 0, ::-1].astype(int)
    photo = read_photo(profiled)
    assert np.abs(photo.bgr[8, 8] - expected).max() < 12  # the black points differ
    assert photo.metadata.icc_profile is None
    assert photo.bgr[8, 8, 2] > 150
    assert read_photo(naive).bgr[8, 8, 2] < 30


def test_cmyk_with_a_profile_that_cannot_be_used_is_converted_as_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    naive = read_photo(saved(tmp_path / "naive.jpg", image))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (b"garbage", cmyk_profile((60, 40, -20))[:200], srgb):
        caplog.clear()
        path = saved(tmp_path / "a.jpg", image, icc_profile=profile)
        assert np.array_equal(read_photo(path).bgr, naive.bgr)
        assert "its color profile can't be used" in caplog.text


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    srgb = ImageCms.createProfile("sRGB")
    lab = ImageCms.createProfile("LAB")
    colors = Image.fromarray(np.full((8, 8, 3), (200, 120, 40), np.uint8))
    image = ImageCms.buildTransform(srgb, lab, "RGB", "LAB").apply(colors)
    profile = ImageCms.ImageCmsProfile(lab).tobytes()
    for name, options in {"plain": {}, "own": {"icc_profile": profile}}.items():
        photo = read_photo(saved(tmp_path / f"{name}.tif", image, **options))
        assert np.abs(photo.bgr[0, 0] - np.array([40, 120, 200])).max() < 4, name
        assert photo.metadata.icc_profile is None


def test_a_photo_of_many_bands_is_converted_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.fromarray(random_photo(2, 24, 36)).convert("CMYK")
    path = saved(tmp_path / "a.tif", image, icc_profile=cmyk_profile((60, 40, -20)))
    whole = read_photo(path).bgr
    monkeypatch.setattr("toolkit.imaging.color.BAND_PIXELS", 36 * 5)
    assert np.array_equal(read_photo(path).bgr, whole)
