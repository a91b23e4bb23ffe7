"""Cautions: what is seen of other load, and silence where nothing is or the system doesn't say."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.bench.reports import make_report
from toolkit.bench.schema import BenchReport
from toolkit.bench.stability import (
    LOAD,
    SCATTER,
    SUBJECT,
    load_warnings,
    scatter_warning,
    subject_warnings,
)
from toolkit.bench.statistics import summarize

SECOND = 10**9
IDLE = {
    "wall_ns": 10 * SECOND,
    "cpu_ns": 19 * SECOND,
    "steal_ns": 0,
    "involuntary_switches": 50,
}


def report_of(*processes: dict[str, Any]) -> BenchReport:
    """One variant on two cores, with what each of its processes used."""
    report = make_report({"onnx": [[1]] * len(processes)})
    (variant,) = report.variants
    rounds = tuple(
        dataclasses.replace(
            round_, photos=(dataclasses.replace(round_.photos[0], **{**IDLE, **used}),)
        )
        for round_, used in zip(variant.rounds, processes, strict=True)
    )
    return dataclasses.replace(
        report,
        host=dataclasses.replace(report.host, logical_cores=2),
        variants=(dataclasses.replace(variant, rounds=rounds),),
    )


def test_an_idle_machine_gives_no_warning() -> None:
    assert list(load_warnings(report_of({}, {}, {}))) == []


@pytest.mark.parametrize(
    ("used", "words"),
    [
        ({"steal_ns": SECOND}, "a hypervisor gave up to 5% of this machine's time to others"),
        ({"involuntary_switches": 2000}, "a core was taken away up to 200 times a second"),
        ({"cpu_ns": 15 * SECOND}, "got less CPU time per second, down to 1.50 against 1.90 s"),
    ],
)
def test_other_load_is_said_in_words(used: dict[str, int], words: str) -> None:
    (warning,) = load_warnings(report_of({}, used, {}))
    assert (warning.kind, warning.variant, warning.photo) == (LOAD, "onnx", 0)
    assert warning.text.startswith("other load: ")
    assert words in warning.text
    assert "1 of 3 processes" in warning.text


@pytest.mark.parametrize(
    "used",
    [
        {"steal_ns": 2 * SECOND // 5},  # 2 %
        {"involuntary_switches": 1000},
        {"cpu_ns": 17 * SECOND},
    ],
)
def test_a_little_of_it_is_usual(used: dict[str, int]) -> None:
    assert list(load_warnings(report_of({}, used, {}))) == []


def test_what_the_system_does_not_say_is_no_load() -> None:
    unknown = {"wall_ns": None, "steal_ns": None, "involuntary_switches": None, "cpu_ns": 1}
    assert list(load_warnings(report_of(unknown, {}, unknown))) == []
    assert list(load_warnings(report_of({"steal_ns": None, "involuntary_switches": None}))) == []


def test_unstable_stages_stand_in_one_warning() -> None:
    (warning,) = scatter_warning("tf", 1, [("segment", 0.2), ("whole", 0.10), ("blur", 0.15)])
    assert (warning.kind, warning.variant, warning.photo) == (SCATTER, "tf", 1)
    assert "segment 20%, blur 15%;" in warning.text
    assert scatter_warning("tf", 1, [("segment", 0.1)]) == []


def test_a_photo_without_the_subject_is_named_with_what_was_cut_out() -> None:
    report = report_of({"subject_found": False, "subject": 7}, {})
    (warning,) = summarize(report).warnings
    assert (warning.kind, warning.variant, warning.photo) == (SUBJECT, "onnx", 0)
    assert warning.text.startswith("no person in this photo; label 7 was cut out instead")
    assert list(subject_warnings(report_of({}, {}))) == []


def test_a_summary_has_the_warnings_of_its_variants() -> None:
    report = make_report({"tf": [[100], [100], [100]], "onnx": [[80], [100], [120]]}, photos=2)
    warnings = summarize(report).warnings
    assert {(warning.kind, warning.variant, warning.photo) for warning in warnings} == {
        (SCATTER, "onnx", 0),
        (SCATTER, "onnx", 1),
    }
