"""Videos in: upright 8-bit BGR frames with their times, and the sound as it is.

PyAV (FFmpeg's libraries) reads and writes. OpenCV's own reader gives neither sound nor the times of
frames, and its writer takes one frame rate for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import MissingDependencyError, VideoError
from toolkit.imaging import check_file, check_size, pixel_limit
from toolkit.video.planes import WEIGHTS, Plane, Planes

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

INDEXED = frozenset({"mov", "matroska"})
"""Formats whose files say how long they are; of others FFmpeg only guesses it."""

NARROW, FULL_RANGE = 1, 2
"""FFmpeg's numbers for levels of 16 to 235, and of 0 to 255."""

HALF_COLOR, FULL_COLOR = "yuv420p", "yuv444p"
"""FFmpeg's names for planes of color at half the resolution, and at the same."""

CUT_OFF = 1.0
"""Seconds; a file that ends so much before the time it gives itself is cut off."""


@dataclass(frozen=True)
class Colors:
    """How a video's levels mean colors, in FFmpeg's numbers; copied to what is made of it."""

    space: int
    primaries: int
    transfer: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video, upright.

    Attributes
    ----------
    bgr : (H, W, 3) uint8, BGR
    planes : Planes
        The same as the video holds it: colors at half the resolution, where both sides are even.
    pts, time_base : int, Fraction
        When it is shown: pts * time_base, seconds.
    duration : int
        How long, in the same unit; 0 where that is not known.
    colors : Colors
    pixel_shape : Fraction
        How wide a pixel is shown, for its height.
    packets : list
        Sound that came before it in the file.
    """

    bgr: NDArray[np.uint8]
    planes: Planes
    pts: int
    time_base: Fraction
    duration: int
    colors: Colors
    pixel_shape: Fraction = Fraction(1)
    packets: list[Any] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """When it is shown."""
        return float(self.pts * self.time_base)


def without_location(metadata: dict[str, str]) -> dict[str, str]:
    """Return what a file says of itself, less where it was made.

    Examples
    --------
    >>> without_location({"title": "A walk", "com.apple.quicktime.location.ISO6709": "+48+011/"})
    {'title': 'A walk'}
    """
    return {key: value for key, value in metadata.items() if "location" not in key.lower()}


class VideoReader:
    """A video file, opened; a context manager.

    Parameters
    ----------
    path : Path
    stop : threading.Event, optional
        Once set, the frames end.
    threads : int
        Of the decoder.

    Attributes
    ----------
    audio : tuple of AudioStream
        The tracks of sound.
    left_out : int
        Tracks that are neither the picture nor sound: subtitles, data, a second picture.
    rate : Fraction
        Frames per second, on average.
    expected : int or None
        About how many frames there are.
    stopped : bool
        Whether the frames ended because of `stop`.
    trouble : VideoError or None
        Why the frames ended before the video did.
    rest : list
        Sound after the last frame.

    Raises
    ------
    VideoError
        The file is missing, empty, broken, or shows no pictures; or they are too large.
    MissingDependencyError
        The ``video`` extra is not installed.
    """

    def __init__(
        self, path: Path, stop: threading.Event | None = None, *, threads: int = 1
    ) -> None:
        check_file(path, VideoError)
        library = import_av()
        self._path, self._stop = path, stop or threading.Event()
        try:
            self._container: av.container.InputContainer = library.open(str(path))
        except PermissionError as error:
            raise VideoError(path, "permission denied", "check the file's permissions") from error
        except library.FFmpegError as error:
            raise VideoError(
                path, f"is not a video, or is cut off or broken ({error.strerror})"
            ) from error
        try:
            self._stream = self._picture()
        except VideoError:
            self._container.close()
            raise
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads  # its own default knows no quota
        self.audio: tuple[AudioStream, ...] = tuple(self._container.streams.audio)
        self.left_out = len(self._container.streams) - len(self.audio) - 1
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate = Fraction(rate) if rate else Fraction(25)
        self.expected = self._expected()
        self.trouble: VideoError | None = None
        self.stopped = False
        self.rest: list[Any] = []

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself: title, date, place."""
        technical = {"major_brand", "minor_version", "compatible_brands", "encoder"}
        return {
            key: value for key, value in self._container.metadata.items() if key not in technical
        }

    def _picture(self) -> VideoStream:
        """Return the video's pictures; a cover of a sound file is none."""
        from av.stream import Disposition

        for stream in self._container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                if stream.codec_context is None:
                    raise VideoError(self._path, "has pictures in a format FFmpeg does not know")
                size = (stream.width, stream.height)
                check_size(self._path, size, pixel_limit(), VideoError)
                return stream
        raise VideoError(self._path, "has no pictures: no video track is in it")

    def _expected(self) -> int | None:
        if self._stream.frames:
            return self._stream.frames
        seconds = self._seconds()
        return max(round(seconds * self.rate), 1) if seconds else None

    def _seconds(self) -> float:
        """Return how long the file says it is; 0 where it doesn't."""
        return (self._container.duration or 0) / 1_000_000

    def frames(self) -> Iterator[Frame]:
        """Decode one frame after the other.

        Where the file is broken they end, and `trouble` says why.

        Yields
        ------
        Frame
            Each later than the one before; what is not is left out, as players do.
        """
        library = import_av()
        try:
            yield from self._decoded()
        except library.FFmpegError as error:
            self.trouble = VideoError(self._path, f"is broken ({error.strerror})")

    def _decoded(self) -> Iterator[Frame]:
        library = import_av()
        packets: list[Any] = []
        last: int | None = None
        size: tuple[int, ...] = ()
        reached, broken = 0.0, 0
        for packet in self._container.demux(self._stream, *self.audio):
            if packet.pts is not None and packet.time_base is not None:
                ended = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                reached = max(reached, ended)
            if packet.stream is not self._stream:
                if packet.dts is not None and not packet.is_corrupt:
                    packets.append(packet)
                continue
            try:
                decoded = self._stream.codec_context.decode(packet)
            except library.error.InvalidDataError:
                broken += 1  # what it belongs to is missing; a later one may be whole again
                continue
            for picture in decoded:
                if self._stop.is_set():
                    self.stopped = True
                    return
                upright = self._upright(picture, last)
                size = size or upright.bgr.shape
                if upright.bgr.shape != size:
                    (height, width), (was_high, was_wide) = upright.bgr.shape[:2], size[:2]
                    self.trouble = VideoError(
                        self._path,
                        f"changes its frame size at {upright.seconds:.2f} s, from "
                        f"{was_wide}x{was_high} to {width}x{height}",
                        "cut it there into two",
                    )
                    return
                if last is not None and upright.pts <= last:
                    continue
                last = upright.pts
                upright.packets.extend(packets)
                packets = []
                yield upright
        self.rest = packets
        self.trouble = self._incomplete(reached, broken, any_frame=last is not None)

    def _incomplete(self, reached: float, broken: int, *, any_frame: bool) -> VideoError | None:
        """Return what is missing of the file, now that it was read to its end."""
        if not any_frame:
            return VideoError(self._path, "not one frame of it can be decoded")
        start = (self._container.start_time or 0) / 1_000_000
        told = start + self._seconds()
        indexed = INDEXED & set(self._container.format.name.split(","))
        if indexed and self._seconds() and reached < told - CUT_OFF:
            return VideoError(
                self._path,
                f"is cut off: it ends after {reached - start:.1f} s of {told - start:.1f}",
            )
        if broken:
            return VideoError(self._path, f"is broken: {broken} of its frames can't be decoded")
        return None

    def _upright(self, picture: av.VideoFrame, last: int | None) -> Frame:
        base = picture.time_base or self._stream.time_base or 1 / self.rate
        step = max(round(1 / (self.rate * base)), 1)
        pts = picture.pts
        if pts is None:
            pts = 0 if last is None else last + step
        matrix = display_matrix(picture)
        shape = Fraction(self._stream.sample_aspect_ratio or 1)
        luma, blue, red = (turned(plane, matrix) for plane in planes_in(picture))
        return Frame(
            turned(np.asarray(picture.to_ndarray(format="bgr24", threads=1), np.uint8), matrix),
            (luma, blue, red),
            pts,
            Fraction(base),
            picture.duration or 0,
            Colors(int(picture.colorspace), int(picture.color_primaries), int(picture.color_trc)),
            1 / shape if swaps_axes(matrix) else shape,
        )

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def planes_in(picture: av.VideoFrame) -> Planes:
    """Return a frame's planes, where the decoder has them if they are as they should be.

    Parameters
    ----------
    picture : av.VideoFrame

    Returns
    -------
    Planes
        The colors at half the resolution where both sides are even, else at the same.
    """
    even = picture.height % 2 == picture.width % 2 == 0
    own = picture.reformat(
        format=HALF_COLOR if even else FULL_COLOR,
        dst_colorspace=picture.colorspace if picture.colorspace in WEIGHTS else None,
        dst_color_range=NARROW if picture.color_range == FULL_RANGE else None,
        threads=1,
    )
    luma, blue, red = (plane_pixels(plane) for plane in own.planes)
    return luma, blue, red


def plane_pixels(plane: av.video.plane.VideoPlane) -> Plane:
    """Return the pixels of a frame's plane, (h, w) uint8: those in its memory, no copy."""
    memory = np.frombuffer(cast("Any", plane), np.uint8)
    return memory.reshape(plane.height, plane.line_size)[:, : plane.width]


def format_of(planes: Planes) -> str:
    """Return FFmpeg's name for planes like these."""
    return FULL_COLOR if planes[0].shape == planes[1].shape else HALF_COLOR


def import_av() -> Any:
    """Import PyAV.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(f"videos need PyAV ({error})", "video") from error
    return av


Matrix = tuple[int, int, int, int]
UPRIGHT: Matrix = (1, 0, 0, 1)


def display_matrix(picture: av.VideoFrame) -> Matrix:
    """Return how a frame is to be turned for display: (a, b, c, d) of FFmpeg's display matrix."""
    found = picture.side_data.get("DISPLAYMATRIX")
    if found is None:
        return UPRIGHT
    numbers = np.frombuffer(bytes(cast("bytearray", found)), "=i4")
    return int(numbers[0]), int(numbers[1]), int(numbers[3]), int(numbers[4])


def turned(image: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """Turn and mirror an image by quarter turns.

    Parameters
    ----------
    image : (H, W, ...) uint8
    matrix : (a, b, c, d)
        A pixel at (x, y) is shown at (a x + c y, b x + d y). What is no quarter turn goes to the
        nearest.

    Returns
    -------
    (H, W, ...) or (W, H, ...) uint8
        The same array, or a view of it.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[[1], [2]]], np.uint8)
    >>> turned(image, (0, 1, -1, 0))[..., 0].tolist()
    [[1], [2]]
    >>> turned(image, (-1, 0, 0, -1))[..., 0].tolist()
    [[2, 1]]
    """
    a, b, c, d = matrix
    if swaps_axes(matrix):
        image = np.swapaxes(image, 0, 1)
        across, down = c, b
    else:
        across, down = a, d
    if across < 0:
        image = image[:, ::-1]
    if down < 0:
        image = image[::-1]
    return image


def swaps_axes(matrix: Matrix) -> bool:
    """Return whether a display matrix makes a wide frame a high one."""
    return abs(matrix[1]) + abs(matrix[2]) > abs(matrix[0]) + abs(matrix[3])
