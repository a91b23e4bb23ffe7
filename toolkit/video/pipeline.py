"""A video through the whole chain: decode, segment, steady, blur and encode overlap.

Decoding and encoding have a thread each. What lies between, the network, alpha along the edges and
the blur, is done by as many as there are cores, each at a step of some frame; only the steadying
between alpha and blur goes from frame to frame. Between all of them lie queues of a few frames, so
that memory does not grow with the video.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from toolkit.concurrency import Prefetcher, ordered_map
from toolkit.errors import UsageError, VideoError
from toolkit.host import available_cores
from toolkit.portrait.alpha import AlphaPlane
from toolkit.portrait.pipeline import Segmenter
from toolkit.portrait.styles import NATURAL, Natural
from toolkit.video.frames import Guide, alpha_of, guide_in, portrait_of, probability_in
from toolkit.video.mask_propagation import Seen, Unseen, propagate_masks
from toolkit.video.planes import Planes
from toolkit.video.reading import Frame, VideoReader, without_location
from toolkit.video.temporal_smoothing import GAIN, TemporalSmoother
from toolkit.video.writing import VideoWriter

PARTIAL = ".partial"
"""Stands before the suffix of what is left of a video that was not done to its end."""


@dataclass(frozen=True)
class VideoReport:
    """What became of a video.

    Attributes
    ----------
    output : Path
        Where the result is; where it was not done to its end, under another name.
    frames : int
        Written.
    segmented, with_subject : int
        Frames that the network was asked about, and those of them where it found the subject.
    size : (int, int)
        Height and width, upright.
    seconds : float
        What it took.
    audio_tracks, left_out : int
        Tracks of sound that were copied; others, that were not.
    interrupted : bool
        It was asked to stop before the end.
    trouble : VideoError or None
        Why the video could not be read to its end.
    """

    output: Path
    frames: int
    segmented: int
    with_subject: int
    size: tuple[int, int]
    seconds: float
    audio_tracks: int
    left_out: int
    interrupted: bool
    trouble: VideoError | None

    @property
    def complete(self) -> bool:
        """Whether it was done to its end."""
        return not self.interrupted and self.trouble is None

    @property
    def rate(self) -> float:
        """Frames done in a second."""
        return self.frames / self.seconds


def partial_name(path: Path) -> Path:
    """Return the name that the beginning of a video goes by, where no more of it was done.

    >>> partial_name(Path("clip.portrait.mp4")).name
    'clip.portrait.partial.mp4'
    """
    return path.with_name(f"{path.stem}{PARTIAL}{path.suffix}")


def make_video(
    source: Path,
    target: Path,
    backend: Segmenter,
    *,
    subject: str | int = "person",
    style: Natural = NATURAL,
    every: int = 1,
    gain: float = GAIN,
    strip: bool = False,
    workers: int | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> VideoReport:
    """Blur what is behind the subject of a video, frame by frame.

    Frames keep their times and sound is copied. A frame that does not show the subject is blurred
    as a whole: were it left as it is, it would flash. Where the video can't be read to its end, or
    `stop` is set, what is done becomes a whole file under `partial_name`: under the final name lies
    only a whole result.

    Parameters
    ----------
    source, target : Path
        The target's suffix decides the format.
    backend : Segmenter
        A loaded network; best on one thread, as several frames are in work at once.
    subject : str or int
        The label that stays sharp.
    style : Natural
    every : int
        The network sees each such frame; masks of those between are carried over.
    gain : float
        See `toolkit.video.temporal_smoothing.GAIN`; 1: the mask is not steadied.
    strip : bool
        Leave out of the metadata where the video was made.
    workers : int, optional
        Cores to use; by default those this process may.
    stop : threading.Event, optional
        Once set, by another thread or a signal's handler, the video ends with the frames in work.
    progress : callable, optional
        Called in this thread with the frames done, and about how many there are, or None.

    Returns
    -------
    VideoReport

    Raises
    ------
    VideoError
        Not one frame can be read.
    UsageError
        The target's suffix is of no format that can be written, or of one that can't hold the
        sound; or it is the source.
    StoreError, BackendError
        The file can't be written; the runtime failed. Nothing is left then.
    MissingDependencyError
        The ``video`` extra is not installed.
    """
    if every < 1:
        raise UsageError(f"each {every}th frame is not possible", "choose 1 or more")
    workers = workers or available_cores()
    stop = stop or threading.Event()
    began = time.perf_counter()
    label = backend.network.require_label(subject)
    with ExitStack() as stack:
        reader = stack.enter_context(VideoReader(source, stop, threads=workers))
        if target.exists() and target.samefile(source):
            raise UsageError(f"{target} is the video itself", "choose another name")
        writer = stack.enter_context(
            VideoWriter(
                target,
                rate=reader.rate,
                audio=reader.audio,
                metadata=without_location(reader.metadata) if strip else reader.metadata,
                threads=max(1, workers // 2),  # each more costs a tenth of its time
            )
        )
        chain = _Chain(backend, label, style, every, TemporalSmoother(gain))
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        frames = stack.enter_context(Prefetcher(reader.frames(), workers))
        done = stack.enter_context(Prefetcher(chain.run(frames, pool, workers), workers))
        written = stack.enter_context(Prefetcher(_written(done, writer), workers))
        for count in written:
            if progress is not None:
                progress(count, reader.expected)
        interrupted = reader.stopped
        if not writer.frames:
            raise reader.trouble or VideoError(source, "was stopped before its first frame")
        whole = not interrupted and reader.trouble is None
        output = writer.finish(reader.rest, name=None if whole else partial_name(target).name)
        return VideoReport(
            output=output,
            frames=writer.frames,
            segmented=chain.segmented,
            with_subject=chain.with_subject,
            size=chain.size,
            seconds=time.perf_counter() - began,
            audio_tracks=len(reader.audio),
            left_out=reader.left_out,
            interrupted=interrupted,
            trouble=reader.trouble,
        )


Found = tuple[Frame, Guide, AlphaPlane]
Steadied = tuple[Frame, AlphaPlane]
Done = tuple[Frame, Planes]


@dataclass
class _Chain:
    """From decoded frames to their portraits."""

    backend: Segmenter
    subject: int
    style: Natural
    every: int
    smoother: TemporalSmoother
    segmented: int = 0
    with_subject: int = 0
    size: tuple[int, int] = (0, 0)

    def run(self, frames: Iterable[Frame], pool: ThreadPoolExecutor, depth: int) -> Iterator[Done]:
        """Make the portraits, in order."""
        seen = ordered_map(self._see, enumerate(frames), pool, depth)
        filled = propagate_masks(self._counted(seen))
        found = ordered_map(self._found, filled, pool, depth)
        return ordered_map(self._made, map(self._steadied, found), pool, depth)

    def _see(self, numbered: tuple[int, Frame]) -> tuple[Seen[Frame] | Unseen[Frame], bool]:
        number, frame = numbered
        if number % self.every:
            return Unseen(guide_in(frame.bgr, self.backend.network.crop), frame), False
        guide, probability, found = probability_in(frame.bgr, self.backend, self.subject)
        return Seen(guide, frame, probability), found

    def _counted(
        self, seen: Iterable[tuple[Seen[Frame] | Unseen[Frame], bool]]
    ) -> Iterator[Seen[Frame] | Unseen[Frame]]:
        for one, found in seen:
            self.segmented += isinstance(one, Seen)
            self.with_subject += found
            self.size = (one.rest.bgr.shape[0], one.rest.bgr.shape[1])
            yield one

    def _found(self, seen: Seen[Frame]) -> Found:
        frame = seen.rest
        return frame, seen.guide, alpha_of(frame, seen.guide, seen.probability, self.style)

    def _steadied(self, found: Found) -> Steadied:
        frame, guide, alpha = found
        return frame, self.smoother.steady(guide, alpha)

    def _made(self, steadied: Steadied) -> Done:
        frame, alpha = steadied
        return frame, portrait_of(frame, alpha, self.style)


def _written(done: Prefetcher[Done], writer: VideoWriter) -> Iterator[int]:
    for frame, planes in done:
        writer.write(frame, planes)
        yield writer.frames
