"""Photos in and out: every kind of file, upright, with its alpha; bad ones named in one line."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.exifs import camera_exif
from tests.samples import random_photo
from toolkit import media
from toolkit.errors import PhotoError, StoreError, UsageError
from toolkit.exif import upright_exif
from toolkit.media import WRITTEN_AS, Photo, read_photo, write_photo
from toolkit.metadata import Metadata
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
    expected = upright(read_photo(plain).bgr, orientation)
    for deep in (False, True):
        photo = read_photo(turned, deep=deep)
        assert photo.bgr.dtype == np.uint8
        assert np.array_equal(photo.bgr, expected)


def upright(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored pixels as EXIF's orientation wants them shown."""
    return {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: stored.swapaxes(0, 1)[:, ::-1],
        7: stored.swapaxes(0, 1)[::-1, ::-1],
        8: stored.swapaxes(0, 1)[::-1],
    }[orientation]


def levels_of(channels: int) -> NDArray[np.uint16]:
    """Random pixels of 16 bits."""
    shape = (9, 7, channels) if channels > 1 else (9, 7)
    return np.random.default_rng(channels).integers(0, 2**16, shape, dtype=np.uint16)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(path: Path, levels: NDArray[np.uint16], *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG of 16 bits with chunks that OpenCV doesn't write."""
    encoded = cv2.imencode(".png", levels)[1].tobytes()
    extra = b"".join(chunk(kind, body) for kind, body in chunks)
    path.write_bytes(encoded[:33] + extra + encoded[33:])
    return path


def tiff_with(path: Path, levels: NDArray[np.uint16], tags: dict[int, Any]) -> Path:
    """A TIFF of 16 bits, uncompressed, with any tags beside its own."""
    ifd = ImageFileDirectory_v2()
    channels = levels.shape[2] if levels.ndim == 3 else 1
    own = {256: levels.shape[1], 257: levels.shape[0], 258: (16,) * channels, 259: 1}
    own |= {262: 1 if channels < 3 else 2, 273: 0, 277: channels, 278: levels.shape[0]}
    own |= {279: levels.nbytes} | ({338: 2} if channels == 4 else {})
    for tag, value in (own | tags).items():
        ifd[tag] = value
    stream = io.BytesIO()
    ifd.save(stream)
    path.write_bytes(stream.getvalue() + levels.astype("<u2").tobytes())
    return path


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
    colour = expected[..., :3] if channels > 1 else np.dstack((expected,) * 3)
    deep, plain = read_photo(path, deep=True), read_photo(path)
    assert deep.bgr.dtype == np.uint16
    assert deep.bgr.flags.c_contiguous
    assert np.array_equal(deep.bgr, colour)
    assert np.array_equal(plain.bgr, colour >> 8)
    if channels == 4:
        assert deep.alpha is not None
        assert plain.alpha is not None
        assert np.array_equal(deep.alpha, expected[..., 3])
        assert np.array_equal(plain.alpha, expected[..., 3] >> 8)
    else:
        assert deep.alpha is None


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


def test_an_orientation_in_xmp_alone_is_applied_once(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    levels = levels_of(3)
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    png = png_with(tmp_path / "a.png", levels, (b"iTXt", text))
    tiff = tiff_with(tmp_path / "a.tif", levels[..., ::-1].copy(), {700: xmp})
    for path in (png, tiff):
        assert np.array_equal(read_photo(path, deep=True).bgr, upright(levels, 6)), path
        assert np.array_equal(read_photo(path).bgr, upright(levels, 6) >> 8), path


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


def cmyk_profile(lab_of_cyan: tuple[int, int, int]) -> bytes:
    """A profile in which cyan has a colour of its own, and other inks only darken."""
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
        assert "its colour profile can't be used" in caplog.text


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    srgb = ImageCms.createProfile("sRGB")
    lab = ImageCms.createProfile("LAB")
    colours = Image.fromarray(np.full((8, 8, 3), (200, 120, 40), np.uint8))
    image = ImageCms.buildTransform(srgb, lab, "RGB", "LAB").apply(colours)
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
    monkeypatch.setattr("toolkit.media.BAND_PIXELS", 36 * 5)
    assert np.array_equal(read_photo(path).bgr, whole)


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


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_16_bits_are_read_back_exactly(tmp_path: Path, suffix: str, with_alpha: bool) -> None:
    levels = levels_of(4)
    alpha = levels[..., 3] if with_alpha else None
    for metadata in (None, Metadata(exif=upright_exif(camera_exif()))):
        write_photo(tmp_path / f"a{suffix}", levels[..., :3], alpha, metadata=metadata)
        photo = read_photo(tmp_path / f"a{suffix}", deep=True)
        assert photo.bgr.dtype == np.uint16
        assert np.array_equal(photo.bgr, levels[..., :3])
        if alpha is None:
            assert photo.alpha is None
        else:
            assert photo.alpha is not None
            assert np.array_equal(photo.alpha, alpha)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_formats_without_16_bits_get_the_nearest_8(tmp_path: Path, suffix: str) -> None:
    levels = levels_of(4)
    write_photo(tmp_path / f"deep{suffix}", levels[..., :3], levels[..., 3])
    nearest = np.rint(levels / 257).astype(np.uint8)
    write_photo(tmp_path / f"plain{suffix}", nearest[..., :3], nearest[..., 3])
    deep, plain = (tmp_path / f"{name}{suffix}" for name in ("deep", "plain"))
    assert deep.read_bytes() == plain.read_bytes()


def test_pixels_and_alpha_of_two_depths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pixels of uint8, alpha of uint16"):
        write_photo(tmp_path / "a.png", RGB, levels_of(1))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits(tmp_path: Path, channels: int) -> None:
    levels = levels_of(channels)
    levels[:2] = levels[0, 0]
    levels[4] = levels[0, 0] ^ 1  # the same in 8 bits
    key = np.atleast_1d(levels[0, 0])[::-1].astype(">u2").tobytes()
    path = png_with(tmp_path / "a.png", levels, (b"tRNS", key))
    photo, plain = read_photo(path, deep=True), read_photo(path)
    assert photo.alpha is not None
    assert plain.alpha is not None
    for alpha, opaque in ((photo.alpha, 65535), (plain.alpha, 255)):
        assert (alpha[:2] == 0).all()
        assert (alpha[2:] == opaque).all()
    colour = levels if channels == 3 else np.dstack((levels,) * 3)
    assert np.array_equal(photo.bgr, colour)
    assert np.array_equal(plain.bgr, colour >> 8)


def test_of_16_bits_with_alpha_multiplied_in_8_are_read(tmp_path: Path) -> None:
    levels = np.full((4, 4, 4), 0x8000, np.uint16)
    photo = read_photo(tiff_with(tmp_path / "a.tif", levels, {338: 1}), deep=True)
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
            read_photo(path, deep=True)


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
        assert isinstance(read_photo(path, max_pixels=1_000_000, deep=True), Photo)
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
    with pytest.raises(UsageError, match="give 1 to 100"):
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
    for suffix in WRITTEN_AS:
        write_photo(tmp_path / f"a{suffix}", RGB)
        assert read_photo(tmp_path / f"a{suffix}").bgr.shape == RGB.shape


def test_threads_that_read_at_once_leave_the_warnings_filters_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photo(tmp_path / "a.png", random_photo(1, 4, 4))
    decode, inside = media._decode, threading.Barrier(3)
    leave = {"first": threading.Event(), "second": threading.Event()}

    def slow(*arguments: Any, **options: Any) -> Any:
        inside.wait(20)
        assert leave[threading.current_thread().name].wait(20)
        return decode(*arguments, **options)

    monkeypatch.setattr(media, "_decode", slow)
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
