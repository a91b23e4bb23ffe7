"""One backend, timed in this process: a JSON request on stdin, a JSON reply on stdout.

Started by `toolkit.bench.run` as ``python -m toolkit.bench.worker``. It opens exactly the file it
is given and never converts one.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from toolkit.bench.records import read_record
from toolkit.bench.schema import WHOLE, PhotoTimes, Round
from toolkit.errors import ToolkitError
from toolkit.graphs import read_graph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.backends import Backend, BackendSpec


@dataclass(frozen=True)
class Request:
    """What a worker is to do.

    Attributes
    ----------
    backend : str
        A name in the registry.
    artefact : str
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
    iterations, warmup, threads, kernel : int
        As in `toolkit.bench.schema.Settings`.
    subject : str
        The label's name or number.
    """

    backend: str
    artefact: str
    model: str
    labels: tuple[str, ...] | None
    trusted: bool
    photos: tuple[str, ...]
    round: int
    order: int
    iterations: int
    warmup: int
    threads: int
    kernel: int
    subject: str


@dataclass(frozen=True)
class Reply:
    """What a worker measured, and on what."""

    version: str
    provider: str
    threads: int
    measured: Round


def measure(request: Request) -> Reply:
    """Open the backend and time every photo.

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
    with _open(request, spec) as backend:
        opened = time.perf_counter_ns()
        import cv2
        import numpy as np

        cv2.setNumThreads(request.threads)
        photos = tuple(
            _time_photo(number, np.load(path, allow_pickle=False), backend, request)
            for number, path in enumerate(request.photos)
        )
        return Reply(
            version=backend.version,
            provider=backend.provider,
            threads=backend.threads,
            measured=Round(
                round=request.round,
                order=request.order,
                import_ns=imported - start,
                open_ns=opened - imported,
                max_rss_bytes=_max_rss_bytes(),
                photos=photos,
            ),
        )


def _open(request: Request, spec: BackendSpec) -> Backend:
    path = Path(request.artefact)
    if spec.artefact == "onnx":
        return spec.load()(path, threads=request.threads)
    graph = read_graph(path, name=request.model, labels=request.labels, trusted=request.trusted)
    return spec.load()(graph, threads=request.threads)


def _time_photo(
    number: int, photo: NDArray[np.uint8], backend: Backend, request: Request
) -> PhotoTimes:
    from toolkit.portrait import Portrait, Stopwatch, make_portrait, untimed

    wanted = backend.network.label_id(request.subject)
    subject = -1 if wanted is None else wanted  # a label the network lacks is in no photo

    def timed(watch: Stopwatch | None = None) -> tuple[int, Portrait]:
        start = time.perf_counter_ns()
        portrait = make_portrait(
            photo, backend, subject=subject, kernel=request.kernel, clock=watch or untimed
        )
        return time.perf_counter_ns() - start, portrait

    first_ns, portrait = timed()
    found = portrait.subject_found
    if not found:
        # Without a subject the chain ends early. What covers most of the photo stands in, so that
        # mask, blur and composite do the work they do on any other photo.
        subject = max(portrait.shares, key=portrait.shares.__getitem__)
    warmup_ns = tuple(timed()[0] for _ in range(request.warmup))
    iterations: dict[str, list[int]] = {}
    with _no_garbage_collection():
        cpu_start = time.process_time_ns()
        for _ in range(request.iterations):
            watch = Stopwatch()
            whole_ns, _portrait = timed(watch)
            for stage, seconds in watch.seconds.items():
                iterations.setdefault(stage, []).append(round(seconds * 1e9))
            iterations.setdefault(WHOLE, []).append(whole_ns)
        cpu_ns = time.process_time_ns() - cpu_start
    return PhotoTimes(
        photo=number,
        subject=subject,
        subject_found=found,
        first_ns=first_ns,
        warmup_ns=warmup_ns,
        iterations={stage: tuple(values) for stage, values in iterations.items()},
        cpu_ns=cpu_ns,
    )


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


def _max_rss_bytes() -> int | None:
    """Return the largest resident memory of this process.

    Not from getrusage: its figure survives exec, so a child starts with its parent's.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == "VmHWM":
            return int(value.split()[0]) * 1024
    return None


def _claim_stdout() -> TextIO:
    """Return stdout for the reply alone; what a library prints from now on goes to stderr."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reply


def main() -> None:
    """Read the request, measure, reply; one line on stderr and exit code 3 where it can't be."""
    reply = _claim_stdout()
    try:
        answer = measure(read_record(Request, json.load(sys.stdin)))
    except ToolkitError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    json.dump(dataclasses.asdict(answer), reply)
    reply.close()


if __name__ == "__main__":
    main()
