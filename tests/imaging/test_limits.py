"""What is no photo's file or too large is refused, and named, before it is decoded."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.imaging.photos import (
    RGB,
    chunk,
    saved,
)
from toolkit.errors import PhotoError, UsageError
from toolkit.imaging import read_photo


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
