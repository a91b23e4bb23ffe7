"""Reports and pages that tests choose the numbers of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tests.bench.reports import make_report
from toolkit.bench.schema import BenchReport
from toolkit.report.gather import measurement_of
from toolkit.report.html import render_page

ROUNDS = (200, 204, 196, 210, 199, 201, 198, 203)
"""Milliseconds of a variant that is steady to some per cent."""


def report_of(times: Mapping[str, Sequence[float]], *, photos: int = 1) -> BenchReport:
    """A report: by variant, the milliseconds of one process per round. Nothing failed."""
    processes = {name: [[round(ms * 1e6)] for ms in runs] for name, runs in times.items()}
    made = make_report(processes, photos=photos)
    return dataclasses.replace(made, failures=(), skipped=())


def page_of(*reports: BenchReport) -> str:
    """The page of reports, called ``result0.json`` and so on."""
    return render_page(
        [measurement_of(report, f"result{number}.json") for number, report in enumerate(reports)]
    )
