"""Made-up clips: a figure that moves over a background, with its mask known, and files of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.samples import PaintedBackend
from toolkit.video.reading import Colors, Frame, planes_in

av: Any = pytest.importorskip("av", reason="videos need the video extra")

Pixels = NDArray[np.uint8]
Place = tuple[float, float, float]
"""Where a figure's middle is, and its height: pixels."""


class FigureBackend(PaintedBackend):
    """Finds the figure by its color, where it wins clearly: noise moves the edge."""

    def __init__(self, crop: tuple[int, int] = (129, 129)) -> None:
        super().__init__(crop)

    def segment(
        self,
        image: Pixels,
        *,
        subject: int | None = None,  # noqa: ARG002 - it gives every label
    ) -> NDArray[np.integer[Any]]:
        """Call what is clearly red the subject."""
        self.seen.append(image.shape)
        red, green = image[..., 0].astype(int), image[..., 1].astype(int)
        return np.where(red > green + 40, self.label, 0).astype(np.int64)


def background(height: int, width: int) -> Pixels:
    """Stripes and blobs of greens and blues."""
    rows, columns = np.mgrid[:height, :width]
    scene = np.zeros((height, width, 3), np.uint8)
    scene[..., 0] = 110 + 50 * np.sin(columns / 11)
    scene[..., 1] = 120 + 40 * np.cos(rows / 7)
    scene[..., 2] = 60 + 30 * np.sin((rows + columns) / 13)
    return scene


def drawn(scene: Pixels, place: Place) -> tuple[Pixels, NDArray[np.bool_]]:
    """Put the figure, a head on shoulders, into a scene; its mask besides."""
    x, y, height = place
    mask = np.zeros(scene.shape[:2], np.uint8)
    shift = 4
    for center, axes in (
        ((x, y - height / 4), (height / 7, height / 5)),
        ((x, y + height / 4), (height / 3, height / 3.5)),
    ):
        points = [tuple(round(value * (1 << shift)) for value in pair) for pair in (center, axes)]
        cv2.ellipse(mask, points[0], points[1], 0, 0, 360, 255, -1, cv2.LINE_AA, shift)
    rows = np.arange(scene.shape[0])[:, np.newaxis]
    figure = np.zeros(scene.shape, np.uint8)
    figure[...] = (60, 70, 200)
    figure[..., 2] = 190 + 40 * np.sin((rows - y) / 5)
    share = mask[..., np.newaxis] / 255
    return np.rint(scene + share * (figure.astype(float) - scene)).astype(np.uint8), mask > 127


def clip(
    places: Sequence[Place], *, size: tuple[int, int] = (96, 144), noise: float = 0, seed: int = 0
) -> list[tuple[Pixels, NDArray[np.bool_]]]:
    """Frames with the figure at these places, and the masks."""
    rng = np.random.default_rng(seed)
    scene = background(*size)
    frames = []
    for place in places:
        frame, mask = drawn(scene, place)
        noisy = frame + rng.normal(0, noise, frame.shape) if noise else frame
        frames.append((np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask))
    return frames


def walk(count: int, step: float = 4) -> list[Place]:
    """Places of a figure that comes nearer while it crosses."""
    return [(40 + step * number, 56, 60 + number / 2) for number in range(count)]


def framed(pixels: Pixels, number: int = 0) -> Frame:
    """A frame as the reader gives it."""
    picture = av.VideoFrame.from_ndarray(pixels, format="bgr24")
    return Frame(pixels, planes_in(picture), number, Fraction(1, 25), 1, Colors(2, 2, 2))


def write_clip(
    path: Path,
    frames: Sequence[Pixels],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    audio: str | None = "aac",
    codec: str = "libx264",
    pixels: str = "yuv420p",
    turn: Callable[[Any], None] | None = None,
    options: dict[str, str] | None = None,
    colors: tuple[int, int, int] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a video file by PyAV alone: a tone of 440 Hz beside the frames."""
    with av.open(str(path), "w", options=options or {}) as file:
        file.metadata.update(metadata or {})
        video = file.add_stream(codec, rate=25, options={"crf": "10", "preset": "ultrafast"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.time_base = video.codec_context.time_base = time_base
        if colors:
            context = video.codec_context
            context.colorspace, context.color_primaries, context.color_trc = colors
        if turn:
            turn(video)
        sound = file.add_stream(audio, rate=44100, layout="mono") if audio else None
        times = list(pts or range(len(frames)))
        for frame, time in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            if colors:
                picture = picture.reformat(format=pixels, dst_colorspace=colors[0])
            picture.pts, picture.time_base = time, time_base
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        if sound:
            write_tone(file, sound, float((times[-1] + 1) * time_base))
    return path


def write_tone(file: Any, sound: Any, seconds: float) -> None:
    """Encode a tone into a track."""
    samples = np.arange(round(44100 * seconds))
    tone = (0.2 * np.sin(2 * np.pi * 440 * samples / 44100)).astype(np.float32)
    for start in range(0, len(tone), 1024):
        part = av.AudioFrame.from_ndarray(tone[np.newaxis, start : start + 1024], "fltp", "mono")
        part.sample_rate, part.pts = 44100, start
        file.mux(sound.encode(part))
    file.mux(sound.encode(None))


def frames_of(path: Path) -> list[tuple[float, Pixels]]:
    """Times and pixels of a file's frames, in PyAV's own words."""
    with av.open(str(path)) as file:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="bgr24"))
            for frame in file.decode(video=0)
        ]


def sound_of(path: Path) -> list[tuple[float, bytes]]:
    """Times and bytes of a file's packets of sound."""
    with av.open(str(path)) as file:
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in file.demux(audio=0)
            if packet.pts is not None and packet.size
        ]


ORIENTATIONS = [(degrees, mirrored) for degrees in (0, 90, 180, -90) for mirrored in (False, True)]
"""Every display rotation, mirrored or not."""
