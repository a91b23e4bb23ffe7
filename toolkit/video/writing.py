"""Videos out: frames encoded with the times they had, beside sound that is copied as it is.

What is written lies under a hidden name until it is a whole file, as everything the toolkit writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from toolkit.errors import StoreError, UsageError
from toolkit.files.atomic import claimed, sync_folder, translated
from toolkit.video.formats import check_writable
from toolkit.video.planes import Planes
from toolkit.video.reading import (
    HALF_COLOR,
    NARROW,
    Frame,
    format_of,
    import_av,
    plane_pixels,
)

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

UNSPECIFIED = 2
"""FFmpeg's number for colors that a file does not tell."""

RGB_SPACE = 0
"""FFmpeg's number for a video that is RGB itself."""


class VideoWriter:
    """A video being written; a context manager, at whose end what is not `finish`ed is gone.

    Parameters
    ----------
    path : Path
        The name it will have; the suffix decides the format. Its folder is made if missing; a
        symbolic link is followed.
    rate : Fraction
        Frames per second, about; each frame has its own time.
    audio : sequence of AudioStream
        Tracks to copy, of an open reader.
    metadata : dict of str to str
    threads : int
        Of the encoder.

    Raises
    ------
    UsageError
        No format goes by the suffix, or it can't hold the sound.
    StoreError
        The file can't be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: Fraction,
        audio: Sequence[AudioStream] = (),
        metadata: dict[str, str] | None = None,
        threads: int = 1,
    ) -> None:
        self.path, self._container_format = path, check_writable(path)
        self._rate, self._threads = rate, threads
        self._open = False
        self._stack = ExitStack()
        library = import_av()
        with translated(path):
            if path.exists() and not path.is_file():
                raise StoreError(f"{path}: is not a regular file", "choose another name")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._real = Path(os.path.realpath(path))
            self._hidden = self._stack.enter_context(claimed(self._real))
        try:
            self._container: av.container.OutputContainer = library.open(
                str(self._hidden), "w", format=self._container_format.container
            )
            self._open = True
            self._container.metadata.update(metadata or {})
            self._picture: VideoStream = self._container.add_stream(
                self._container_format.codec,
                rate=rate,
                options=dict(self._container_format.options),
            )
            self._tracks = {stream.index: self._track(stream) for stream in audio}
        except BaseException:
            self.close()
            raise
        self.frames = 0

    def _track(self, stream: AudioStream) -> Any:
        name = stream.codec_context.name if stream.codec_context else "unknown"
        fits = {import_av().Codec(name).canonical_name} if stream.codec_context else set()
        if not fits & self._container.supported_codecs:
            raise UsageError(
                f"{self.path}: a {self.path.suffix} can't hold the video's sound, {name}",
                f"choose {self.path.with_suffix('.mkv')}",
            )
        track = self._container.add_stream_from_template(stream)
        track.metadata.update(stream.metadata)
        return track

    def write(self, frame: Frame, planes: Planes) -> None:
        """Encode a frame.

        Parameters
        ----------
        frame : Frame
            Its times, its colors, the sound before it.
        planes : Planes
            Its pixels; all frames have one size.

        Raises
        ------
        StoreError
            The file can't be written, or the codec refuses the frames.
        """
        with _named(self.path):
            if not self.frames:
                self._begin(frame, planes)
            self._copy(frame.packets)
            height, width = planes[0].shape
            picture = import_av().VideoFrame(width, height, format_of(planes))
            for target, plane in zip(picture.planes, planes, strict=True):
                plane_pixels(target)[:] = plane
            if picture.format.name != self._picture.pix_fmt:
                picture = picture.reformat(format=self._picture.pix_fmt, threads=1)
            picture.pts, picture.time_base = frame.pts, frame.time_base
            picture.duration = frame.duration
            self._container.mux(self._picture.encode(picture))
            self.frames += 1

    def _begin(self, frame: Frame, planes: Planes) -> None:
        """Open the encoder, now that it is known what for."""
        picture, context = self._picture, self._picture.codec_context
        picture.height, picture.width = planes[0].shape
        webm = self._container_format.container == "webm"  # players of it know no other
        picture.pix_fmt = HALF_COLOR if webm else format_of(planes)
        picture.time_base = context.time_base = frame.time_base
        context.framerate = self._rate
        context.thread_count = self._threads
        context.sample_aspect_ratio = frame.pixel_shape
        context.color_range = NARROW
        context.colorspace = self._color_space(frame) or UNSPECIFIED
        context.color_primaries = frame.colors.primaries
        context.color_trc = frame.colors.transfer
        context.flags |= import_av().codec.context.Flags.frame_duration

    @staticmethod
    def _color_space(frame: Frame) -> int | None:
        space = frame.colors.space
        return None if space in (UNSPECIFIED, RGB_SPACE) else space

    def _copy(self, packets: Sequence[Any]) -> None:
        for packet in packets:
            packet.stream = self._tracks[packet.stream.index]
            self._container.mux(packet)

    def finish(self, packets: Sequence[Any] = (), *, name: str | None = None) -> Path:
        """Write what is still to be written and put the file in place.

        Parameters
        ----------
        packets : sequence
            Sound after the last frame.
        name : str, optional
            Another name for it, in the same folder.

        Returns
        -------
        Path
            Where it is.
        """
        target = self._real.with_name(name) if name else self._real
        with _named(self.path):
            self._copy(packets)
            self._container.mux(self._picture.encode(None))
            self._open = False
            self._container.close()
        with translated(target):
            with self._hidden.open("rb") as file:
                os.fsync(file.fileno())
            self._hidden.replace(target)
            sync_folder(target.parent)
        return target if name else self.path

    def close(self) -> None:
        """Remove what was not finished."""
        if self._open:
            self._open = False
            library = import_av()
            with suppress(library.FFmpegError, ValueError):  # what it still had to say
                self._container.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn FFmpeg's errors in this block into a `StoreError` about a path."""
    try:
        yield
    except import_av().FFmpegError as error:
        raise StoreError(
            f"{path}: can't be written ({error.strerror})",
            "check free space, or choose another format",
        ) from error
