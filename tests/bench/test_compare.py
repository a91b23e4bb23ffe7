"""Comparing files: what a sample is, what has to agree, what is read and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bench.benchmark_files import write_benchmark
from tests.bench.reports import make_report
from toolkit.bench.compare import FILE, PROCESS, CompareReport, compare
from toolkit.bench.files import write_report
from toolkit.bench.schema import BenchReport, ModelFacts, PhotoFacts
from toolkit.errors import InputFileError, UsageError
from toolkit.host import host_facts
from toolkit.stats.verdicts import Verdict

QUIET = [[time * 10**6] for time in (100, 101, 102, 103, 104, 105, 106, 107)]
Write = Callable[..., Path]


def scaled(factor: float, runs: Sequence[Sequence[int]] = QUIET) -> list[list[int]]:
    return [[round(time * factor) for time in times] for times in runs]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a report of variants and their processes' times."""

    def to_file(
        name: str, change: Callable[[BenchReport], BenchReport] | None = None, **options: Any
    ) -> Path:
        variants = options.pop("variants", {"onnx": QUIET})
        report = dataclasses.replace(make_report(variants, **options), failures=())
        path = tmp_path / name
        write_report(path, change(report) if change else report)
        return path

    return to_file


def verdicts(report: CompareReport, stages: Sequence[str] = ("segment", "whole")) -> set[str]:
    return {str(one.verdict) for one in report.comparisons if one.stage in stages}


def test_a_process_is_a_sample_of_one_report_of_each_side(write: Write) -> None:
    report = compare(write("a.json"), write("b.json", variants={"onnx": scaled(1.3)}))
    assert report.sample == PROCESS
    assert report.verdict is Verdict.SLOWER
    one = next(one for one in report.comparisons if one.stage == "whole")
    assert (one.base_samples, one.head_samples) == (8, 8)
    assert one.base_ns == 103.5e6
    assert one.head_ns == pytest.approx(1.3 * 103.5e6)
    assert one.ratio == pytest.approx(1.3, rel=0.01)
    assert None not in (one.low, one.ratio, one.high)
    assert one.low < one.ratio < one.high  # type: ignore[operator]  # as just seen
    assert one.photo == 0
    load = next(one for one in report.comparisons if one.stage == "load")
    assert load.photo is None


def test_a_process_counts_once_however_many_passes_it_made(write: Write) -> None:
    # Three processes: no verdict, though there are 300 passes.
    many = {"onnx": [[time * 10**6] * 100 for time in (100, 101, 102)]}
    slow = {"onnx": [[time * 10**6] * 100 for time in (200, 201, 202)]}
    report = compare(write("a.json", variants=many), write("b.json", variants=slow))
    assert verdicts(report) == {"inconclusive"}


def test_a_file_is_a_sample_where_a_side_has_several(write: Write, tmp_path: Path) -> None:
    for number in range(5):
        write(f"base/{number}.json", variants={"onnx": scaled(1 + number / 100)})
        write(f"head/{number}.json", variants={"onnx": scaled(1.5 + number / 100)})
    report = compare(tmp_path / "base", tmp_path / "head", stages=["whole"])
    assert report.sample == FILE
    assert report.verdict is Verdict.SLOWER
    (one,) = report.comparisons
    assert (one.base_samples, one.head_samples) == (5, 5)
    assert one.base_ns == pytest.approx(1.02 * 103.5e6)
    # One against many is one sample still, and has no verdict.
    report = compare(tmp_path / "base/0.json", tmp_path / "head", stages=["whole"])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.comparisons[0].reason == "one sample says nothing about noise (1 against 5)"


def test_a_pattern_means_the_files_it_fits(write: Write, tmp_path: Path) -> None:
    for number in range(4):
        write(f"base-{number}.json")
    report = compare(tmp_path / "base-*.json", tmp_path / "base-*.json")
    assert [path.name for path in report.base] == [f"base-{number}.json" for number in range(4)]


def with_host(**fields: Any) -> Callable[[BenchReport], BenchReport]:
    return lambda report: dataclasses.replace(
        report, host=dataclasses.replace(report.host, **fields)
    )


def with_settings(**fields: Any) -> Callable[[BenchReport], BenchReport]:
    return lambda report: dataclasses.replace(
        report, settings=dataclasses.replace(report.settings, **fields)
    )


def with_variant(**fields: Any) -> Callable[[BenchReport], BenchReport]:
    return lambda report: dataclasses.replace(
        report,
        variants=tuple(dataclasses.replace(variant, **fields) for variant in report.variants),
    )


def with_other_photo(report: BenchReport) -> BenchReport:
    return dataclasses.replace(report, photos=(PhotoFacts("p0.jpg", "d" * 64, 1280, 720),))


FORBIDDING = {
    "machine": with_host(machine="riscv64"),
    "cpu": with_host(cpu="Another CPU"),
    "cpu flags": with_host(cpu_flags=("mmx",)),
    "cores": with_host(logical_cores=1234),
    "affinity": with_host(affinity=1234),
    "cpu quota": with_host(cpu_quota=1.25),
    "model of onnx": with_variant(model=ModelFacts("net", "e" * 64, "c" * 64)),
    "threads of onnx": with_variant(threads=7),
    "provider of onnx": with_variant(provider="GPU"),
    "photos": with_other_photo,
    "subject": with_settings(subject="dog"),
    "kernel": with_settings(kernel=5),
    "style": with_settings(style="soft"),
    "garbage collector": with_settings(gc_disabled=False),
}


@pytest.mark.parametrize("what", FORBIDDING)
def test_what_has_to_agree_is_named_and_forbids_a_verdict(write: Write, what: str) -> None:
    base = write("a.json")
    head = write("b.json", FORBIDDING[what], variants={"onnx": scaled(1.5)})
    report = compare(base, head)
    assert [one.what for one in report.differences if one.forbids] == [what]
    assert report.verdict is Verdict.INCONCLUSIVE
    assert {one.reason for one in report.comparisons} == {f"not the same on both sides: {what}"}
    assert compare(base, head, allow_different_host=True).verdict is Verdict.SLOWER


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("system", with_host(system="Another")),
        ("kernel release", with_host(kernel="9.9")),
        ("Python of onnx", with_variant(python="3.99")),
        ("numpy of onnx", with_variant(versions={"numpy": "3.0"})),
        ("runtime of onnx", with_variant(version="2.0")),
        ("ONNX file of onnx", with_variant(model=ModelFacts("net", "a" * 64, "f" * 64))),
        ("warm-ups", with_settings(warmup=9)),
        ("interleaved", with_settings(interleaved=True)),
    ],
)
def test_what_may_be_the_reason_is_named_and_forbids_nothing(
    write: Write, what: str, change: Callable[[BenchReport], BenchReport]
) -> None:
    report = compare(write("a.json"), write("b.json", change, variants={"onnx": scaled(1.5)}))
    (difference,) = report.differences
    assert (difference.what, difference.forbids) == (what, False)
    assert report.verdict is Verdict.SLOWER


def test_files_of_one_side_have_to_agree_too(write: Write, tmp_path: Path) -> None:
    for number in range(4):
        write(f"base/{number}.json")
        write(f"head/{number}.json", with_host(cpu="Other") if number == 2 else None)
    report = compare(tmp_path / "base", tmp_path / "head")
    (difference,) = report.differences
    assert difference.head.endswith(" / Other")
    assert report.verdict is Verdict.INCONCLUSIVE


def test_a_variant_that_the_head_lost_is_inconclusive_and_a_new_one_is_named(write: Write) -> None:
    base = write("a.json", variants={"onnx": QUIET, "tf": QUIET})
    head = write("b.json", variants={"onnx": QUIET, "opencv": QUIET})
    report = compare(base, head, stages=["whole"])
    kept, lost = report.comparisons
    assert (kept.variant, kept.verdict) == ("onnx", Verdict.SAME)
    assert (lost.variant, lost.verdict) == ("tf", Verdict.INCONCLUSIVE)
    assert lost.reason == "the head does not have it"
    assert (lost.head_ns, lost.head_samples, lost.ratio, lost.p) == (None, 0, None, None)
    assert report.added == ("opencv",)
    assert report.verdict is Verdict.INCONCLUSIVE


def test_failures_are_counted(write: Write) -> None:
    failed = make_report({"onnx": QUIET}).failures
    path = write("a.json", lambda report: dataclasses.replace(report, failures=failed))
    assert compare(path, path).failures == 2


def test_stages_chosen_are_all_that_is_judged(write: Write) -> None:
    path = write("a.json", photos=2)
    report = compare(path, path, stages=["blur", "load"])
    assert [(one.stage, one.photo) for one in report.comparisons] == [
        ("load", None),
        ("blur", 0),
        ("blur", 1),
    ]
    with pytest.raises(UsageError, match="nothing to compare in blurr; there are: load, first"):
        compare(path, path, stages=["blurr"])


@pytest.mark.parametrize(
    ("threshold", "floor"), [(0, 0), (-0.1, 0), (float("nan"), 0), (float("inf"), 0), (0.1, -1)]
)
def test_thresholds_that_make_no_sense_are_refused(
    write: Write, threshold: float, floor: float
) -> None:
    path = write("a.json")
    with pytest.raises(UsageError):
        compare(path, path, threshold=threshold, floor=floor)


def test_one_run_of_pytest_benchmark_is_one_sample(tmp_path: Path) -> None:
    base = write_benchmark(tmp_path / "a.json", {"t.py::test_blur": 0.1})
    head = write_benchmark(tmp_path / "b.json", {"t.py::test_blur": 0.9})
    report = compare(base, head)
    (one,) = report.comparisons
    assert (one.variant, one.photo, one.stage) == ("t.py::test_blur", None, "whole")
    assert one.base_ns == pytest.approx(1e8)
    assert one.head_ns == pytest.approx(9e8)
    assert one.ratio == pytest.approx(9)
    assert report.sample == FILE
    assert report.verdict is Verdict.INCONCLUSIVE
    assert one.reason == "one sample says nothing about noise (1 against 1)"


def test_several_runs_of_pytest_benchmark_give_a_verdict(tmp_path: Path) -> None:
    for number in range(5):
        noise = 1 + number / 200
        medians = {"test_blur": 0.1 * noise, "test_mask": 0.2 * noise}
        write_benchmark(tmp_path / f"base/{number}.json", medians)
        medians["test_mask"] *= 1.4
        write_benchmark(tmp_path / f"head/{number}.json", medians)
    report = compare(tmp_path / "base", tmp_path / "head")
    assert [(one.variant, str(one.verdict)) for one in report.comparisons] == [
        ("test_blur", "same"),
        ("test_mask", "slower"),
    ]


def test_runs_of_pytest_benchmark_from_two_machines_give_no_verdict(tmp_path: Path) -> None:
    base = write_benchmark(tmp_path / "a.json", {"t": 0.1})
    head = write_benchmark(tmp_path / "b.json", {"t": 0.1}, cpu="Another CPU")
    assert [one.what for one in compare(base, head).differences] == ["cpu"]
    # A file that doesn't say is not another machine.
    silent = write_benchmark(tmp_path / "c.json", {"t": 0.1}, cpu=None)
    assert compare(base, silent).differences == ()


def test_the_host_in_extra_info_has_to_agree_and_its_packages_may_differ(tmp_path: Path) -> None:
    host = host_facts()
    fewer = dataclasses.replace(host, affinity=host.affinity + 1, versions={"numpy": "0.1"})
    base = write_benchmark(tmp_path / "a.json", {"t": 0.1}, host=host)
    head = write_benchmark(tmp_path / "b.json", {"t": 0.1}, host=fewer)
    differences = {one.what: one.forbids for one in compare(base, head).differences}
    assert differences == {"affinity": True, "numpy": False}
    other_words = write_benchmark(tmp_path / "c.json", {"t": 0.1}, cpu="AMD", host=host)
    assert not compare(base, other_words).differences  # machine_info is not asked


def test_the_two_kinds_of_files_are_not_mixed(write: Write, tmp_path: Path) -> None:
    other = write_benchmark(tmp_path / "b.json", {"t": 0.1})
    with pytest.raises(InputFileError, match=r"b\.json: is a file of pytest-benchmark, and .*a\."):
        compare(write("a.json"), other)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a bench report"),
        (b'{"schema": "toolkit-bench", "version": 1}', "is damaged"),
        (b'{"schema": "toolkit-bench", "version": 99}', "is of schema version 99"),
        (b'{"machine_info": {}, "benchmarks": []}', "is damaged: there are no benchmarks"),
        (b'{"machine_info": [], "benchmarks": [1]}', "is damaged: machine_info is not"),
    ],
)
def test_damaged_and_foreign_files_are_refused_in_one_line(
    write: Write, tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=rf"^{path}: {problem}") as caught:
        compare(write("a.json"), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["nowhere.json", "nothing-*.json", "empty", "folder.json"])
def test_places_without_a_file_are_refused(write: Write, tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.json/inner.json").mkdir(parents=True)
    with pytest.raises(InputFileError, match=place.replace("*", r"\*")):
        compare(write("a.json"), tmp_path / place)
