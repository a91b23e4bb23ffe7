"""One side of a comparison: its files, their samples, and what has to agree with the other side."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from toolkit.bench.files import REPORT
from toolkit.bench.pytest_benchmark import BenchmarkRun, is_benchmark_run, read_benchmark_run
from toolkit.bench.schema import MEASURED_STAGES, WHOLE, BenchReport, VariantTimes
from toolkit.bench.statistics import process_median
from toolkit.errors import InputFileError
from toolkit.host import HostFacts
from toolkit.schema.records import RecordError
from toolkit.schema.serialization import read_json

BENCH = "toolkit-bench"
PYTEST = "pytest-benchmark"


@dataclass(frozen=True, order=True)
class MeasuredSubject:
    """What a time is of.

    Attributes
    ----------
    variant : str
        A variant's name, or a benchmark's.
    photo : int
        The photo's number; -1 where there is none.
    stage : str
        ``load``, ``first`` or a stage; ``whole`` for a benchmark.
    """

    variant: str
    photo: int
    stage: str


@dataclass(frozen=True)
class SampleRun:
    """One file.

    Attributes
    ----------
    path : Path
    form : str
        `BENCH` or `PYTEST`.
    samples : dict of MeasuredSubject to tuple of float
        Nanoseconds; one per process.
    photos : tuple of str
        Their names.
    facts : dict of str to str
        What has to be the same for times to be comparable.
    circumstances : dict of str to str
        What may differ, and be the reason for a difference: versions above all.
    failures : int
        Processes that did not end well.
    """

    path: Path
    form: str
    samples: dict[MeasuredSubject, tuple[float, ...]]
    photos: tuple[str, ...]
    facts: dict[str, str]
    circumstances: dict[str, str]
    failures: int = 0


def find_files(place: Path) -> list[Path]:
    """Return the files a BASE or HEAD argument means, sorted.

    Parameters
    ----------
    place : Path
        A file; a folder, meaning every ``.json`` in it; or a pattern such as ``runs/base-*.json``.

    Raises
    ------
    InputFileError
        There is none.
    """
    if place.is_dir():
        found = sorted(place.glob("*.json"))
    elif place.exists():
        found = [place]
    else:
        found = sorted(Path(name) for name in glob.glob(str(place)))  # noqa: PTH207 - may be absolute
    if not found:
        problem = "has no .json file in it" if place.is_dir() else "is not here"
        raise InputFileError(place, problem, "give a report, a folder of them or a pattern")
    return found


def read_run(path: Path) -> SampleRun:
    """Read a report of `toolkit bench` or a file of pytest-benchmark.

    Raises
    ------
    InputFileError
        It is missing, damaged, or neither.
    """
    document = read_json(path)
    if is_benchmark_run(document):
        try:
            return _benchmark_run(path, read_benchmark_run(document))
        except RecordError as error:
            raise InputFileError(path, f"is damaged: {error}", "measure again") from error
    return _bench_run(path, REPORT.take(path, document))


def samples_of(runs: Sequence[SampleRun]) -> dict[MeasuredSubject, tuple[float, ...]]:
    """Return one sample per file: the median of its samples, in nanoseconds.

    Processes of one session share what that session was like; where there are several sessions, it
    is they that are independent.
    """
    subjects = dict.fromkeys(subject for run in runs for subject in run.samples)
    return {
        subject: tuple(median(run.samples[subject]) for run in runs if subject in run.samples)
        for subject in subjects
    }


def _bench_run(path: Path, report: BenchReport) -> SampleRun:
    facts = _host_facts(report.host)
    settings = report.settings
    facts |= {name: str(getattr(settings, name)) for name in ("subject", "kernel", "style")}
    facts["garbage collector"] = "off" if settings.gc_disabled else "on"
    facts["photos"] = ", ".join(
        f"{photo.name} {photo.width}x{photo.height} {photo.sha256[:12]}" for photo in report.photos
    )
    host = report.host
    circumstances = {
        "system": host.system,
        "kernel release": host.kernel,
        "warm-ups": str(settings.warmup),
        "iterations": str(settings.iterations),
        "timed seconds": str(settings.timed_seconds),
        "interleaved": "yes" if settings.interleaved else "no",
    }
    samples: dict[MeasuredSubject, tuple[float, ...]] = {}
    for variant in report.variants:
        name = variant.name
        facts[f"model of {name}"] = _model(variant)
        facts[f"threads of {name}"] = str(variant.threads)
        facts[f"provider of {name}"] = variant.provider
        circumstances[f"ONNX file of {name}"] = (variant.model.onnx_sha256 or "none")[:12]
        circumstances[f"runtime of {name}"] = variant.version
        circumstances[f"Python of {name}"] = variant.python
        for package, version in variant.versions.items():
            circumstances[f"{package} of {name}"] = version or "not installed"
        samples |= _samples(variant, len(report.photos))
    return SampleRun(
        path=path,
        form=BENCH,
        samples=samples,
        photos=tuple(photo.name for photo in report.photos),
        facts=facts,
        circumstances=circumstances,
        failures=len(report.failures),
    )


def _samples(variant: VariantTimes, photos: int) -> dict[MeasuredSubject, tuple[float, ...]]:
    loads = tuple(float(process.load_ns) for process in variant.rounds)
    samples = {MeasuredSubject(variant.name, -1, "load"): loads}
    for photo in range(photos):
        for stage in ("first", *MEASURED_STAGES):
            samples[MeasuredSubject(variant.name, photo, stage)] = tuple(
                process_median(process, photo, stage) for process in variant.rounds
            )
    return samples


def _host_facts(host: HostFacts) -> dict[str, str]:
    # Not the memory's size: two boots of one machine may differ in it.
    return {
        "machine": host.machine,
        "cpu": host.cpu,
        "cpu flags": " ".join(host.cpu_flags),
        "cores": str(host.logical_cores),
        "affinity": str(host.affinity),
        "cpu quota": "none" if host.cpu_quota is None else f"{host.cpu_quota:g}",
    }


def _model(variant: VariantTimes) -> str:
    # Two exports of one graph may be compared; what they were made from has to be the same.
    found = variant.model.graph_sha256 or variant.model.onnx_sha256
    return f"{variant.model.name} {found[:12]}" if found else variant.model.name


def _benchmark_run(path: Path, run: BenchmarkRun) -> SampleRun:
    facts, circumstances = _machine(run) if run.host is None else _host(run.host)
    return SampleRun(
        path=path,
        form=PYTEST,
        samples={
            MeasuredSubject(benchmark.fullname, -1, WHOLE): (benchmark.stats.median * 1e9,)
            for benchmark in run.benchmarks
        },
        photos=(),
        facts=facts,
        circumstances=circumstances,
    )


def _host(host: HostFacts) -> tuple[dict[str, str], dict[str, str]]:
    circumstances = {"system": host.system, "kernel release": host.kernel, "Python": host.python}
    for package, version in host.versions.items():
        circumstances[package] = version or "not installed"
    return _host_facts(host), circumstances


def _machine(run: BenchmarkRun) -> tuple[dict[str, str], dict[str, str]]:
    machine = run.machine_info
    facts = {"machine": machine.machine, "cpu": machine.cpu.brand_raw, "cores": machine.cpu.count}
    circumstances = {
        "system": machine.system,
        "kernel release": machine.release,
        "Python": machine.python_version,
    }
    return _known(facts), _known(circumstances)


def _known(found: Mapping[str, str | int | None]) -> dict[str, str]:
    return {name: str(value) for name, value in found.items() if value is not None}
