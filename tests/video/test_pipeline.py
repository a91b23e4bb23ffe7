"""A whole video: sound and times kept, only the background blurred, whole files or none."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import ROOT
from tests.video.clips import (
    FigureBackend,
    av,
    background,
    clip,
    frames_of,
    sound_of,
    walk,
    write_clip,
)
from toolkit.errors import BackendError, UsageError, VideoError
from toolkit.portrait import Natural
from toolkit.video import make_video

FRAMES = clip(walk(16))
PICTURES = [frame for frame, _ in FRAMES]
STYLE = Natural(strength=10)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A clip in a folder of its own."""
    folder = tmp_path / "videos"
    folder.mkdir()
    return write_clip(folder / "clip.mp4", PICTURES)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_figure_stays_and_what_is_behind_it_is_blurred(video: Path) -> None:
    target = video.with_name("out.mp4")
    report = make_video(video, target, FigureBackend(), style=STYLE, workers=2)
    assert (report.frames, report.segmented, report.with_subject) == (16, 16, 16)
    assert (report.size, report.audio_tracks, report.output) == ((96, 144), 1, target)
    assert report.complete
    for (_, made), (_, was), (_, mask) in zip(
        frames_of(target), frames_of(video), FRAMES, strict=True
    ):
        change = np.abs(made.astype(int) - was).mean(axis=2)
        well_inside = np.roll(mask, 6, 0) & np.roll(mask, -6, 0) & np.roll(mask, 6, 1) & mask
        assert change[well_inside].mean() < 4
        assert change[:, -8:].mean() > 5


@pytest.mark.parametrize("strip", [False, True])
def test_where_it_was_made_is_kept_or_left_out(tmp_path: Path, *, strip: bool) -> None:
    told = {"title": "A walk", "location": "+48.1372+011.5755/"}
    source = write_clip(tmp_path / "a.mp4", PICTURES[:2], metadata=told)
    made = make_video(source, tmp_path / "b.mp4", FigureBackend(), strip=strip).output
    with av.open(str(made)) as file:
        assert file.metadata["title"] == "A walk"
        assert ("location" in file.metadata) is not strip


@pytest.mark.parametrize("every", [1, 3])
def test_sound_and_times_are_kept(tmp_path: Path, every: int) -> None:
    times = [0, 3, 4, 20, 21, 22, 50, 51, 52, 53, 90, 91, 92, 93, 94, 95]
    source = write_clip(tmp_path / "a.mp4", PICTURES, pts=times, time_base=Fraction(1, 100))
    target = tmp_path / "b.mp4"
    report = make_video(source, target, FigureBackend(), every=every, workers=3)
    assert [time for time, _ in frames_of(target)] == pytest.approx([t / 100 for t in times])
    assert [packet for _, packet in sound_of(target)] == [packet for _, packet in sound_of(source)]
    assert report.segmented == -(-16 // every)


def test_each_frame_is_that_of_the_steps_one_after_the_other(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are in work at once: the bytes are the same."""
    made = [
        make_video(video, video.with_name(f"{n}.mkv"), FigureBackend(), workers=n).output
        for n in (1, 4)
    ]
    one, other = (frames_of(path) for path in made)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, other, strict=True))


class FlickeringBackend(FigureBackend):
    """Finds more than the figure in every other frame."""

    def segment(self, image: NDArray[np.uint8], *, subject: int | None = None) -> NDArray[Any]:
        """Call the surroundings the subject now and then."""
        labels = super().segment(image, subject=subject).astype(np.uint8)
        return cv2.dilate(labels, np.ones((9, 9))) if len(self.seen) % 2 else labels


def test_a_still_scene_flickers_less_than_the_network(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", [PICTURES[0]] * 10)

    def flicker(gain: float) -> float:
        backend = FlickeringBackend()
        made = make_video(source, tmp_path / "b.mkv", backend, style=STYLE, gain=gain, workers=1)
        frames = np.array([frame for _, frame in frames_of(made.output)], float)[3:]
        return float(np.abs(np.diff(frames, axis=0)).mean())

    assert flicker(0.2) < flicker(1) / 2


def test_the_network_sees_each_nth_frame(video: Path) -> None:
    backend = FigureBackend()
    make_video(video, video.with_name("b.mp4"), backend, every=5, workers=1)
    assert len(backend.seen) == 4


def test_frames_without_the_subject_are_blurred_as_a_whole(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", [background(96, 144)] * 4)
    report = make_video(source, tmp_path / "b.mp4", FigureBackend(), style=STYLE)
    assert (report.frames, report.with_subject) == (4, 0)
    (_, was), (_, made) = frames_of(source)[1], frames_of(tmp_path / "b.mp4")[1]
    assert (
        np.abs(np.diff(made.astype(int), axis=0)).mean()
        < np.abs(np.diff(was.astype(int), axis=0)).mean()
    )


def test_a_subject_that_the_network_lacks_is_an_error_before_anything_is_written(
    video: Path,
) -> None:
    target = video.with_name("made.mkv")
    with pytest.raises(UsageError, match="no label 'unicorn'"):
        make_video(video, target, FigureBackend(), subject="unicorn")
    assert [path.name for path in video.parent.iterdir()] == [video.name]


def test_depth_keeps_the_ground_at_the_feet_sharper(video: Path) -> None:
    flat, deep = (
        make_video(
            video,
            video.with_name(f"{depth}.mkv"),
            FigureBackend(),
            style=Natural(strength=10, depth=depth),
        ).output
        for depth in (0, 1)
    )
    was = frames_of(video)[8][1].astype(int)
    changes = [np.abs(frames_of(path)[8][1].astype(int) - was)[80:].mean() for path in (flat, deep)]
    assert changes[1] < changes[0]


class Stops(FigureBackend):
    """Says stop while it works on a frame."""

    def __init__(self, stop: threading.Event, after: int) -> None:
        super().__init__()
        self.stop, self.after = stop, after

    def segment(
        self, image: NDArray[np.uint8], *, subject: int | None = None
    ) -> NDArray[np.integer[Any]]:
        if len(self.seen) >= self.after:  # several threads count
            self.stop.set()
        return super().segment(image, subject=subject)


def test_a_stop_leaves_what_is_done_as_a_whole_file_of_another_name(tmp_path: Path) -> None:
    many = [frame for frame, _ in clip(walk(80, 1))]
    source, target = write_clip(tmp_path / "a.mp4", many), tmp_path / "out.mp4"
    target.write_bytes(b"older")
    stop = threading.Event()
    report = make_video(source, target, Stops(stop, 5), stop=stop, workers=2)
    assert report.interrupted
    assert not report.complete
    assert report.output.name == "out.partial.mp4"
    assert 5 < report.frames < 60
    assert len(frames_of(report.output)) == report.frames
    assert sound_of(report.output)
    assert target.read_bytes() == b"older"
    assert names(tmp_path) == ["a.mp4", "out.mp4", "out.partial.mp4"]


DIES = """
import os, signal, sys
from pathlib import Path
from tests.video.clips import FigureBackend
from toolkit.video import make_video

class Dies(FigureBackend):
    def segment(self, image, *, subject=None):
        if len(self.seen) >= 10:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().segment(image, subject=subject)

make_video(Path(sys.argv[1]), Path(sys.argv[2]), Dies(), workers=2)
"""


def test_a_killed_run_leaves_the_older_file_and_the_next_run_nothing_else(video: Path) -> None:
    target = video.with_name("out.mp4")
    target.write_bytes(b"older")
    died = subprocess.run([sys.executable, "-c", DIES, video, target], check=False, cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    hidden, *others = names(video.parent)
    assert hidden.startswith(".out.mp4.")
    assert others == ["clip.mp4", "out.mp4"]
    assert target.read_bytes() == b"older"
    make_video(video, target, FigureBackend())
    assert names(video.parent) == ["clip.mp4", "out.mp4"]
    assert len(frames_of(target)) == len(PICTURES)


def test_a_stop_after_the_last_frame_comes_too_late(video: Path) -> None:
    stop = threading.Event()

    def progress(done: int, total: int | None) -> None:
        if done == total:
            stop.set()

    report = make_video(
        video, video.with_name("b.mp4"), FigureBackend(), stop=stop, progress=progress
    )
    assert report.complete


def test_a_video_that_is_cut_off_leaves_what_could_be_read(tmp_path: Path) -> None:
    many = [frame for frame, _ in clip(walk(100, 1))]
    source = write_clip(tmp_path / "a.mp4", many, options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    report = make_video(source, tmp_path / "b.mp4", FigureBackend())
    assert "is cut off" in str(report.trouble)
    assert report.output.name == "b.partial.mp4"
    assert len(frames_of(report.output)) == report.frames > 10
    assert names(tmp_path) == ["a.mp4", "b.partial.mp4"]


def test_a_video_of_no_frame_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", PICTURES, options={"movflags": "faststart"})
    data = source.read_bytes()
    source.write_bytes(data[: data.index(b"mdat") + 20])
    with pytest.raises(VideoError, match="not one frame"):
        make_video(source, tmp_path / "b.mp4", FigureBackend())
    assert names(tmp_path) == ["a.mp4"]


class Fails(FigureBackend):
    """Fails on the sixth frame."""

    def segment(
        self, image: NDArray[np.uint8], *, subject: int | None = None
    ) -> NDArray[np.integer[Any]]:
        if len(self.seen) >= 5:
            raise BackendError("the runtime died")
        return super().segment(image, subject=subject)


def test_a_backend_that_fails_leaves_nothing_and_no_thread(video: Path) -> None:
    before = threading.active_count()
    with pytest.raises(BackendError, match="died"):
        make_video(video, video.with_name("b.mp4"), Fails())
    assert names(video.parent) == ["clip.mp4"]
    assert threading.active_count() == before


def test_the_video_itself_is_not_written_over(video: Path) -> None:
    before = video.read_bytes()
    with pytest.raises(UsageError, match="is the video itself"):
        make_video(video, video, FigureBackend())
    assert video.read_bytes() == before


def test_each_zeroth_frame_is_not_possible(video: Path) -> None:
    with pytest.raises(UsageError, match="choose 1 or more"):
        make_video(video, video.with_name("b.mp4"), FigureBackend(), every=0)
