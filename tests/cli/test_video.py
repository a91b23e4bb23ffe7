"""``toolkit portrait`` of a video: what is said where, and every exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from tests.video.clips import FigureBackend, background, clip, frames_of, walk, write_clip
from toolkit.cli.console import Console
from toolkit.hub import opening
from toolkit.inference import Backend

PICTURES = [frame for frame, _ in clip(walk(10))]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FigureBackend:
    """A backend that needs no model, in place of the one the command would open."""
    made = FigureBackend()

    def open_it(model: object, name: str, *, threads: int | None, logits: bool) -> Backend:
        return made

    monkeypatch.setattr(opening, "open_backend", open_it)
    return made


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A clip in a folder of its own."""
    folder = tmp_path / "videos"
    folder.mkdir()
    return write_clip(folder / "clip.mp4", PICTURES)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_result_lies_beside_the_video_and_is_one_line(
    toolkit: Command, backend: FigureBackend, video: Path
) -> None:
    outcome = toolkit("portrait", video)
    made = video.with_name("clip.portrait.mp4")
    assert outcome.code == 0
    (line,) = outcome.stdout.splitlines()
    assert line.startswith(f"{video}: 10 frames of 144x96, ")
    assert line.endswith(f" frames per second; written: {made}")
    assert len(frames_of(made)) == 10
    assert names(video.parent) == ["clip.mp4", "clip.portrait.mp4"]


def test_stderr_is_the_log_alone_where_it_is_no_terminal(
    toolkit: Command, backend: FigureBackend, video: Path
) -> None:
    lines = toolkit("portrait", video).stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["model", "backend", "style"]
    assert toolkit("portrait", video, "--quiet").stderr == ""


def test_json_is_one_document(toolkit: Command, backend: FigureBackend, video: Path) -> None:
    outcome = toolkit("portrait", video, "--every", "3", "--json")
    document = json.loads(outcome.stdout)
    assert document["schema"] == "toolkit-portrait-video"
    assert document["video"]["segmented"] == 4
    assert document["video"]["complete"]
    assert document["video"]["size"] == [96, 144]
    assert len(backend.seen) == 4


@pytest.mark.parametrize(
    ("output", "made"), [("out/", "out/clip.portrait.mp4"), ("new.mkv", "new.mkv")]
)
def test_output_is_a_file_or_a_folder(
    toolkit: Command, backend: FigureBackend, video: Path, output: str, made: str
) -> None:
    folder = video.parent
    assert toolkit("portrait", video, "-o", f"{folder}/{output}").code == 0
    assert (folder / made).is_file()


def test_a_format_that_can_not_be_written_becomes_matroska(
    toolkit: Command, backend: FigureBackend, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "a.ts", PICTURES)
    assert toolkit("portrait", source).code == 0
    assert (tmp_path / "a.portrait.mkv").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "a.avi"], "can't write .avi"),
        (["--stages"], "--stages is for photos"),
        (["--overlay"], "--overlay is for photos"),
        (["--compare"], "--compare is for photos"),
        (["--quality", "95"], "--quality is for photos"),
        (["--style", "tutorial"], "a video is done in the natural style"),
        (["photo.jpg"], "is a video among others"),
        (["--every", "0"], ""),
    ],
)
def test_what_a_video_does_not_take_is_refused(
    toolkit: Command, backend: FigureBackend, video: Path, options: list[str], said: str
) -> None:
    outcome = toolkit("portrait", video, *options)
    assert outcome.code == 2
    assert said in outcome.stderr
    assert names(video.parent) == ["clip.mp4"]


def test_every_is_refused_for_photos(toolkit: Command) -> None:
    outcome = toolkit("portrait", "a.png", "--every", "2")
    assert outcome.code == 2
    assert "--every is for videos" in outcome.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"", "is empty"), (b"no video" * 99, "is not a video")],
)
def test_a_file_that_is_no_video_is_one_line_and_3(
    toolkit: Command, backend: FigureBackend, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    outcome = toolkit("portrait", path, "--quiet")
    assert outcome.code == 3
    (line,) = outcome.stderr.splitlines()
    assert line.startswith(f"toolkit: {path}: ")
    assert said in line
    assert names(tmp_path) == ["a.mp4"] * path.exists()


def test_a_video_that_is_cut_off_is_3_and_what_was_read_is_named(
    toolkit: Command, backend: FigureBackend, tmp_path: Path
) -> None:
    many = [frame for frame, _ in clip(walk(100, 1))]
    source = write_clip(tmp_path / "a.mp4", many, options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    outcome = toolkit("portrait", source, "--quiet", "--json")
    assert outcome.code == 3
    assert "is cut off" in outcome.stderr
    assert str(tmp_path / "a.portrait.partial.mp4") in outcome.stderr
    assert "is cut off" in json.loads(outcome.stdout)["video"]["error"]
    assert names(tmp_path) == ["a.mp4", "a.portrait.partial.mp4"]


def test_a_missing_subject_is_said_and_a_failed_check_only_where_required(
    toolkit: Command, backend: FigureBackend, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "a.mp4", [background(96, 144)] * 3)
    outcome = toolkit("portrait", source)
    assert outcome.code == 0
    assert "no person found: all of it is blurred" in outcome.stderr
    assert toolkit("portrait", source, "--require-subject").code == 1


INTERRUPTED = """
import itertools, os, signal, sys, time
from tests.video.clips import FigureBackend
from toolkit.hub import opening
from toolkit.cli import main

class Interrupting(FigureBackend):
    calls = itertools.count()  # by several threads

    def segment(self, image, *, subject=None):
        if next(self.calls) == 5:
            for _ in range(int(os.environ["PRESSES"])):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)  # two at once would be one
        return super().segment(image, subject=subject)

opening.open_backend = lambda *_, **__: Interrupting()
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background
main()
"""
"""The command line on a backend that presses Ctrl-C while it works on a frame."""


def interrupted(presses: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "portrait", *map(str, arguments)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PRESSES": str(presses)},
    )


@pytest.fixture
def long_video(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "a.mp4", [frame for frame, _ in clip(walk(120, 1))])


def test_ctrl_c_leaves_a_whole_file_of_what_is_done_and_130(long_video: Path) -> None:
    outcome = interrupted(1, long_video, "--json")
    left = long_video.with_name("a.portrait.partial.mp4")
    assert outcome.returncode == 130, outcome.stderr
    assert f"interrupted; what was done is {left}" in outcome.stderr
    document = json.loads(outcome.stdout)
    assert not document["video"]["complete"]
    assert 5 < len(frames_of(left)) == document["video"]["frames"] < 120
    assert names(long_video.parent) == ["a.mp4", "a.portrait.partial.mp4"]


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_nothing(long_video: Path) -> None:
    outcome = interrupted(2, long_video, "--threads", "1")
    assert outcome.returncode == 130, outcome.stderr
    assert "nothing half-written was left" in outcome.stderr
    assert names(long_video.parent) == ["a.mp4"]


def test_signals_are_handled_as_before_when_a_video_is_done(
    toolkit: Command, backend: FigureBackend, video: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert toolkit("portrait", video).code == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_on_a_terminal_frames_per_second_are_shown(
    toolkit: Command,
    backend: FigureBackend,
    video: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Console().progress("clip.mp4", "frames") as progress:
        progress(3, 10)
        progress(6, 10)
    shown = capsys.readouterr().err
    assert "6/10 frames, " in shown
    assert "/s" in shown
