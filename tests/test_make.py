"""What `make` measures and shows, with a `toolkit` that only pretends."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

STUB = """#!/bin/sh
# Stands in for python and toolkit: logs what it is asked, and writes what it is to write.
echo "$(basename "$0") $*" >> log
case "$1 $BENCH" in
  "bench nothing") echo "no such photo" >&2; exit 3 ;;
esac
while [ $# -gt 0 ]; do
  case "$1" in --output) mkdir -p "$(dirname "$2")"; : > "$2"; echo "wrote $2" ;; esac
  command=${command:-$1}
  shift
done
[ "$command $BENCH" != "bench partly" ] || exit 3
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and an environment that is ready, but only pretends."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name in ("python", "toolkit"):
        path = folder / ".venv" / "bin" / name
        path.write_text(STUB)
        path.chmod(0o755)
    for stamp in (".locked", ".ready"):
        (folder / ".venv" / stamp).touch()
    return folder


def make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make there, with nothing of this process's environment."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin"} | environment,
    )


def log_of(checkout: Path) -> list[str]:
    """What was asked of the stubs, in order."""
    log = checkout / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_make_bench_times_the_core_then_every_backend_and_makes_the_page(checkout: Path) -> None:
    run = make(checkout, "bench")
    assert run.returncode == 0, run.stderr
    core, bench, report = log_of(checkout)
    assert core.startswith("python -m pytest benchmarks --benchmark-enable")
    assert bench.startswith("toolkit bench --variant all --rounds 5 ")
    assert report == "toolkit report .benchmarks/report.json --output .benchmarks/report.html"
    assert run.stdout.splitlines()[-1] == "wrote .benchmarks/report.html"


def test_what_could_be_measured_is_shown_and_make_fails_after_it(checkout: Path) -> None:
    run = make(checkout, "bench", BENCH="partly")
    assert run.returncode
    assert (checkout / ".benchmarks" / "report.html").exists()


def test_no_page_of_an_older_measurement_is_left_where_nothing_was_measured(
    checkout: Path,
) -> None:
    make(checkout, "bench")
    assert make(checkout, "bench", BENCH="nothing").returncode
    assert not list((checkout / ".benchmarks").iterdir())
