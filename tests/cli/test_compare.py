"""``toolkit compare``: exit codes, what is printed, and how it fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.bench.benchmark_files import write_benchmark
from tests.bench.reports import make_report
from tests.conftest import Command
from toolkit.bench.files import write_report

QUIET = [[time * 10**6] for time in (100, 101, 102, 103, 104, 105, 106, 107)]
STEADY = ("--stage", "whole")
"""`make_report` gives rounds the same load; one stage is enough."""


def scaled(factor: float) -> list[list[int]]:
    return [[round(time * factor) for time in times] for times in QUIET]


def write(
    path: Path, variants: Mapping[str, Sequence[Sequence[int]]], *, cpu: str = "A CPU"
) -> Path:
    report = make_report(variants, photos=1)
    host = dataclasses.replace(report.host, cpu=cpu)
    write_report(path, dataclasses.replace(report, host=host, failures=()))
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base.json", {"onnx": QUIET})


def test_slower_is_exit_code_1_and_says_what_and_by_how_much(
    toolkit: Command, base: Path, tmp_path: Path
) -> None:
    head = write(tmp_path / "head.json", {"onnx": scaled(1.3)})
    outcome = toolkit("compare", base, head)
    assert outcome.code == 1
    assert "slower: onnx segment, 1.30 times as long (1.2" in outcome.stdout
    assert outcome.stdout.endswith("verdict: slower\n")
    assert "a sample is a process" in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "same"), (0.7, "faster")])
def test_same_and_faster_are_exit_code_0(
    toolkit: Command, base: Path, tmp_path: Path, factor: float, verdict: str
) -> None:
    head = write(tmp_path / "head.json", {"onnx": scaled(factor)})
    outcome = toolkit("compare", base, head, *STEADY)
    assert outcome.code == 0
    assert outcome.stdout.endswith(f"verdict: {verdict}\n")


def test_inconclusive_is_exit_code_4_with_the_reason(toolkit: Command, tmp_path: Path) -> None:
    base = write(tmp_path / "base.json", {"onnx": QUIET[:3]})
    head = write(tmp_path / "head.json", {"onnx": scaled(1.3)[:3]})
    outcome = toolkit("compare", base, head, *STEADY)
    assert outcome.code == 4
    reason = "too few samples: 3 against 3, and 1 comparisons made together take 4 of each"
    assert f"inconclusive: {reason} (onnx whole)" in outcome.stdout


def test_slower_outweighs_inconclusive(toolkit: Command, tmp_path: Path) -> None:
    base = write(tmp_path / "base.json", {"onnx": QUIET, "tf": QUIET})
    head = write(tmp_path / "head.json", {"onnx": scaled(1.5)})
    outcome = toolkit("compare", base, head, *STEADY)
    assert outcome.code == 1
    assert "inconclusive: the head does not have it (tf whole)" in outcome.stdout


def test_another_machine_is_exit_code_4_and_named_unless_allowed(
    toolkit: Command, base: Path, tmp_path: Path
) -> None:
    head = write(tmp_path / "head.json", {"onnx": scaled(1.3)}, cpu="Another CPU")
    outcome = toolkit("compare", base, head)
    assert outcome.code == 4
    assert "cpu differs: A CPU; Another CPU" in outcome.stderr
    assert "inconclusive: not the same on both sides: cpu (" in outcome.stdout
    allowed = toolkit("compare", base, head, "--allow-different-host", "--quiet")
    assert allowed.code == 1
    assert "cpu differs" in allowed.stderr


def test_threshold_and_floor_decide_what_matters(
    toolkit: Command, base: Path, tmp_path: Path
) -> None:
    head = write(tmp_path / "head.json", {"onnx": scaled(1.2)})
    for options, code in (
        (("--threshold", "15%"), 1),
        (("--threshold", "0.15"), 1),
        (("--threshold", "30%"), 0),
        (("--floor", "40"), 0),
        (("--floor", "15"), 1),
    ):
        assert toolkit("compare", base, head, *STEADY, *options).code == code, options


def test_json_is_one_document_and_nothing_else(
    toolkit: Command, base: Path, tmp_path: Path
) -> None:
    head = write(tmp_path / "head.json", {"onnx": scaled(1.3)})
    outcome = toolkit("compare", base, head, *STEADY, "--json")
    assert outcome.code == 1
    document = json.loads(outcome.stdout)
    assert (document["schema"], document["verdict"]) == ("toolkit-compare", "slower")
    (one,) = document["comparisons"]
    assert (one["variant"], one["stage"], one["verdict"]) == ("onnx", "whole", "slower")
    assert one["low"] < one["ratio"] < one["high"]


def test_one_run_of_pytest_benchmark_of_each_side_gives_no_verdict(
    toolkit: Command, tmp_path: Path
) -> None:
    base = write_benchmark(tmp_path / "a.json", {"test_blur": 0.1})
    head = write_benchmark(tmp_path / "b.json", {"test_blur": 0.9})
    outcome = toolkit("compare", base, head)
    assert outcome.code == 4
    assert "one sample says nothing about noise (1 against 1)" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere.json",), 3, "nowhere.json: is not here"),
        (("damaged.json",), 3, "damaged.json: is not JSON"),
        (("base.json", "--threshold", "much"), 2, "--threshold 'much' is no share"),
        (("base.json", "--threshold", "-5%"), 2, "--threshold"),
        (("base.json", "--threshold", "0"), 2, "above 0"),
        (("base.json", "--floor", "-1"), 2, "--floor"),
        (("base.json", "--stage", "blurr"), 2, "nothing to compare in blurr"),
        ((), 2, "HEAD"),
    ],
)
def test_what_makes_no_sense_is_refused(
    toolkit: Command,
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(base.parent)
    Path("damaged.json").write_text("{")
    outcome = toolkit("compare", "base.json", *arguments)
    assert outcome.code == code
    assert words in outcome.stderr
    assert outcome.stdout == ""
