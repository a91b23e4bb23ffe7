"""pytest-benchmark's files: really its own, and refused where damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.benchmark_files import benchmark_document
from toolkit.bench.pytest_benchmark import is_benchmark_run, read_benchmark_run
from toolkit.host import host_facts
from toolkit.schema.records import RecordError


def test_a_file_that_pytest_benchmark_writes_is_read(tmp_path: Path) -> None:
    tests = tmp_path / "test_sums.py"
    tests.write_text("def test_sum(benchmark):\n    benchmark(sum, range(100))\n")
    output = tmp_path / "run.json"
    command = (sys.executable, "-m", "pytest", "-q", "--benchmark-json", str(output))
    options = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "-p", "no:cacheprovider")
    subprocess.run((*command, *options, tests), check=True, capture_output=True, cwd=tmp_path)
    document = json.loads(output.read_bytes())
    assert is_benchmark_run(document)
    run = read_benchmark_run(document)
    assert [benchmark.fullname for benchmark in run.benchmarks] == ["test_sums.py::test_sum"]
    assert run.benchmarks[0].stats.median == document["benchmarks"][0]["stats"]["median"] > 0
    assert run.machine_info.python_version is not None


def test_a_machine_that_says_nothing_is_read() -> None:
    run = read_benchmark_run({**benchmark_document({"a": 1.0}), "machine_info": {}})
    assert run.machine_info.cpu.brand_raw is None


def test_the_machine_that_this_projects_benchmarks_write_down_is_read() -> None:
    host = host_facts()
    document = json.loads(json.dumps(benchmark_document({"a": 1.0, "b": 2.0}, host=host)))
    assert read_benchmark_run(document).host == host
    document["benchmarks"][1]["extra_info"]["host"]["affinity"] += 1
    assert read_benchmark_run(document).host is None


@pytest.mark.parametrize("kept", [{}, {"host": "build-17"}, {"host": {"cpu": "AMD"}}, None])
def test_what_other_benchmarks_keep_in_extra_info_is_passed_over(kept: object) -> None:
    document = benchmark_document({"a": 1.0})
    document["benchmarks"][0]["extra_info"] = kept
    assert read_benchmark_run(document).host is None


@pytest.mark.parametrize("document", [None, [], {}, {"benchmarks": []}, {"schema": "x"}])
def test_other_documents_are_not_taken_for_one(document: object) -> None:
    assert not is_benchmark_run(document)


def damaged(how: str) -> dict[str, Any]:
    document = benchmark_document({"a": 1.0, "b": 2.0})
    first = document["benchmarks"][0]
    match how:
        case "no benchmarks":
            document["benchmarks"] = []
        case "same name":
            first["fullname"] = "b"
        case "no median":
            del first["stats"]["median"]
        case "no stats":
            first["stats"] = None
        case "not a number":
            first["stats"]["median"] = float("nan")
        case "infinite":
            first["stats"]["median"] = float("inf")
        case "negative":
            first["stats"]["median"] = -1.0
    return document


@pytest.mark.parametrize(
    "how",
    [
        *("no benchmarks", "same name", "no median", "no stats", "not a number", "infinite"),
        "negative",
    ],
)
def test_damage_is_refused(how: str) -> None:
    with pytest.raises(RecordError):
        read_benchmark_run(damaged(how))
