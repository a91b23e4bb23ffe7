"""What `make` measures and shows, mostly with a `toolkit` that only pretends."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_docs import archive_of
from tests.test_packaging import PROJECT
from toolkit.backends import BACKENDS
from toolkit.bench.files import read_report
from toolkit.convert import PROFILES
from toolkit.hub.catalog import load_catalog
from toolkit.imaging import demo_photo, write_photo

STUB = """#!/bin/sh
# Stands in for python and toolkit: logs what it is asked, and writes what it is to write.
echo "$(basename "$0") $*${DIST:+ # DIST=$DIST}" >> log
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
    for name in ("python", "toolkit", "twine", "coverage"):
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
    assert bench.startswith("toolkit bench --variant all --turns --rounds 5 ")
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


def test_make_page_measures_a_model_on_a_photo_and_shows_the_photo(checkout: Path) -> None:
    (checkout / "my photo.jpg").touch()
    run = make(checkout, "page", "PHOTO=my photo.jpg", "MODEL=my_network.tar.gz")
    assert run.returncode == 0, run.stderr
    bench, report = log_of(checkout)
    model = "--model my_network.tar.gz"
    written = "--output exported/page"
    assert bench == (
        "toolkit bench --variant all --turns --variant profiles my photo.jpg "
        f"{model} --rounds 10 {written}.json"
    )
    assert report == (
        f"toolkit report exported/page.json --photo my photo.jpg {model} {written}.html"
    )
    assert run.stdout.splitlines()[-1] == "wrote exported/page.html"


def test_make_page_needs_neither_photo_nor_model(checkout: Path) -> None:
    assert make(checkout, "page").returncode == 0
    bench, report = log_of(checkout)
    assert bench == (
        "toolkit bench --variant all --turns --variant profiles --rounds 10 "
        "--output exported/page.json"
    )
    assert report == "toolkit report exported/page.json --output exported/page.html"


def test_make_page_says_in_one_line_that_the_photo_is_missing(checkout: Path) -> None:
    (checkout / ".venv" / ".ready").unlink()
    run = make(checkout, "page", "PHOTO=missing.jpg")
    assert run.returncode
    problem, _make_stops = run.stderr.splitlines()
    assert problem == "PHOTO=missing.jpg: no such file"
    assert not log_of(checkout)


def test_make_coverage_measures_the_tests_of_make_test_in_every_process(checkout: Path) -> None:
    (checkout / ".coverage.of-an-earlier-run").touch()
    run = make(checkout, "coverage")
    assert run.returncode == 0, run.stderr
    assert not list(checkout.glob(".coverage*"))
    assert log_of(checkout) == [
        "coverage run -m pytest -m not slow",
        "coverage combine --quiet",
        "coverage report",
    ]
    assert PROJECT["tool"]["coverage"]["run"]["patch"] == ["subprocess"]


@pytest.mark.parametrize(
    ("versions", "pins"),
    [("locked", "--constraint requirements.lock"), ("lowest", "--resolution lowest-direct")],
)
def test_make_test_serving_installs_every_extra_but_the_converter(
    checkout: Path, versions: str, pins: str
) -> None:
    run = make(checkout, "--dry-run", "test-serving", f"VERSIONS={versions}", "TESTS=some tests")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.replace("\\\n", " ").splitlines()
    (resolved,) = (line for line in lines if "uv pip compile" in line)
    assert pins in resolved
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"convert"}
    assert set(re.findall(r"--extra (\S+)", resolved)) == extras
    assert lines[-1].endswith('-m pytest -m "not slow and not tensorflow" some tests')


def test_make_dist_builds_anew_and_checks_what_it_built(checkout: Path) -> None:
    (checkout / "dist").mkdir()
    (checkout / "dist" / "older.whl").touch()
    run = make(checkout, "dist")
    assert run.returncode == 0, run.stderr
    assert not (checkout / "dist" / "older.whl").exists()
    assert log_of(checkout) == [
        "python -m build --no-isolation --outdir dist .",
        "twine check --strict dist/*",
        "python -m pytest tests/test_wheel.py # DIST=dist",
    ]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_make_page_shows_every_backend_and_profile_with_intervals_and_the_portrait(
    checkout: Path,
) -> None:
    pytest.importorskip("matplotlib", reason="the page needs the report extra")
    command = checkout / ".venv" / "bin" / "toolkit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m toolkit "$@"\n')
    write_photo(checkout / "photo.jpg", demo_photo()[:240, :320])
    archive = archive_of(load_catalog().bundled.graph.read_bytes())
    (checkout / "my_network.tar.gz").write_bytes(archive)
    run = make(
        checkout,
        *("page", "PHOTO=photo.jpg", "MODEL=my_network.tar.gz", "ROUNDS=5"),
        **os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stderr
    assert "wrote exported/page.html" in run.stderr.splitlines()[-1]
    report = read_report(checkout / "exported" / "page.json")
    missing = {skipped.variant for skipped in report.skipped}
    profiles = {f"onnx:+{name}" for name in PROFILES if name != "exact"}
    assert {variant.name for variant in report.variants} == {*BACKENDS, *profiles} - missing
    assert "onnx:+fast" not in missing
    assert all(len(variant.rounds) == 5 for variant in report.variants)
    page = (checkout / "exported" / "page.html").read_text()
    for variant in report.variants:
        assert variant.name in page
    intervals = re.findall(r"\([\d.]+ to [\d.]+\)", page)
    assert len(intervals) >= len(report.variants)
    assert "data:image/jpeg" in page
