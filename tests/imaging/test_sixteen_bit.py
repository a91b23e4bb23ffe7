"""Photos of 16 bits: upright, exact where that is wanted, else their upper bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.imaging.photos import (
    ORIENTATION,
    levels_of,
    opencv_reads,
    png_with,
    saved,
    tiff_with,
    upright,
)
from tests.support.exifs import camera_exif
from toolkit.errors import PhotoError
from toolkit.imaging import read_photo, write_photo
from toolkit.imaging.exif import upright_exif
from toolkit.imaging.metadata import Metadata


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_the_orientation_of_16_bits_is_applied_once(
    tmp_path: Path, kind: str, channels: int, orientation: int
) -> None:
    levels = levels_of(channels)
    if kind == "png":
        bgr = levels
        exif = camera_exif(orientation)
        path = png_with(tmp_path / "a.png", levels, (b"eXIf", exif))
    else:
        bgr = levels[..., [2, 1, 0, 3][:channels]] if channels > 1 else levels
        path = tiff_with(tmp_path / "a.tif", levels, {ORIENTATION: orientation})
    expected = upright(bgr, orientation)
    color = expected[..., :3] if channels > 1 else np.dstack((expected,) * 3)
    sixteen_bit, plain = read_photo(path, sixteen_bit=True), read_photo(path)
    assert sixteen_bit.bgr.dtype == np.uint16
    assert sixteen_bit.bgr.flags.c_contiguous
    assert np.array_equal(sixteen_bit.bgr, color)
    assert np.array_equal(plain.bgr, color >> 8)
    if channels == 4:
        assert sixteen_bit.alpha is not None
        assert plain.alpha is not None
        assert np.array_equal(sixteen_bit.alpha, expected[..., 3])
        assert np.array_equal(plain.alpha, expected[..., 3] >> 8)
    else:
        assert sixteen_bit.alpha is None


def test_an_orientation_in_xmp_alone_is_applied_once(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    levels = levels_of(3)
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    png = png_with(tmp_path / "a.png", levels, (b"iTXt", text))
    tiff = tiff_with(tmp_path / "a.tif", levels[..., ::-1].copy(), {700: xmp})
    for path in (png, tiff):
        assert np.array_equal(read_photo(path, sixteen_bit=True).bgr, upright(levels, 6)), path
        assert np.array_equal(read_photo(path).bgr, upright(levels, 6) >> 8), path


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_of_16_bit_png_the_upper_byte_is_kept_as_opencv_does(tmp_path: Path, channels: int) -> None:
    levels = np.random.default_rng(1).integers(0, 2**16, (9, 7, channels), dtype=np.uint16)
    path = tmp_path / "a.png"
    assert cv2.imwrite(str(path), levels)
    photo = read_photo(path)
    assert np.array_equal(photo.bgr, opencv_reads(path))
    if channels == 4:
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, levels[..., 3] >> 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_of_16_bit_tiff_the_upper_byte_is_kept(tmp_path: Path, channels: int) -> None:
    levels = np.random.default_rng(1).integers(0, 2**16, (9, 7, channels), dtype=np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.tif"), levels)
    expected = np.broadcast_to(levels >> 8, (9, 7, 3))
    assert np.array_equal(read_photo(tmp_path / "a.tif").bgr, expected)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_16_bits_are_read_back_exactly(tmp_path: Path, suffix: str, with_alpha: bool) -> None:
    levels = levels_of(4)
    alpha = levels[..., 3] if with_alpha else None
    for metadata in (None, Metadata(exif=upright_exif(camera_exif()))):
        write_photo(tmp_path / f"a{suffix}", levels[..., :3], alpha, metadata=metadata)
        photo = read_photo(tmp_path / f"a{suffix}", sixteen_bit=True)
        assert photo.bgr.dtype == np.uint16
        assert np.array_equal(photo.bgr, levels[..., :3])
        if alpha is None:
            assert photo.alpha is None
        else:
            assert photo.alpha is not None
            assert np.array_equal(photo.alpha, alpha)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_color_of_16_bits(tmp_path: Path, channels: int) -> None:
    levels = levels_of(channels)
    levels[:2] = levels[0, 0]
    levels[4] = levels[0, 0] ^ 1  # the same in 8 bits
    key = np.atleast_1d(levels[0, 0])[::-1].astype(">u2").tobytes()
    path = png_with(tmp_path / "a.png", levels, (b"tRNS", key))
    photo, plain = read_photo(path, sixteen_bit=True), read_photo(path)
    assert photo.alpha is not None
    assert plain.alpha is not None
    for alpha, opaque in ((photo.alpha, 65535), (plain.alpha, 255)):
        assert (alpha[:2] == 0).all()
        assert (alpha[2:] == opaque).all()
    color = levels if channels == 3 else np.dstack((levels,) * 3)
    assert np.array_equal(photo.bgr, color)
    assert np.array_equal(plain.bgr, color >> 8)


def test_of_16_bits_with_alpha_multiplied_in_8_are_read(tmp_path: Path) -> None:
    levels = np.full((4, 4, 4), 0x8000, np.uint16)
    photo = read_photo(tiff_with(tmp_path / "a.tif", levels, {338: 1}), sixteen_bit=True)
    assert photo.bgr.dtype == np.uint8
    assert photo.alpha is not None
    assert (photo.bgr >= 254).all()


def test_a_truncated_photo_of_16_bits_is_named(tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        path = tmp_path / f"cut{suffix}"
        levels = np.random.default_rng(1).integers(0, 2**16, (60, 60, 3), dtype=np.uint16)
        write_photo(path, levels)
        path.write_bytes(path.read_bytes()[:9000])
        with pytest.raises(PhotoError, match=r"cut.*: is (broken|not a photo)"):
            read_photo(path, sixteen_bit=True)


@pytest.mark.parametrize("levels", [np.ones((4, 4), np.float32), np.full((4, 4), 2**20, np.int32)])
def test_deeper_pixels_are_named(tmp_path: Path, levels: NDArray[Any]) -> None:
    path = saved(tmp_path / "deep.tif", Image.fromarray(levels))
    with pytest.raises(PhotoError, match=r"deep\.tif: has .* pixels; save it with 8 or 16 bits"):
        read_photo(path)
