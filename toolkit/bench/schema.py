"""What a measurement says, version 1: frozen dataclasses and the JSON file they are kept in.

Field by field in docs/bench-schema.md. Every time is kept raw, in integer nanoseconds; medians and
ratios follow from them and are computed anew whenever a file is read.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.atomic import write_atomically
from toolkit.bench.records import RecordError, read_record
from toolkit.errors import InputFileError
from toolkit.host import HostFacts

SCHEMA = "toolkit-bench"
VERSION = 1
WHOLE = "whole"
STAGES = ("preprocess", "segment", "mask", "blur", "composite", WHOLE)
"""What is timed in each iteration; ``whole`` is timed around the call, not a sum."""


@dataclass(frozen=True)
class ModelFacts:
    """Which network was measured.

    Attributes
    ----------
    name : str
    graph_sha256, onnx_sha256 : str or None
        Of the frozen graph and of the ONNX file; None where the measurement used none.
    """

    name: str
    graph_sha256: str | None
    onnx_sha256: str | None


@dataclass(frozen=True)
class PhotoFacts:
    """Which photo was measured.

    Attributes
    ----------
    name : str
        The file's name, or what it was made from.
    sha256 : str
        Of the decoded pixels: BGR, uint8, row by row from the top.
    width, height : int
        Pixels.
    """

    name: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class Settings:
    """How it was measured.

    Attributes
    ----------
    rounds : int
        In each round every backend runs once, in a process of its own.
    iterations, warmup : int
        Timed and untimed passes over each photo in each process.
    threads : int
        Asked of each backend and of OpenCV.
    seed : int
        Of the order of the backends within a round.
    subject : str
        The label's name or number that is cut out.
    kernel : int
        Side of the blur in pixels.
    style : str
        The portrait's style.
    gc_disabled : bool
        Whether the garbage collector stood still during timed iterations.
    """

    rounds: int = 3
    iterations: int = 20
    warmup: int = 5
    threads: int = 1
    seed: int = 0
    subject: str = "person"
    kernel: int = 13
    style: str = "tutorial"
    gc_disabled: bool = True


@dataclass(frozen=True)
class PhotoTimes:
    """One process, one photo.

    Attributes
    ----------
    photo : int
        Place in the report's photos.
    subject : int
        The label that was cut out: the one asked for, or where that isn't in the photo the one
        that covers most of it, so that every stage does its whole work.
    subject_found : bool
        Whether the label asked for is in the photo.
    first_ns : int
        The first pass; cold where this is the process's first photo.
    warmup_ns : tuple of int
        The passes after it that don't count, whole.
    iterations : dict of str to tuple of int
        By stage: one time per timed pass.
    cpu_ns : int
        CPU time of all threads during the timed passes.
    """

    photo: int
    subject: int
    subject_found: bool
    first_ns: int
    warmup_ns: tuple[int, ...]
    iterations: dict[str, tuple[int, ...]]
    cpu_ns: int


@dataclass(frozen=True)
class Round:
    """One process.

    Attributes
    ----------
    round : int
        From 0.
    order : int
        Its place within the round, from 0.
    import_ns, open_ns : int
        Importing the runtime; then reading the network and making a session. Together: load time.
    max_rss_bytes : int or None
        The process's largest resident memory; None where the system doesn't say.
    photos : tuple of PhotoTimes
    """

    round: int
    order: int
    import_ns: int
    open_ns: int
    max_rss_bytes: int | None
    photos: tuple[PhotoTimes, ...]

    @property
    def load_ns(self) -> int:
        """Import and session together."""
        return self.import_ns + self.open_ns


@dataclass(frozen=True)
class BackendTimes:
    """One backend.

    Attributes
    ----------
    name, version, provider : str
        As the backend says.
    threads : int
        Of the pool that really ran it.
    rounds : tuple of Round
        Those that ended well.
    """

    name: str
    version: str
    provider: str
    threads: int
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Failure:
    """A process that did not end well.

    Attributes
    ----------
    backend : str
    round : int
    problem : str
        One line.
    stderr : str
        The end of what the process said.
    """

    backend: str
    round: int
    problem: str
    stderr: str


@dataclass(frozen=True)
class BenchReport:
    """A measurement.

    Attributes
    ----------
    created : str
        When it began: ISO 8601, UTC.
    command : tuple of str
        The command line, or empty where it was called from Python.
    host : HostFacts
    model : ModelFacts
    photos : tuple of PhotoFacts
    settings : Settings
    backends : tuple of BackendTimes
        Those with at least one round.
    failures : tuple of Failure
    """

    created: str
    command: tuple[str, ...]
    host: HostFacts
    model: ModelFacts
    photos: tuple[PhotoFacts, ...]
    settings: Settings
    backends: tuple[BackendTimes, ...]
    failures: tuple[Failure, ...] = ()


def to_document(report: BenchReport) -> dict[str, Any]:
    """Return the JSON document of a report, with its summary."""
    from toolkit.bench.statistics import summarise

    return {
        "schema": SCHEMA,
        "version": VERSION,
        **dataclasses.asdict(report),
        "summary": dataclasses.asdict(summarise(report)),
    }


def write_report(path: Path, report: BenchReport) -> None:
    """Write a report's JSON file, whole or not at all.

    Raises
    ------
    StoreError
        It can't be written.
    """
    text = json.dumps(to_document(report), indent=1, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def read_report(path: Path) -> BenchReport:
    """Read a report's JSON file.

    Raises
    ------
    InputFileError
        It is missing, no report, damaged, or of a newer version.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputFileError(path, f"can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or hostile
        raise InputFileError(path, "is not JSON", "give a file of toolkit bench") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputFileError(path, "is not a bench report", "give a file of toolkit bench")
    version = document.get("version")
    if version != VERSION:
        raise InputFileError(
            path,
            f"is of schema version {version!r}; this toolkit reads version {VERSION}",
            "read it with the toolkit that wrote it, or a newer one",
        )
    try:
        report = read_record(BenchReport, document)
        _check(report)
    except RecordError as error:
        raise InputFileError(path, f"is damaged: {error}", "measure again") from error
    return report


def _check(report: BenchReport) -> None:
    """Check what types can't say."""
    for backend in report.backends:
        if not backend.rounds:
            raise RecordError(f"backend {backend.name} has no rounds")
        for round_ in backend.rounds:
            where = f"backend {backend.name}, round {round_.round}"
            if [times.photo for times in round_.photos] != list(range(len(report.photos))):
                raise RecordError(f"{where}: not every photo was measured once")
            for times in round_.photos:
                _check_times(times, report.settings, f"{where}, photo {times.photo}")


def _check_times(times: PhotoTimes, settings: Settings, where: str) -> None:
    if set(times.iterations) != set(STAGES):
        raise RecordError(f"{where}: stages are {sorted(times.iterations)}")
    if {len(values) for values in times.iterations.values()} != {settings.iterations}:
        raise RecordError(f"{where}: not {settings.iterations} iterations of each stage")
    if any(value < 0 for values in times.iterations.values() for value in values):
        raise RecordError(f"{where}: a time is negative")
