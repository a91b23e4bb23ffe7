"""pytest-benchmark's JSON: each file is one run in one process, so one sample of each benchmark."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from toolkit.bench.records import RecordError, read_record


@dataclass(frozen=True)
class Processor:
    """What py-cpuinfo found; it may find nothing."""

    brand_raw: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Machine:
    """Where it ran."""

    machine: str | None = None
    system: str | None = None
    release: str | None = None
    python_version: str | None = None
    cpu: Processor = field(default_factory=Processor)


@dataclass(frozen=True)
class Stats:
    """One benchmark's times in seconds."""

    median: float


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes
    ----------
    fullname : str
        File, function and parameters.
    stats : Stats
    """

    fullname: str
    stats: Stats


@dataclass(frozen=True)
class BenchmarkRun:
    """One file."""

    machine_info: Machine
    benchmarks: tuple[Benchmark, ...]


def is_benchmark_run(document: object) -> bool:
    """Whether a JSON document looks like pytest-benchmark's.

    >>> is_benchmark_run({"schema": "toolkit-bench"})
    False
    """
    return isinstance(document, dict) and {"machine_info", "benchmarks"} <= document.keys()


def read_benchmark_run(document: object) -> BenchmarkRun:
    """Read what `json.loads` returned.

    Raises
    ------
    RecordError
        A field that is needed is missing or makes no sense.
    """
    run = read_record(BenchmarkRun, document)
    if not run.benchmarks:
        raise RecordError("there are no benchmarks in it")
    names = [benchmark.fullname for benchmark in run.benchmarks]
    if len(set(names)) < len(names):
        raise RecordError("two benchmarks have the same name")
    for benchmark in run.benchmarks:
        if not (math.isfinite(benchmark.stats.median) and benchmark.stats.median >= 0):
            raise RecordError(f"the median of {benchmark.fullname} is no time")
    return run
