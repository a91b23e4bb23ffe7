"""Photos' files for the tests, some of which no library here would write."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.support.samples import random_photo

ORIENTATION = 0x0112
RGB = random_photo(11, 24, 36)[..., ::-1].copy()


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def opencv_reads(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path)), np.uint8)


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
