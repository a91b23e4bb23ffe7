"""The JSON file a measurement is kept in: written with its summary, checked when it is read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from toolkit.atomic import write_atomically
from toolkit.bench.records import RecordError, read_record
from toolkit.bench.schema import STAGES, BenchReport, PhotoTimes, Settings
from toolkit.bench.statistics import summarise
from toolkit.bench.version1 import read_version_1
from toolkit.errors import InputFileError

SCHEMA = "toolkit-bench"
VERSION = 2


def to_document(report: BenchReport) -> dict[str, Any]:
    """Return the JSON document of a report, with its summary."""
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
    """Read a report's JSON file, of this schema version or of an older one.

    Raises
    ------
    InputFileError
        It is missing, no report, damaged, or of a newer version.
    """
    readers = {1: read_version_1, VERSION: _read_version_2}
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputFileError(path, f"can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or hostile
        raise InputFileError(path, "is not JSON", "give a file of toolkit bench") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputFileError(path, "is not a bench report", "give a file of toolkit bench")
    version = document.get("version")
    if not isinstance(version, int) or version not in readers:
        raise InputFileError(
            path,
            f"is of schema version {version!r}; this toolkit reads versions 1 to {VERSION}",
            "read it with the toolkit that wrote it, or a newer one",
        )
    try:
        report = readers[version](document)
        _check(report)
    except RecordError as error:
        raise InputFileError(path, f"is damaged: {error}", "measure again") from error
    return report


def _read_version_2(document: object) -> BenchReport:
    return read_record(BenchReport, document)


def _check(report: BenchReport) -> None:
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


def _check_times(times: PhotoTimes, settings: Settings, where: str) -> None:
    if set(times.iterations) != set(STAGES):
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
