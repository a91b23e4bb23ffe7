"""One variant, timed in this process: a JSON request on stdin, a JSON reply on stdout.

Started by `toolkit.bench.processes` as ``python -m toolkit.bench.worker``, maybe by the toolkit of
another environment. It opens exactly the file it is given and never converts one.

Where it takes turns with others it works only after a line ``go`` on a pipe of its own, and says
``done`` on stdout before it waits for the next. The pipe is not stdin: a toolkit of an older
protocol reads stdin to its end before it says which one it speaks.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from toolkit.bench.schema import WHOLE, PhotoTimes, Round, Throughput
from toolkit.bench.usage import Usage, max_rss_bytes
from toolkit.bench.warmup import warm_up
from toolkit.errors import ToolkitError, UsageError
from toolkit.host import PACKAGES, package_version
from toolkit.schema.records import RecordError, read_record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.inference import Backend

PROTOCOL = 3
"""Version of request and reply. Fields may be added within one, with a default."""

GO = "go\n"
DONE = "done\n"
SLICE_NS = 50_000_000
"""Passes of a fast network share a turn until they took this long: in shorter ones more time would
be spent between turns than in them."""

ORPHANED = 3
"""Exit code of a worker whose parent is gone."""


@dataclass(frozen=True)
class Request:
    """What a worker is to do.

    Attributes
    ----------
    protocol : int
        `PROTOCOL` of who asks.
    backend : str
        A name in the registry.
    artifact : str
        Path of the ``.pb`` or ``.onnx`` file it runs.
    model : str
        The model's name, for messages.
    labels : tuple of str or None
        Label names of a frozen graph, where they are known.
    trusted : bool
        Skip the operation allowlist.
    photos : tuple of str
        Paths of ``.npy`` files, (H, W, 3) uint8 BGR: decoding is not measured.
    round, order : int
        Copied to the reply.
    iterations, timed_seconds, warmup, warmup_seconds, threads, workers, kernel
        As in `toolkit.bench.schema.BenchSettings`.
    provider : str or None
        The execution provider or device to run on; None: the backend's own choice.
    subject : str
        The label's name or number.
    slices : int or None
        Descriptor of the pipe that says when it is this process's turn; None: it need not wait.
    """

    protocol: int
    backend: str
    artifact: str
    model: str
    labels: tuple[str, ...] | None
    trusted: bool
    photos: tuple[str, ...]
    round: int
    order: int
    iterations: int
    warmup: int
    warmup_seconds: float | None
    threads: int
    workers: int
    provider: str | None
    kernel: int
    subject: str
    slices: int | None = None
    timed_seconds: float | None = None


@dataclass(frozen=True)
class Reply:
    """What a worker measured, and on what; as in `toolkit.bench.schema.VariantTimes`."""

    protocol: int
    version: str
    provider: str
    threads: int
    python: str
    versions: dict[str, str | None]
    measured: Round


class TimeSlices:
    """When this process may work.

    Parameters
    ----------
    pipe : text file
        Where a line `GO` comes from when it may.
    said : text file
        Where it says `DONE`.
    """

    def __init__(self, pipe: TextIO, said: TextIO) -> None:
        self._pipe = pipe
        self._said = said

    def wait(self) -> None:
        """Block until it may work; end the process where nobody is left to say so."""
        if self._pipe.readline() != GO:
            sys.exit(ORPHANED)

    def next(self) -> None:
        """End this turn and wait for the next."""
        try:
            self._said.write(DONE)
            self._said.flush()
        except BrokenPipeError:
            sys.exit(ORPHANED)
        self.wait()


def _go_on() -> None:
    """Begin the next turn of a process that has all the time for itself."""


def measure(request: Request, next_slice: Callable[[], None] = _go_on) -> Reply:
    """Open the backend and time every photo.

    Parameters
    ----------
    request : Request
    next_slice : callable
        Called between turns, the first of which has begun: one to open the backend and warm up on
        the first photo, one for each timed pass or the few that fit into `SLICE_NS`, one to warm up
        on each further photo, one for each throughput.

    Raises
    ------
    ToolkitError
        The backend does not load the file, or fails on a photo.
    """
    from toolkit.backends import find_backend

    spec = find_backend(request.backend)
    start = time.perf_counter_ns()
    spec.load()
    imported = time.perf_counter_ns()
    opening = spec.open_file(
        Path(request.artifact),
        name=request.model,
        labels=request.labels,
        trusted=request.trusted,
        threads=request.threads,
        provider=request.provider,
    )
    with opening as backend:
        opened = time.perf_counter_ns()
        import cv2
        import numpy as np

        cv2.setNumThreads(request.threads)
        photos = []
        for number, path in enumerate(request.photos):
            if number:
                next_slice()
            pixels = np.load(path, allow_pickle=False)
            photos.append(_time_photo(number, pixels, backend, request, next_slice))
        return Reply(
            protocol=PROTOCOL,
            version=backend.version,
            provider=backend.provider,
            threads=backend.threads,
            python=platform.python_version(),
            versions={package: package_version(package) for package in PACKAGES},
            measured=Round(
                round=request.round,
                order=request.order,
                import_ns=imported - start,
                open_ns=opened - imported,
                max_rss_bytes=max_rss_bytes(),
                photos=tuple(photos),
            ),
        )


def _time_photo(
    number: int,
    photo: NDArray[np.uint8],
    backend: Backend,
    request: Request,
    next_slice: Callable[[], None],
) -> PhotoTimes:
    from toolkit.portrait import Portrait, Stopwatch, Tutorial, make_portrait, untimed

    wanted = backend.network.label_id(request.subject)
    subject = wanted or 0  # a label the network lacks is in no photo

    def timed(watch: Stopwatch | None = None) -> tuple[int, Portrait]:
        start = time.perf_counter_ns()
        portrait = make_portrait(
            photo,
            backend,
            subject=subject,
            style=Tutorial(request.kernel),
            timer=watch or untimed,
        )
        return time.perf_counter_ns() - start, portrait

    first_ns, portrait = timed()
    found = wanted is not None and portrait.subject_found
    if not found:
        # Without a subject the chain ends early. What covers most of the photo stands in, so that
        # mask, blur and composite do the work they do on any other photo.
        subject = max(portrait.shares, key=portrait.shares.__getitem__)
    warmup_ns, warmed_up = warm_up(
        lambda: timed()[0], most=request.warmup, seconds=request.warmup_seconds
    )
    iterations: dict[str, list[int]] = {}

    def one_pass() -> int:
        watch = Stopwatch()
        whole_ns, _portrait = timed(watch)
        for stage, seconds in watch.seconds.items():
            iterations.setdefault(stage, []).append(round(seconds * 1e9))
        iterations.setdefault(WHOLE, []).append(whole_ns)
        return whole_ns

    # What is used while others have their turn is not this process's.
    spans = []
    with _no_garbage_collection():
        left = Left(request.iterations, (request.timed_seconds or 0.0) * 1e9)
        while left:
            next_slice()
            before = Usage.now()
            slice_end = left.spent_ns + SLICE_NS if request.slices is not None else math.inf
            while left and left.spent_ns < slice_end:
                left.take(one_pass())
            spans.append(Usage.now().since(before))
    throughput = None
    if request.workers > 1:
        next_slice()
        throughput = _throughput(timed, request)
    return PhotoTimes(
        photo=number,
        subject=subject,
        subject_found=found,
        first_ns=first_ns,
        warmup_ns=warmup_ns,
        warmed_up=warmed_up,
        iterations={stage: tuple(values) for stage, values in iterations.items()},
        **dataclasses.asdict(functools.reduce(Usage.plus, spans)),
        throughput=throughput,
    )


class Left:
    """Timed passes still to be made: so many at least, and until together they took so long.

    Parameters
    ----------
    passes : int
        At least.
    nanoseconds : float
        Together, at least.
    """

    def __init__(self, passes: int, nanoseconds: float) -> None:
        self.spent_ns = 0
        self._passes = passes
        self._nanoseconds = nanoseconds

    def __bool__(self) -> bool:
        return self._passes > 0 or self.spent_ns < self._nanoseconds

    def take(self, spent_ns: int) -> None:
        """Count a pass."""
        self._passes -= 1
        self.spent_ns += spent_ns


def _throughput(run: Callable[[], object], request: Request) -> Throughput:
    """Let several threads share the session, each on a photo of its own at a time."""
    workers = request.workers
    passes = workers * math.ceil(request.iterations / workers)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda _: run(), range(workers)))  # each thread's first pass is slower
        start = time.perf_counter_ns()
        list(pool.map(lambda _: run(), range(passes)))
        return Throughput(workers, passes, time.perf_counter_ns() - start)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect now, and not again before the block ends."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _claim_stdout() -> TextIO:
    """Return stdout for the reply alone; what a library prints from now on goes to stderr."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reply


def read_request(document: object) -> Request:
    """Read a request.

    Raises
    ------
    UsageError
        It is in another protocol, or none.
    """
    asked = document.get("protocol", 1) if isinstance(document, dict) else None
    if asked != PROTOCOL:
        raise UsageError(f"asked in worker protocol {asked!r}; this toolkit speaks {PROTOCOL}")
    try:
        return read_record(Request, document)
    except RecordError as error:
        raise UsageError(f"no valid request: {error}") from error


def main() -> None:
    """Read the request, measure, reply; one line on stderr and exit code 3 where it can't be."""
    reply = _claim_stdout()
    try:
        request = read_request(json.load(sys.stdin))
        if request.slices is None:
            measured = measure(request)
        else:
            with os.fdopen(request.slices, encoding="ascii") as pipe:
                slices = TimeSlices(pipe, reply)
                slices.wait()
                measured = measure(request, slices.next)
        answer, code = dataclasses.asdict(measured), 0
    except ToolkitError as error:
        sys.stderr.write(f"{error}\n")
        # Enough for a parent of another version to see which side is older.
        answer, code = {"protocol": PROTOCOL}, error.exit_code
    json.dump(answer, reply)
    reply.write("\n")
    reply.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
