"""The parent of a measurement: starts one fresh process after the other and collects replies."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import toolkit
from toolkit.atomic import sha256_of
from toolkit.backends import BACKENDS, find_backend
from toolkit.bench.photos import BenchPhoto
from toolkit.bench.records import RecordError, read_record
from toolkit.bench.schema import BackendTimes, BenchReport, Failure, ModelFacts, Round, Settings
from toolkit.bench.worker import Reply, Request
from toolkit.errors import BackendError, MissingDependencyError, UsageError
from toolkit.host import host_facts
from toolkit.resolve import Model, ensure_export
from toolkit.store import Store

# -P: the folder it is started in must not be able to shadow modules.
WORKER = (sys.executable, "-P", "-m", "toolkit.bench.worker")
TIME_LIMIT = 1800.0
"""Seconds one process may take; it is killed then."""

STDERR_TAIL = 2000
"""Characters kept of what a failed process said."""

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Contender:
    """A backend and the file it is to run.

    Attributes
    ----------
    backend : str
        A name in the registry.
    artefact : Path
        A ``.pb`` or ``.onnx`` file.
    model : str
        The model's name.
    labels : tuple of str or None
        Label names of a frozen graph, where they are known.
    trusted : bool
        Skip the operation allowlist.
    """

    backend: str
    artefact: Path
    model: str
    labels: tuple[str, ...] | None = None
    trusted: bool = False


def installed_backends() -> tuple[str, ...]:
    """Return the backends whose runtime is installed."""
    return tuple(name for name, spec in BACKENDS.items() if spec.installed)


def run_bench(
    model: Model,
    photos: Sequence[BenchPhoto],
    backends: Sequence[str],
    settings: Settings,
    *,
    store: Store | None = None,
    command: Sequence[str] = (),
    progress: Progress | None = None,
) -> BenchReport:
    """Measure a model on its backends, each in fresh processes, one process at a time.

    What the backends need is made before the clock runs: where there is no ONNX export the graph is
    converted first.

    Parameters
    ----------
    model : Model
    photos : sequence of BenchPhoto
        One or more.
    backends : sequence of str
        Names in the registry.
    settings : Settings
    store : Store, optional
        By default the user's.
    command : sequence of str
        Kept in the report.
    progress : callable, optional
        Called with (processes done, processes in all).

    Returns
    -------
    BenchReport
        Processes that failed are among its failures; the others' times are kept.

    Raises
    ------
    MissingDependencyError
        A backend's runtime is not installed.
    BackendError
        No process ended well.
    ToolkitError
        The model can't be read or converted.
    """
    if not photos:
        raise UsageError("no photo to measure on")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    for name in backends:
        _check_installed(name)
    with tempfile.TemporaryDirectory(prefix="toolkit-bench-") as folder:
        contenders, facts = _prepare(model, backends, Path(folder), store)
        times, failures = measure_backends(
            contenders, photos, settings, folder=Path(folder), progress=progress
        )
    if not times:
        raise BackendError(f"nothing was measured: {failures[0].problem}")
    return BenchReport(
        created=created,
        command=tuple(command),
        host=host_facts(),
        model=facts,
        photos=tuple(photo.facts for photo in photos),
        settings=settings,
        backends=times,
        failures=failures,
    )


def _check_installed(name: str) -> None:
    spec = find_backend(name)
    if not spec.installed:
        problem = f"backend {name} needs {' and '.join(spec.packages)}, which is not installed"
        if spec.extra:
            raise MissingDependencyError.of_extra(problem, spec.extra)
        raise MissingDependencyError(problem, "install the package again")


def _prepare(
    model: Model, backends: Sequence[str], folder: Path, store: Store | None
) -> tuple[list[Contender], ModelFacts]:
    """Make every file the workers open."""
    contenders = []
    hashes: dict[str, str | None] = {"graph": None, "onnx": None}
    for name in dict.fromkeys(backends):
        if find_backend(name).artefact == "graph":
            graph = model.graph(store)
            path = folder / "graph.pb"
            path.write_bytes(graph.data)
            hashes["graph"] = graph.sha256
            contenders.append(Contender(name, path, graph.name, graph.labels, graph.trusted))
        else:
            path = ensure_export(model, store)
            hashes["onnx"] = sha256_of(path)
            contenders.append(Contender(name, path, model.name))
    return contenders, ModelFacts(model.name, hashes["graph"], hashes["onnx"])


def measure_backends(
    contenders: Sequence[Contender],
    photos: Sequence[BenchPhoto],
    settings: Settings,
    *,
    folder: Path,
    progress: Progress | None = None,
    worker: Sequence[str] = WORKER,
    time_limit: float = TIME_LIMIT,
) -> tuple[tuple[BackendTimes, ...], tuple[Failure, ...]]:
    """Run every contender once per round, in an order drawn anew for each round.

    Parameters
    ----------
    contenders : sequence of Contender
        No backend twice.
    photos : sequence of BenchPhoto
    settings : Settings
    folder : Path
        An existing one; the decoded photos are put there for the workers.
    progress : callable, optional
        Called with (processes done, processes in all).
    worker : sequence of str
        The command that starts a worker.
    time_limit : float
        Seconds one process may take.

    Returns
    -------
    tuple of BackendTimes
        In the contenders' order; those without a round that ended well are left out.
    tuple of Failure
    """
    pixels = []
    for number, photo in enumerate(photos):
        path = folder / f"photo{number}.npy"
        np.save(path, photo.bgr, allow_pickle=False)
        pixels.append(str(path))
    draw = random.Random(settings.seed)  # noqa: S311 - an order to repeat, not a secret
    replies: dict[str, list[Reply]] = {contender.backend: [] for contender in contenders}
    failures = []
    total = settings.rounds * len(contenders)
    for number in range(settings.rounds):
        order = draw.sample(contenders, len(contenders))
        for place, contender in enumerate(order):
            if progress:
                progress(number * len(contenders) + place, total)
            request = _request(contender, pixels, settings, number, place)
            outcome = _run_worker(request, worker, time_limit)
            if isinstance(outcome, Reply):
                replies[contender.backend].append(outcome)
            else:
                failures.append(outcome)
    if progress:
        progress(total, total)
    times = tuple(_collect(name, answers) for name, answers in replies.items() if answers)
    return times, tuple(failures)


def _request(
    contender: Contender, pixels: Sequence[str], settings: Settings, number: int, place: int
) -> Request:
    return Request(
        backend=contender.backend,
        artefact=str(contender.artefact.absolute()),
        model=contender.model,
        labels=contender.labels,
        trusted=contender.trusted,
        photos=tuple(pixels),
        round=number,
        order=place,
        iterations=settings.iterations,
        warmup=settings.warmup,
        threads=settings.threads,
        kernel=settings.kernel,
        subject=settings.subject,
    )


def _collect(name: str, replies: Sequence[Reply]) -> BackendTimes:
    first = replies[0]
    rounds: tuple[Round, ...] = tuple(reply.measured for reply in replies)
    return BackendTimes(name, first.version, first.provider, first.threads, rounds)


def _run_worker(request: Request, worker: Sequence[str], time_limit: float) -> Reply | Failure:
    """Start a process, wait for it, and take its reply or the reason there is none."""

    def failed(how: str, stderr: str = "") -> Failure:
        tail = stderr.strip()[-STDERR_TAIL:]
        last = tail.splitlines()[-1] if tail else ""
        problem = f"{request.backend}, round {request.round}: {how}" + (f": {last}" if last else "")
        return Failure(request.backend, request.round, problem, tail)

    # The same package as this process runs, wherever it was imported from.
    home = str(Path(toolkit.__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    paths = [home, inherited] if inherited else [home]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, this package
            list(worker),
            input=json.dumps(dataclasses.asdict(request)),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=time_limit,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr or b""
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        return failed(f"took more than {time_limit:g} s and was stopped", text)
    if done.returncode < 0:
        name = signal.strsignal(-done.returncode)
        return failed(f"died of signal {-done.returncode} ({name})", done.stderr)
    if done.returncode:
        return failed(f"ended with exit code {done.returncode}", done.stderr)
    try:
        return read_record(Reply, json.loads(done.stdout))
    except (ValueError, RecordError) as error:
        return failed(f"gave no valid reply ({error})", done.stderr)
