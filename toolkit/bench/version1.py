"""Bench reports of schema version 1, which knew backends where there are variants now."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from toolkit.bench.schema import (
    BenchReport,
    Failure,
    ModelFacts,
    PhotoFacts,
    Round,
    Settings,
    VariantTimes,
    default_baseline,
)
from toolkit.bench.variants import Variant
from toolkit.host import HostFacts
from toolkit.schema.records import RecordError, read_record


@dataclass(frozen=True)
class _BackendTimes:
    name: str
    version: str
    provider: str
    threads: int
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class _Failure:
    backend: str
    round: int
    problem: str
    stderr: str


@dataclass(frozen=True)
class _Report:
    created: str
    command: tuple[str, ...]
    host: HostFacts
    model: ModelFacts
    photos: tuple[PhotoFacts, ...]
    settings: Settings
    backends: tuple[_BackendTimes, ...]
    failures: tuple[_Failure, ...] = ()


def read_version_1(document: object) -> BenchReport:
    """Read the JSON document of a version 1 report as a report of today.

    Raises
    ------
    RecordError
        It is damaged.
    """
    old = read_record(_Report, document)
    if not old.backends:
        raise RecordError("backends is empty")
    variants = tuple(_variant(old, backend) for backend in old.backends)
    return BenchReport(
        created=old.created,
        command=old.command,
        host=old.host,
        photos=old.photos,
        # it made as many warm-ups as it was told, however long they took
        settings=dataclasses.replace(old.settings, warmup_seconds=None),
        baseline=default_baseline(variants),
        variants=variants,
        failures=tuple(
            Failure(failure.backend, failure.round, failure.problem, failure.stderr)
            for failure in old.failures
        ),
    )


def _variant(report: _Report, backend: _BackendTimes) -> VariantTimes:
    # It had one model for all, and every worker ran in the parent's interpreter.
    return VariantTimes(
        name=backend.name,
        variant=Variant(backend.name),
        model=ModelFacts(
            name=report.model.name,
            graph_sha256=report.model.graph_sha256,
            onnx_sha256=None if backend.name == "tf" else report.model.onnx_sha256,
        ),
        version=backend.version,
        provider=backend.provider,
        threads=backend.threads,
        python=report.host.python,
        versions=report.host.versions,
        rounds=backend.rounds,
    )
