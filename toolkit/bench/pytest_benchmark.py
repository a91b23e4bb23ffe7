"""pytest-benchmark's JSON: each file is one run in one process, so one sample of each benchmark."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit.host import HostFacts
from toolkit.schema.records import RecordError, read_record


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
    """One file.

    Attributes
    ----------
    machine_info : Machine
        As pytest-benchmark saw it.
    benchmarks : tuple of Benchmark
    host : HostFacts or None
        The machine as this project's benchmarks write it into each benchmark's ``extra_info``; None
        where a file of other benchmarks has none.
    """

    machine_info: Machine
    benchmarks: tuple[Benchmark, ...]
    host: HostFacts | None = None


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
    return dataclasses.replace(run, host=_host(document))


def _host(document: Any) -> HostFacts | None:
    """Return the machine that all benchmarks name; what others call ``host`` is passed over."""
    found = [_host_of(benchmark.get("extra_info")) for benchmark in document["benchmarks"]]
    return found[0] if all(host == found[0] for host in found) else None


def _host_of(extra_info: object) -> HostFacts | None:
    if not isinstance(extra_info, Mapping):
        return None
    try:
        return read_record(HostFacts, extra_info.get("host"))
    except RecordError:
        return None
