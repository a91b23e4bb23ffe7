"""Photos out: what is written is read back; what can't be written is named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.imaging.photos import (
    RGB,
    levels_of,
)
from tests.support.samples import random_photo
from toolkit.errors import PhotoError, StoreError, UsageError
from toolkit.imaging import WRITTEN, read_photo, write_photo
from toolkit.portrait import blur


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_formats_without_16_bits_get_the_nearest_8(tmp_path: Path, suffix: str) -> None:
    levels = levels_of(4)
    write_photo(tmp_path / f"deep{suffix}", levels[..., :3], levels[..., 3])
    nearest = np.rint(levels / 257).astype(np.uint8)
    write_photo(tmp_path / f"plain{suffix}", nearest[..., :3], nearest[..., 3])
    sixteen_bit, plain = (tmp_path / f"{name}{suffix}" for name in ("deep", "plain"))
    assert sixteen_bit.read_bytes() == plain.read_bytes()


def test_pixels_and_alpha_of_two_depths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pixels of uint8, alpha of uint16"):
        write_photo(tmp_path / "a.png", RGB, levels_of(1))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".PNG"])
def test_what_is_written_losslessly_is_read_back(tmp_path: Path, suffix: str) -> None:
    bgr = random_photo(3, 20, 30)
    alpha = bgr[..., 1].copy()
    write_photo(tmp_path / f"a{suffix}", bgr)
    back = read_photo(tmp_path / f"a{suffix}")
    assert np.array_equal(back.bgr, bgr)
    assert back.alpha is None
    write_photo(tmp_path / f"a{suffix}", bgr, alpha)
    back = read_photo(tmp_path / f"a{suffix}")
    assert np.array_equal(back.bgr, bgr)
    assert back.alpha is not None
    assert np.array_equal(back.alpha, alpha)


def test_webp_keeps_alpha_exactly_and_jpeg_leaves_it_out(tmp_path: Path) -> None:
    bgr = blur(random_photo(3, 64, 64), 16)
    alpha = np.repeat(np.arange(64, dtype=np.uint8)[:, None] * 4, 64, axis=1)
    for suffix in (".webp", ".jpg", ".jpeg"):
        write_photo(tmp_path / f"a{suffix}", bgr, alpha)
    photo = read_photo(tmp_path / "a.webp")
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, alpha)
    jpeg = read_photo(tmp_path / "a.jpg")
    assert jpeg.alpha is None
    assert np.abs(jpeg.bgr.astype(int) - bgr).max() < 12


def test_jpeg_is_written_at_quality_95(tmp_path: Path) -> None:
    bgr = random_photo(3, 64, 64)
    write_photo(tmp_path / "a.jpg", bgr)
    stream = io.BytesIO()
    Image.fromarray(bgr[..., ::-1]).save(stream, "JPEG", quality=95)
    assert (tmp_path / "a.jpg").read_bytes() == stream.getvalue()


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_quality_changes_the_size(tmp_path: Path, suffix: str) -> None:
    sizes = []
    for quality in (30, 80, 95):
        write_photo(tmp_path / f"a{suffix}", random_photo(3, 64, 64), quality=quality)
        sizes.append((tmp_path / f"a{suffix}").stat().st_size)
    assert sizes == sorted(set(sizes))


def test_quality_does_not_touch_lossless_formats(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", RGB)
    write_photo(tmp_path / "b.png", RGB, quality=1)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("quality", [0, 101])
def test_an_impossible_quality_is_a_usage_error(tmp_path: Path, quality: int) -> None:
    with pytest.raises(UsageError, match="must be 1 to 100"):
        write_photo(tmp_path / "a.jpg", RGB, quality=quality)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.jpeg2000"])
def test_other_suffixes_are_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"choose one of \.png"):
        write_photo(tmp_path / name, RGB)
    assert not (tmp_path / name).exists()


def test_a_photo_too_large_for_its_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"a\.webp: 17000x1 pixels are too many"):
        write_photo(tmp_path / "a.webp", np.zeros((1, 17_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_photo_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(StoreError, match=r"a\.png"):
        write_photo(tmp_path / "a.png", RGB)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_every_suffix_written_can_be_read(tmp_path: Path) -> None:
    for suffix in WRITTEN:
        write_photo(tmp_path / f"a{suffix}", RGB)
        assert read_photo(tmp_path / f"a{suffix}").bgr.shape == RGB.shape
