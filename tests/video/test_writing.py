"""Videos out: times and sound as they were, whole files or none."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.video.clips import av, clip, frames_of, sound_of, walk, write_clip
from toolkit.errors import StoreError, UsageError
from toolkit.video.formats import WRITTEN_AS, check_writable
from toolkit.video.reading import VideoReader
from toolkit.video.writing import VideoWriter

PICTURES = [frame for frame, _ in clip(walk(12))]


def copied(source: Path, target: Path) -> Path:
    """Write what is read."""
    with VideoReader(source) as reader:
        options = {"rate": reader.rate, "audio": reader.audio, "metadata": reader.metadata}
        with VideoWriter(target, **options) as writer:  # type: ignore[arg-type]
            for frame in reader.frames():
                writer.write(frame, frame.planes)
            return writer.finish(reader.rest)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("suffix", "audio"),
    [(".mp4", "aac"), (".mov", "aac"), (".mkv", "aac"), (".mkv", "pcm_s16le"), (".m4v", "aac")],
)
def test_frames_keep_their_times_and_sound_its_bytes(
    tmp_path: Path, suffix: str, audio: str
) -> None:
    times = [0, 3, 4, 20, 21, 22, 50, 51, 52, 53, 90, 91]
    source = write_clip(
        tmp_path / "source.mkv", PICTURES, pts=times, time_base=Fraction(1, 100), audio=audio
    )
    made = copied(source, tmp_path / f"out{suffix}")
    assert [time for time, _ in frames_of(made)] == pytest.approx([t / 100 for t in times])
    was, now = sound_of(source), sound_of(made)
    assert [packet for _, packet in now] == [packet for _, packet in was]
    shifts = [one[0] - other[0] for one, other in zip(now, was, strict=True)]
    assert np.abs(shifts).max() < 0.002
    assert names(tmp_path) == sorted(["source.mkv", made.name])


def test_a_webm_is_written_as_vp9(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", PICTURES[:4], audio=None)
    with av.open(str(copied(source, tmp_path / "b.webm"))) as file:
        assert file.streams.video[0].codec_context.name == "vp9"


def test_sound_that_does_not_fit_is_refused_with_a_name_that_takes_it(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", PICTURES[:4])
    with pytest.raises(
        UsageError, match=r"a \.webm can't hold the video's sound, aac; choose .*b\.mkv"
    ):
        copied(source, tmp_path / "b.webm")
    assert names(tmp_path) == ["a.mkv"]


def test_a_suffix_of_no_format_is_refused() -> None:
    with pytest.raises(UsageError, match=r"can't write \.avi; choose one of \.mp4"):
        check_writable(Path("a.avi"))
    assert {*WRITTEN_AS} == {".mp4", ".m4v", ".mov", ".mkv", ".webm"}


@pytest.mark.parametrize("shape", [(95, 143), (96, 143), (1, 1), (2, 300)])
def test_any_size_is_kept(tmp_path: Path, shape: tuple[int, int]) -> None:
    frames = [np.full((*shape, 3), 80, np.uint8)] * 3
    source = write_clip(tmp_path / "a.mkv", frames, audio=None, codec="ffv1", pixels="bgr0")
    made = frames_of(copied(source, tmp_path / "b.mp4"))
    assert [frame.shape for _, frame in made] == [(*shape, 3)] * 3


@pytest.mark.parametrize("colors", [None, (1, 1, 1), (5, 5, 6)])
def test_colors_stay_and_what_is_said_of_them(
    tmp_path: Path, colors: tuple[int, int, int] | None
) -> None:
    flat = [np.full((64, 96, 3), (30, 60, 200), np.uint8)] * 3
    source = write_clip(tmp_path / "a.mp4", flat, colors=colors)
    made = copied(source, tmp_path / "b.mp4")
    was, now = frames_of(source)[0][1], frames_of(made)[0][1]
    assert np.abs(was.astype(int) - now).max() <= 4
    with av.open(str(made)) as file:
        (first, *_) = file.decode(video=0)
        if colors:
            assert (first.colorspace, first.color_primaries, first.color_trc) == colors


def test_what_the_file_says_of_itself_is_copied(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", PICTURES[:2])
    with av.open(str(tmp_path / "b.mp4"), "w") as file, av.open(str(source)) as old:
        file.metadata["title"] = "A walk"
        stream = file.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    with av.open(str(copied(tmp_path / "b.mp4", tmp_path / "c.mp4"))) as file:
        assert file.metadata["title"] == "A walk"


def test_what_is_not_finished_is_gone_and_an_older_file_stays(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", PICTURES)
    target = tmp_path / "b.mp4"
    target.write_bytes(b"older")
    with (
        VideoReader(source) as reader,
        VideoWriter(target, rate=reader.rate, audio=reader.audio) as writer,
    ):
        for frame in reader.frames():
            writer.write(frame, frame.planes)
        assert target.read_bytes() == b"older"
        assert len(names(tmp_path)) == 3
    assert target.read_bytes() == b"older"
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", PICTURES[:2])
    (tmp_path / "other").mkdir()
    (tmp_path / "b.mp4").symlink_to("other/real.mp4")
    assert copied(source, tmp_path / "b.mp4") == tmp_path / "b.mp4"
    assert (tmp_path / "b.mp4").is_symlink()
    assert len(frames_of(tmp_path / "other" / "real.mp4")) == 2


def test_a_folder_that_is_missing_is_made_and_one_that_can_not_be_is_one_line(
    tmp_path: Path,
) -> None:
    source = write_clip(tmp_path / "a.mp4", PICTURES[:2])
    assert copied(source, tmp_path / "new" / "b.mp4").is_file()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be written"):
        copied(source, tmp_path / "file" / "b.mp4")
    (tmp_path / "c.mp4").mkdir()
    with pytest.raises(StoreError, match="is not a regular file"):
        copied(source, tmp_path / "c.mp4")


AT_THE_END_OF_MEMORY = """
import ctypes, mmap, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from toolkit.video import VideoWriter
from toolkit.video.reading import Colors, Frame

height, width = 51, 71

def at_the_end(height, width):
    size = height * width
    pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, pages + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(start + pages, mmap.PAGESIZE, 0) == 0
    return np.frombuffer(memory, np.uint8, size, pages - size).reshape(height, width)

planes = tuple(at_the_end(height, width) for _ in range(3))
with VideoWriter(Path(sys.argv[1]), rate=Fraction(25)) as writer:
    frame = Frame(np.dstack(planes), planes, 0, Fraction(1, 25), 1, Colors(2, 2, 2))
    writer.write(frame, planes)
    writer.finish()
"""
"""Writes a frame behind whose last bytes the process has no memory."""


@pytest.mark.skipif(sys.platform == "win32", reason="its memory is protected in other ways")
def test_nothing_behind_a_frame_is_read(tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    command = [sys.executable, "-c", AT_THE_END_OF_MEMORY, str(made)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert made.exists()
