"""Photos in and out: every kind of file, upright, with its alpha; bad ones named in one line."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.samples import random_photo
from toolkit.errors import PhotoError, StoreError, UsageError
from toolkit.media import WRITTEN_AS, Photo, read_photo, write_photo
from toolkit.portrait import blur

ORIENTATION = 0x0112
RGB = random_photo(11, 24, 36)[..., ::-1].copy()


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def opencv_reads(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def test_real_photos_are_read_as_opencv_reads_them(shared: Path) -> None:
    paths = [path for path in sorted((shared / "photos").iterdir()) if path.suffix != ".tsv"]
    assert len(paths) > 15
    for path in paths:
        assert np.array_equal(read_photo(path).bgr, opencv_reads(path)), path.name


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_lossless_colour_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(saved(tmp_path / f"a{suffix}", Image.fromarray(RGB)))
    assert np.array_equal(photo.bgr[..., ::-1], RGB)
    assert photo.bgr.flags.c_contiguous
    assert photo.alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_colour_is_read_as_opencv_reads_it(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(RGB))
    assert np.array_equal(read_photo(path).bgr, opencv_reads(path))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_the_exif_orientation_is_applied_once(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    plain = saved(tmp_path / f"plain{suffix}", Image.fromarray(RGB))
    turned = saved(tmp_path / f"turned{suffix}", Image.fromarray(RGB), exif=exif)
    stored = read_photo(plain).bgr
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: stored.transpose(1, 0, 2)[:, ::-1],
        7: stored.transpose(1, 0, 2)[::-1, ::-1],
        8: stored.transpose(1, 0, 2)[::-1],
    }
    assert np.array_equal(read_photo(turned).bgr, upright[orientation])


def test_metadata_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    broken = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\x00\x03garbage"
    path = saved(tmp_path / "a.jpg", Image.fromarray(RGB), exif=broken)
    assert read_photo(path).bgr.shape == RGB.shape


def test_alpha_is_kept_and_colours_under_it_too(tmp_path: Path) -> None:
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


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_photo(path).bgr[0, 0].tolist() == [0, 0, 255]


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


@pytest.mark.parametrize("levels", [np.ones((4, 4), np.float32), np.full((4, 4), 2**20, np.int32)])
def test_deeper_pixels_are_named(tmp_path: Path, levels: NDArray[Any]) -> None:
    path = saved(tmp_path / "deep.tif", Image.fromarray(levels))
    with pytest.raises(PhotoError, match=r"deep\.tif: has .* pixels; save it with 8 or 16 bits"):
        read_photo(path)


def test_what_is_no_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, problem in {
        "text.jpg": "is not a photo",
        "empty.jpg": "is empty",
        "pipe.jpg": "is not a regular file",
        "nowhere.jpg": "no such file",
        ".": "is a folder",
        "long" * 100: "can't be read",
    }.items():
        with pytest.raises(PhotoError, match=problem) as caught:
            read_photo(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"])
def test_a_truncated_photo_is_named(tmp_path: Path, suffix: str) -> None:
    whole = saved(tmp_path / f"a{suffix}", Image.fromarray(random_photo(1, 200, 200))).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(PhotoError, match=rf"cut\{suffix}: is (broken|not a photo)"):
        read_photo(path)


def huge_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [15_000, 18_000, 60_000])
def test_an_absurdly_large_photo_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(side, side))
    with pytest.raises(PhotoError, match=r"bomb\.png: (is too large|has more pixels)"):
        read_photo(path)


def test_the_limit_can_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(RGB))
    with pytest.raises(PhotoError, match="36x24 pixels"):
        read_photo(path, max_pixels=36 * 24 - 1)
    assert read_photo(path, max_pixels=36 * 24).bgr.shape == (24, 36, 3)
    monkeypatch.setenv("TOOLKIT_MAX_PIXELS", "100")
    with pytest.raises(PhotoError, match="TOOLKIT_MAX_PIXELS sets another limit"):
        read_photo(path)
    monkeypatch.setenv("TOOLKIT_MAX_PIXELS", "many")
    with pytest.raises(UsageError, match="TOOLKIT_MAX_PIXELS is 'many'"):
        read_photo(path)


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, kind)
    return stream.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # one file, overwritten
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"]),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    keep=st.floats(0, 1),
)
def test_hostile_bytes_give_a_photo_or_one_line(
    tmp_path: Path, kind: str, changes: list[tuple[int, int]], keep: float
) -> None:
    content = bytearray(encoded(kind))
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path / "fuzzed"
    path.write_bytes(content[: round(len(content) * keep)])
    try:
        assert isinstance(read_photo(path, max_pixels=1_000_000), Photo)
    except PhotoError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either outcome is right


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
    for suffix in WRITTEN_AS:
        write_photo(tmp_path / f"a{suffix}", RGB)
        assert read_photo(tmp_path / f"a{suffix}").bgr.shape == RGB.shape
