"""The JSON file a measurement is kept in: written with its summary, checked when it is read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from toolkit.bench.schema import MEASURED_STAGES, BenchReport, BenchSettings, PhotoTimes
from toolkit.bench.statistics import summarize
from toolkit.schema.records import RecordError, read_record
from toolkit.schema.serialization import FileFormat


def to_document(report: BenchReport) -> dict[str, Any]:
    """Return the JSON document of a report, with its summary."""
    return REPORT.document(
        {**dataclasses.asdict(report), "summary": dataclasses.asdict(summarize(report))}
    )


def write_report(path: Path, report: BenchReport) -> None:
    """Write a report's JSON file, whole or not at all.

    Raises
    ------
    StoreError
        It can't be written.
    """
    REPORT.write(path, to_document(report))


def read_report(path: Path | str) -> BenchReport:
    """Read a report's JSON file.

    Raises
    ------
    InputFileError
        It is missing, no report, damaged, or of a newer version.
    """
    return REPORT.read(Path(path))


def _checked(report: BenchReport) -> BenchReport:
    """Check what types can't say."""
    names = [variant.name for variant in report.variants]
    if len(set(names)) < len(names):
        raise RecordError("two variants have the same name")
    if report.baseline not in names:
        raise RecordError(f"the baseline {report.baseline} is no variant")
    for variant in report.variants:
        if not variant.rounds:
            raise RecordError(f"variant {variant.name} has no rounds")
        for round_ in variant.rounds:
            where = f"variant {variant.name}, round {round_.round}"
            if [times.photo for times in round_.photos] != list(range(len(report.photos))):
                raise RecordError(f"{where}: not every photo was measured once")
            for times in round_.photos:
                _check_times(times, report.settings, f"{where}, photo {times.photo}")
    return report


def _check_times(times: PhotoTimes, settings: BenchSettings, where: str) -> None:
    if set(times.iterations) != set(MEASURED_STAGES):
        raise RecordError(f"{where}: stages are {sorted(times.iterations)}")
    counts = {len(values) for values in times.iterations.values()}
    fits = counts == {settings.iterations} or (
        settings.timed_seconds is not None
        and len(counts) == 1
        and min(counts) > settings.iterations
    )
    if not fits:
        raise RecordError(f"{where}: not {settings.iterations} iterations of each stage")
    if any(value < 0 for values in times.iterations.values() for value in values):
        raise RecordError(f"{where}: a time is negative")


REPORT = FileFormat(
    "toolkit-bench",
    "a bench report",
    source="toolkit bench",
    again="measure again",
    readers={1: lambda document: _checked(read_record(BenchReport, document))},
)
