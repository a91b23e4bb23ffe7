"""``toolkit bench``: the bundled network end to end, what is printed, and how it fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.reports import make_report
from tests.conftest import Command
from toolkit.backends import BACKENDS
from toolkit.bench import run
from toolkit.bench.files import read_report
from toolkit.bench.photos import BenchPhoto
from toolkit.bench.schema import MEASURED_STAGES, BenchReport, Skipped, Throughput
from toolkit.bench.variants import Variant
from toolkit.hub.catalog import load_catalog
from toolkit.imaging import write_photo

QUICK = ("--rounds", "1", "--iterations", "2", "--warmup", "1")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(3).integers(0, 256, (90, 160, 3), np.uint8)
    write_photo(path, pixels)
    return path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `run_bench` was asked, and the report it gives: set ``report`` to change it."""
    calls: dict[str, Any] = {
        "report": make_report({"tf": [[3_000_000]] * 2, "onnx": [[2_000_000]] * 2})
    }

    def fake(
        model: object,
        photos: Sequence[BenchPhoto],
        variants: Sequence[Variant],
        settings: object,
        **rest: object,
    ) -> BenchReport:
        calls.update(rest, model=model, photos=photos, settings=settings)
        calls["variants"] = [str(variant) for variant in variants]
        report: BenchReport = calls["report"]
        return report

    monkeypatch.setattr(run, "run_bench", fake)
    return calls


def without_failures(report: BenchReport) -> BenchReport:
    return dataclasses.replace(report, failures=(), skipped=())


def test_the_bundled_network_is_measured_end_to_end(
    toolkit: Command, photo: Path, tmp_path: Path
) -> None:
    output = tmp_path / "reports" / "bench.json"
    outcome = toolkit("bench", photo, "--variant", "onnx", *QUICK, "-o", output, "--json")
    assert outcome.code == 0, outcome.stderr
    document = json.loads(outcome.stdout)
    assert document["schema"] == "toolkit-bench"
    (variant,) = document["variants"]
    assert variant["model"]["name"] == load_catalog().bundled.name
    assert document["baseline"] == variant["name"] == "onnx"
    assert document["photos"][0]["name"] == "photo.png"
    report = read_report(output)
    assert report.settings.iterations == 2
    (measured,) = report.variants
    assert measured.provider == "CPUExecutionProvider"
    times = measured.rounds[0].photos[0]
    assert set(times.iterations) == set(MEASURED_STAGES)
    assert report.command[0] == "toolkit"
    assert json.loads(output.read_text()) == document


@pytest.mark.tensorflow
@pytest.mark.slow
def test_both_backends_give_a_ratio(toolkit: Command, photo: Path) -> None:
    outcome = toolkit("bench", photo, *QUICK)
    assert outcome.code == 0, outcome.stderr
    assert "times as fast as tf" in outcome.stdout


def test_the_table_has_stages_backends_units_and_the_ratio(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    measured["report"] = without_failures(measured["report"])
    outcome = toolkit("bench", photo)
    assert outcome.code == 0
    for stage in ("load", "first", *MEASURED_STAGES):
        assert stage in outcome.stdout
    assert "in ms" in outcome.stdout
    assert "3.00 ± 0.00" in outcome.stdout
    assert "whole: onnx is 1.50 times as fast as tf (1.50 to 1.50 over 2 rounds; " in outcome.stdout
    assert (
        "2 fresh processes per variant x 1 passes, at most 1 warm-ups, 2 threads" in outcome.stdout
    )
    assert "unstable" not in outcome.stdout


def test_processes_take_turns_where_that_is_asked_for(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    measured["report"] = without_failures(measured["report"])
    assert toolkit("bench", photo).code == 0
    assert measured["settings"].interleaved is False
    assert toolkit("bench", photo, "--turns").code == 0
    assert measured["settings"].interleaved is True


def test_an_unstable_time_is_called_so(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    measured["report"] = without_failures(make_report({"onnx": [[100], [80], [120]]}))
    outcome = toolkit("bench", photo)
    assert "onnx: unstable (deviation over median above 10%): segment 20%" in outcome.stdout
    assert "times as fast" not in outcome.stdout


def test_cpu_memory_and_throughput_have_rows(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    report = without_failures(make_report({"onnx": [[1_000_000]]}))
    round_ = report.variants[0].rounds[0]
    times = dataclasses.replace(
        round_.photos[0], cpu_ns=2_500_000, warmed_up=False, throughput=Throughput(3, 6, 2 * 10**9)
    )
    round_ = dataclasses.replace(round_, max_rss_bytes=123_456_789, photos=(times,))
    variant = dataclasses.replace(report.variants[0], rounds=(round_,))
    measured["report"] = dataclasses.replace(
        report,
        variants=(variant,),
        settings=dataclasses.replace(report.settings, workers=3),
    )
    rows = {
        line[:15].strip(): line[15:].strip() for line in toolkit("bench", photo).stdout.splitlines()
    }
    assert rows["cpu per photo"] == "2.50"
    assert rows["memory, MB"] == "123.46"
    assert rows["photos/s by 3"] == "3.00"
    assert (
        "not steady at the end of the warm-up: onnx in 1 of 1 processes"
        in toolkit("bench", photo).stdout
    )


def test_a_precision_that_was_not_reached_is_said(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    report = without_failures(measured["report"])
    settings = dataclasses.replace(report.settings, until=0.02)
    measured["report"] = dataclasses.replace(report, settings=settings, ended="budget")
    assert "± 2.0% was not reached: the budget ended it" in toolkit("bench", photo).stdout
    measured["report"] = dataclasses.replace(report, settings=settings, ended="precision")
    assert "not reached" not in toolkit("bench", photo).stdout


def test_a_single_process_claims_no_deviation(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    measured["report"] = without_failures(make_report({"onnx": [[3_000_000]]}))
    outcome = toolkit("bench", photo)
    assert "3.00" in outcome.stdout
    assert "±" not in outcome.stdout.partition("\n\n")[2]


def test_a_photo_without_the_subject_is_said(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    report = without_failures(measured["report"])
    round_ = report.variants[1].rounds[0]
    times = dataclasses.replace(round_.photos[0], subject_found=False, subject=4)
    changed = dataclasses.replace(
        report.variants[1], rounds=(dataclasses.replace(round_, photos=(times,)),)
    )
    measured["report"] = dataclasses.replace(report, variants=(report.variants[0], changed))
    outcome = toolkit("bench", photo)
    assert "onnx: no person in this photo; label 4 was cut out instead" in outcome.stdout
    assert "tf: no person" not in outcome.stdout


def test_a_failed_process_is_exit_code_3_and_the_rest_is_kept(
    toolkit: Command, measured: dict[str, Any], photo: Path, tmp_path: Path
) -> None:
    output = tmp_path / "kept.json"
    outcome = toolkit("bench", photo, "-o", output)
    assert outcome.code == 3
    assert "3.00 ± 0.00" in outcome.stdout
    assert outcome.stderr.endswith(
        "onnx, round 9: died\n"
        "toolkit: onnx:other.onnx: no such file; what the other processes measured is kept\n"
    )
    assert read_report(output).failures[0].stderr == "so it said"


def test_settings_are_passed_on(toolkit: Command, measured: dict[str, Any], photo: Path) -> None:
    toolkit(
        "bench",
        photo,
        photo,
        "--rounds",
        4,
        "--iterations",
        7,
        "--warmup",
        0,
        "--threads",
        3,
        "--time-limit",
        60,
        "--workers",
        5,
        "--until",
        "2.5%",
        "--budget",
        90,
        "--variant",
        "onnx",
        "--variant",
        "tf@threads=1",
        "--baseline",
        "onnx@threads=2",
    )
    settings = measured["settings"]
    assert (settings.rounds, settings.iterations, settings.warmup, settings.threads) == (4, 7, 0, 3)
    assert len(measured["photos"]) == 2
    assert measured["variants"] == ["onnx", "tf@threads=1"]
    assert measured["also"] == ()
    assert str(measured["baseline"]) == "onnx@threads=2"
    assert measured["time_limit"] == 60
    assert settings.workers == 5
    assert (settings.until, settings.budget_seconds) == (0.025, 90)


@pytest.mark.parametrize("arguments", [(), ("--variant", "all")])
def test_by_default_it_is_all_backends_and_what_is_left_out_is_said(
    toolkit: Command, measured: dict[str, Any], photo: Path, arguments: tuple[str, ...]
) -> None:
    left_out = Skipped("tf", "needs tensorflow", asked=False)
    measured["report"] = dataclasses.replace(
        without_failures(measured["report"]), skipped=(left_out,)
    )
    outcome = toolkit("bench", photo, *arguments)
    assert outcome.code == 0
    assert measured["variants"] == []
    assert {str(variant) for variant in measured["also"]} == set(BACKENDS)
    assert "without tf: needs tensorflow" in outcome.stdout


def test_what_was_asked_for_and_is_not_installed_is_exit_code_3_and_the_rest_is_kept(
    toolkit: Command, photo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = dataclasses.replace(BACKENDS["tf"], packages=("no_such_runtime",))
    monkeypatch.setitem(BACKENDS, "tf", absent)
    output = tmp_path / "kept.json"
    both = ("--variant", "tf", "--variant", "onnx")
    outcome = toolkit("bench", photo, *both, *QUICK, "-o", output)
    assert outcome.code == 3
    assert "the convert extra" in outcome.stderr
    assert len(read_report(output).variant("onnx").rounds) == 1
    alone = toolkit("bench", photo, "--variant", "tf", *QUICK)
    assert alone.code == 3
    assert "nothing was measured: tf: " in alone.stderr
    assert alone.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere.jpg",), 3, "nowhere.jpg"),
        (("--variant", "no_such"), 2, "no backend 'no_such'"),
        (("--variant", "onnx@thread=1"), 2, "BACKEND[:MODEL]"),
        (("--baseline", "C:/a.onnx"), 2, "BACKEND[:MODEL]"),
        (("--time-limit", "0"), 2, "--time-limit"),
        (("--until", "two"), 2, "write 2% or 0.02"),
        (("--until", "0%"), 2, "write 2% or 0.02"),
        (("--until", "200%"), 2, "write 2% or 0.02"),
        (("--budget", "0"), 2, "--budget"),
        (("--model", "no-such-model"), 3, "no-such-model"),
        (("--rounds", "0"), 2, "--rounds"),
        (("--iterations", "0"), 2, "--iterations"),
    ],
)
def test_what_makes_no_sense_is_refused(
    toolkit: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    outcome = toolkit("bench", *arguments)
    assert outcome.code == code
    assert words in outcome.stderr
    assert outcome.stdout == ""


def test_quiet_says_nothing_but_the_result(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    measured["report"] = without_failures(measured["report"])
    outcome = toolkit("bench", photo, "--quiet")
    assert outcome.stderr == ""
    assert "whole" in outcome.stdout


def test_intervals_and_percentiles_are_printed_where_there_are_enough_rounds(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    times = [[2_000_000 + 1000 * number] * 20 for number in range(5)]
    measured["report"] = without_failures(
        make_report({"tf": [[2 * time for time in passes] for passes in times], "onnx": times})
    )
    outcome = toolkit("bench", photo)
    assert "(95 % interval 2.00 to 2.00, 5 rounds)" in outcome.stdout
    assert "whole p90" in outcome.stdout
    assert "whole p99" not in outcome.stdout
    assert "p99 needs 662 passes over 5 processes or more; there are 100 over 5" in outcome.stdout


def test_percentiles_and_intervals_that_are_missing_are_said_to_be(
    toolkit: Command, measured: dict[str, Any], photo: Path
) -> None:
    outcome = toolkit("bench", photo)
    assert "2 rounds; no interval below 5)" in outcome.stdout
    assert "p90 needs 64 passes over 5 processes or more; there are 2 over 2" in outcome.stdout
    assert "whole p90" not in outcome.stdout
