"""Photos in: every kind of file, upright; bad ones named in one line."""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.imaging.photos import (
    ORIENTATION,
    RGB,
    levels_of,
    opencv_reads,
    saved,
    upright,
)
from tests.support.real import RealPhotos
from tests.support.samples import random_photo
from toolkit.errors import PhotoError
from toolkit.imaging import Photo, read_photo, write_photo
from toolkit.imaging import decode as decode_module


@pytest.mark.acceptance
def test_real_photos_are_read_as_opencv_reads_them(real_photos: RealPhotos) -> None:
    for path in real_photos.paths:
        assert np.array_equal(read_photo(path).bgr, opencv_reads(path)), path.name


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_lossless_color_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(saved(tmp_path / f"a{suffix}", Image.fromarray(RGB)))
    assert np.array_equal(photo.bgr[..., ::-1], RGB)
    assert photo.bgr.flags.c_contiguous
    assert photo.alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_color_is_read_as_opencv_reads_it(tmp_path: Path, suffix: str) -> None:
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
    expected = upright(read_photo(plain).bgr, orientation)
    for sixteen_bit in (False, True):
        photo = read_photo(turned, sixteen_bit=sixteen_bit)
        assert photo.bgr.dtype == np.uint8
        assert np.array_equal(photo.bgr, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_the_orientation_of_plain_tiff_is_applied_once(
    tmp_path: Path, mode: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = Image.fromarray(RGB).convert(mode)
    plain = read_photo(saved(tmp_path / "plain.tif", image))
    turned = read_photo(saved(tmp_path / "turned.tif", image, exif=exif))
    assert np.array_equal(turned.bgr, upright(plain.bgr, orientation))


def test_metadata_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    broken = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\x00\x03garbage"
    path = saved(tmp_path / "a.jpg", Image.fromarray(RGB), exif=broken)
    assert read_photo(path).bgr.shape == RGB.shape


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_photo(path).bgr[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"])
def test_a_truncated_photo_is_named(tmp_path: Path, suffix: str) -> None:
    whole = saved(tmp_path / f"a{suffix}", Image.fromarray(random_photo(1, 200, 200))).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(PhotoError, match=rf"cut\{suffix}: is (broken|not a photo)"):
        read_photo(path)


def encoded(kind: str) -> bytes:
    if kind.startswith("."):  # of 16 bits
        return cv2.imencode(kind, levels_of(3))[1].tobytes()
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, kind)
    return stream.getvalue()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one file, overwritten
    deadline=None,
)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", ".png", ".tif"]),
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
        assert isinstance(read_photo(path, max_pixels=1_000_000, sixteen_bit=True), Photo)
    except PhotoError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either outcome is right


def test_threads_that_read_at_once_leave_the_warnings_filters_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photo(tmp_path / "a.png", random_photo(1, 4, 4))
    decode, inside = decode_module._decode, threading.Barrier(3)
    leave = {"first": threading.Event(), "second": threading.Event()}

    def slow(*arguments: Any, **options: Any) -> Any:
        inside.wait(20)
        assert leave[threading.current_thread().name].wait(20)
        return decode(*arguments, **options)

    monkeypatch.setattr(decode_module, "_decode", slow)
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=read_photo, args=(tmp_path / "a.png",), name=name) for name in leave
    ]
    for thread in threads:
        thread.start()
    inside.wait(20)
    for thread in threads:
        warnings.warn("while one still reads", UserWarning, stacklevel=1)  # an error in a test
        leave[thread.name].set()
        thread.join(20)
    assert list(warnings.filters) == before
