"""``toolkit portrait`` of a video: what its options mean there, and what is said of the result."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit
from toolkit.cli.options import given
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from types import FrameType

    from toolkit.hub.model import Model
    from toolkit.portrait import Style
    from toolkit.video import VideoReport

FOR_PHOTOS = ("stages", "overlay", "compare", "quality", "recursive", "resume", "workers")
"""Options that a video does not take."""


@dataclass(frozen=True)
class VideoJob:
    """A video and the file that is made of it."""

    video: Path
    output: Path


@dataclass(frozen=True)
class VideoSettings:
    """How a video is made."""

    subject: str
    style: Style
    every: int
    strip: bool
    require_subject: bool


@dataclass(frozen=True)
class VideoDone:
    """What became of a video; the size is height and width."""

    video: Path
    output: Path
    complete: bool
    size: tuple[int, int]
    frames: int
    segmented: int
    with_subject: int
    subject: str
    frames_per_second: float
    audio_tracks: int
    left_out: int
    error: str | None


def find_video(
    context: typer.Context, images: Sequence[Path], output: str | None
) -> VideoJob | None:
    """Decide the file name of a video before any work; None where there are photos only.

    Raises
    ------
    UsageError
        More than the one video, or an option that a video does not take, or a name that can't be
        written.
    """
    from toolkit.serving.plan import plan_video
    from toolkit.video.formats import READ_SUFFIXES

    videos = [path for path in images if path.suffix.lower() in READ_SUFFIXES]
    if not videos:
        if context.params["every"] != 1:
            raise UsageError("--every is for videos", "leave it out")
        return None
    if len(images) > 1:
        raise UsageError(f"{videos[0]} is a video among others", "give it in a call of its own")
    for option in FOR_PHOTOS:
        if given(context, option) is not None:
            raise UsageError(f"--{option} is for photos", "leave it out")
    if context.params["style"] != "natural":
        raise UsageError("a video is done in the natural style", "leave out --style")
    return VideoJob(videos[0], plan_video(videos[0], output))


def portrait_video(
    job: VideoJob,
    model: Model,
    settings: VideoSettings,
    console: Console,
    *,
    backend: str,
    threads: int | None,
) -> None:
    """Do a video and say what became of it; raises `typer.Exit` where that is not a whole one."""
    from toolkit.host import available_cores, limit_opencv
    from toolkit.hub.opening import open_backend
    from toolkit.portrait import Natural
    from toolkit.video import make_video

    if not isinstance(settings.style, Natural):  # find_video saw to it
        raise TypeError(settings.style)
    workers = threads or available_cores()
    with open_backend(model, backend, threads=1, logits=True) as opened:
        limit_opencv(1)  # several frames are in work at once
        label = opened.network.require_label(settings.subject)
        name = opened.network.labels[label]
        console.say(f"backend {opened.name} {opened.version}, {workers} frames at once")
        console.say(f"style natural: {name} sharp, {settings.style.about}")
        with _stoppable() as stop, console.progress(str(job.video), "frames") as progress:
            report = make_video(
                job.video,
                job.output,
                opened,
                subject=label,
                style=settings.style,
                every=settings.every,
                strip=settings.strip,
                workers=workers,
                stop=stop,
                progress=progress,
            )
    error = _why_not_whole(job, report)
    _say(job, report, name, console)
    done = VideoDone(
        video=job.video,
        output=report.output,
        complete=report.complete,
        size=report.size,
        frames=report.frames,
        segmented=report.segmented,
        with_subject=report.with_subject,
        subject=name,
        frames_per_second=round(report.rate, 3),
        audio_tracks=report.audio_tracks,
        left_out=report.left_out,
        error=error,
    )
    console.document("portrait-video", {"model": model.name, "backend": backend, "video": done})
    if error:
        console.warn(f"toolkit: {error}; what was done is {report.output}")
        raise typer.Exit(Exit.INTERRUPTED if report.interrupted else Exit.COULD_NOT_RUN)
    if settings.require_subject and not report.with_subject:
        raise typer.Exit(Exit.CHECK_FAILED)


def _why_not_whole(job: VideoJob, report: VideoReport) -> str | None:
    if report.interrupted:
        return f"{job.video}: interrupted"
    return " ".join(str(report.trouble).split()) if report.trouble else None


def _say(job: VideoJob, report: VideoReport, name: str, console: Console) -> None:
    height, width = report.size
    console.result(
        f"{job.video}: {report.frames} frames of {width}x{height}, "
        f"{report.rate:.1f} frames per second; written: {report.output}"
    )
    if not report.with_subject:
        console.warn(f"{job.video}: no {name} found: all of it is blurred")
    if report.left_out:
        console.warn(f"{job.video}: {report.left_out} other tracks were left out, as subtitles are")


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C in this block into an event; the second ends the command."""
    stop = threading.Event()

    def heard(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            signal.default_int_handler(number, frame)
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, heard)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
