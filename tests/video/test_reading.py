"""Videos in: times, turns, colors, and whatever may be wrong with a file."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import random_photo, seeds
from tests.video.clips import (
    ORIENTATIONS,
    av,
    clip,
    framed,
    frames_of,
    walk,
    write_clip,
    write_tone,
)
from toolkit.errors import MissingDependencyError, VideoError
from toolkit.imaging import write_photo
from toolkit.video.planes import to_bgr
from toolkit.video.reading import Frame, VideoReader, turned

PICTURES = [frame for frame, _ in clip(walk(12))]


def read(path: Path) -> tuple[list[Frame], VideoReader]:
    with VideoReader(path) as reader:
        return list(reader.frames()), reader


def problem(path: Path) -> str:
    """What is said of a file that can't be opened, or not be read to its end."""
    try:
        frames, reader = read(path)
    except VideoError as error:
        return str(error)
    assert reader.trouble, len(frames)
    return str(reader.trouble)


def test_frames_come_upright_with_their_times_and_the_sound_before_them(tmp_path: Path) -> None:
    frames, reader = read(write_clip(tmp_path / "a.mp4", PICTURES))
    assert [frame.seconds for frame in frames] == pytest.approx([n / 25 for n in range(12)])
    assert np.abs(frames[3].bgr.astype(int) - PICTURES[3]).mean() < 4
    assert sum(len(frame.packets) for frame in frames) + len(reader.rest) > 15
    assert reader.rate == Fraction(25)
    assert (reader.expected, reader.left_out) == (12, 0)
    assert reader.trouble is None


def test_variable_frame_times_are_kept(tmp_path: Path) -> None:
    times = [0, 3, 4, 20, 21, 22, 50, 51, 52, 53, 90, 91]
    path = write_clip(tmp_path / "a.mp4", PICTURES, pts=times, time_base=Fraction(1, 100))
    frames, reader = read(path)
    assert [frame.seconds for frame in frames] == pytest.approx([t / 100 for t in times])
    assert reader.trouble is None


@pytest.mark.parametrize(("degrees", "mirrored"), ORIENTATIONS)
def test_a_turned_video_comes_upright(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    def turn(video: Any) -> None:
        video.set_display_rotation(degrees, hflip=mirrored)

    path = write_clip(tmp_path / "a.mp4", PICTURES[:2], audio=None, turn=turn)
    wanted = np.rot90(PICTURES[0], degrees // 90)  # both count against the clock
    wanted = wanted[:, ::-1] if mirrored else wanted
    frames, _ = read(path)
    assert frames[0].bgr.shape == wanted.shape
    assert np.abs(frames[0].bgr.astype(int) - wanted).mean() < 4
    for plane, other in zip(frames[0].planes, framed(wanted.copy()).planes, strict=True):
        assert np.abs(plane.astype(int) - other).mean() < 4


@given(seeds, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, -1]), st.integers(0, 3))
def test_turning_by_a_matrix_is_what_the_matrix_says(
    seed: int, height: int, width: int, sign: int, quarter: int
) -> None:
    matrix = [(1, 0, 0, sign), (0, 1, sign, 0), (-1, 0, 0, sign), (0, -1, sign, 0)][quarter]
    image = random_photo(seed, height, width)
    before = image.copy()
    result = turned(image, matrix)
    a, b, c, d = matrix
    rows, columns = np.mgrid[:height, :width]
    across, down = a * columns + c * rows, b * columns + d * rows
    wanted = np.zeros_like(result)
    wanted[down - down.min(), across - across.min()] = image
    assert np.array_equal(result, wanted)
    assert np.array_equal(image, before)


def test_pixels_that_are_not_square_are_turned_too(tmp_path: Path) -> None:
    def turn(video: Any) -> None:
        video.codec_context.sample_aspect_ratio = Fraction(4, 3)
        video.set_display_rotation(90)

    frames, _ = read(write_clip(tmp_path / "a.mp4", PICTURES[:2], turn=turn))
    assert frames[0].pixel_shape == Fraction(3, 4)


def test_a_missing_empty_or_foreign_file_is_one_line(tmp_path: Path) -> None:
    assert problem(tmp_path / "none.mp4").endswith("none.mp4: no such file")
    (tmp_path / "empty.mp4").touch()
    assert problem(tmp_path / "empty.mp4").endswith("is empty")
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    assert "is not a video, or is cut off or broken" in problem(tmp_path / "text.mp4")
    assert "is a folder" in problem(tmp_path)


def test_a_file_without_pictures_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as file:
        write_tone(file, file.add_stream("aac", rate=44100, layout="mono"), 0.5)
    assert problem(path) == f"{path}: has no pictures: no video track is in it"


def test_a_file_that_lost_its_end_with_its_index_is_one_line(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", PICTURES)
    path.write_bytes(path.read_bytes()[:-500])
    assert "is not a video, or is cut off or broken" in problem(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_cut_off_in_the_middle_gives_what_is_there_and_says_so(
    tmp_path: Path, name: str
) -> None:
    many = [frame for frame, _ in clip(walk(100, 1))]
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = write_clip(tmp_path / name, many, options=options)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    frames, reader = read(path)
    assert 10 < len(frames) < 90
    assert reader.trouble
    assert "is cut off: it ends after" in str(reader.trouble)
    assert "of 4.0" in str(reader.trouble)


def test_a_changing_frame_size_ends_the_frames_and_says_when(tmp_path: Path) -> None:
    parts = [
        write_clip(tmp_path / f"{n}.ts", pictures, audio=None).read_bytes()
        for n, pictures in enumerate((PICTURES[:6], [frame[:64, :96] for frame in PICTURES[:6]]))
    ]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(parts))
    frames, reader = read(path)
    assert len(frames) == 6
    assert "changes its frame size at" in str(reader.trouble)
    assert "from 144x96 to 96x64" in str(reader.trouble)


def test_broken_bytes_in_the_middle_never_end_in_anything_but_a_line(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", PICTURES)
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for _ in range(40):
        damaged = whole.copy()
        start = int(rng.integers(0, len(whole)))
        damaged[start : start + 60] = rng.bytes(60)
        path.write_bytes(damaged)
        said = ""
        try:
            _, reader = read(path)
            said = str(reader.trouble or "")
        except VideoError as error:
            said = str(error)
        assert "\n" not in said


def test_too_many_pixels_are_refused_before_a_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.mp4", PICTURES[:2])
    monkeypatch.setenv("TOOLKIT_MAX_PIXELS", "10000")
    assert "is too large: 144x96 pixels, 0.01 million are allowed" in problem(path)


def test_a_photo_by_a_videos_name_is_a_video_of_one_frame(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", PICTURES[0])
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    frames, _ = read(tmp_path / "a.mp4")
    assert [frame.bgr.shape for frame in frames] == [PICTURES[0].shape]


def test_once_stopped_the_frames_end(tmp_path: Path) -> None:
    stop = threading.Event()
    with VideoReader(write_clip(tmp_path / "a.mp4", PICTURES), stop) as reader:
        frames = reader.frames()
        next(frames)
        stop.set()
        assert list(frames) == []
        assert reader.stopped
        assert reader.trouble is None


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", PICTURES[:2])
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingDependencyError, match="install the video extra"):
        VideoReader(path)


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        *(("ffv1", name) for name in "yuv420p yuv422p yuv444p yuv420p10le gray bgr0".split()),
        *((codec, "yuvj420p") for codec in ("mjpeg", "libx264")),
    ],
)
def test_planes_are_the_frames_colors_whatever_the_file_holds(
    tmp_path: Path, codec: str, pixels: str
) -> None:
    smooth = np.asarray(cv2.GaussianBlur(PICTURES[0], (0, 0), 6), np.uint8)
    for colors in (None, (1, 1, 1)):
        path = write_clip(
            tmp_path / "a.mkv",
            [smooth] * 2,
            codec=codec,
            pixels=pixels,
            audio=None,
            colors=colors,
        )
        frames, _ = read(path)
        luma, *color = frames[0].planes
        assert color[0].shape == color[1].shape == (48, 72)
        assert luma.min() >= 16
        assert luma.max() <= 235
        whole = [cv2.resize(plane, luma.shape[::-1]) for plane in color]
        planes = np.dstack([luma, *whole, np.ones_like(luma)])
        bgr = planes @ to_bgr(frames[0].colors.space)[:3].T
        assert np.abs(bgr - frames[0].bgr).mean() < 2


def test_planes_are_not_copied_where_they_are_as_they_should_be(tmp_path: Path) -> None:
    frames, _ = read(write_clip(tmp_path / "a.mp4", PICTURES[:2]))
    assert not any(plane.flags.owndata for plane in frames[0].planes)


def test_full_range_and_bt709_come_out_in_the_same_colors(tmp_path: Path) -> None:
    flat = [np.full((64, 96, 3), (30, 60, 200), np.uint8)] * 2
    plain = frames_of(write_clip(tmp_path / "a.mp4", flat))[0][1][30, 40].astype(int)
    told, _ = read(write_clip(tmp_path / "b.mp4", flat, colors=(1, 1, 1)))
    assert np.abs(told[0].bgr[30, 40].astype(int) - plain).max() <= 3
    assert told[0].colors.space == 1
