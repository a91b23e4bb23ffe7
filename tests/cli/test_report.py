"""``toolkit report``: files in, one page out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.evaluate.evaluations import make_evaluation
from tests.report.pages import ROUNDS, report_of
from toolkit.bench.files import write_report
from toolkit.evaluate.files import write_evaluation
from toolkit.imaging import demo_photo, write_photo

pytest.importorskip("matplotlib", reason="the page needs the report extra")
pytest.importorskip("jinja2", reason="the page needs the report extra")


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result file in which onnx is 1.3 times as fast as tf."""
    path = tmp_path / "result.json"
    write_report(path, report_of({"tf": [time * 1.3 for time in ROUNDS], "onnx": ROUNDS}))
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photo with a person."""
    path = tmp_path / "photo.png"
    write_photo(path, demo_photo()[:240, :320])
    return path


def test_the_page_is_written_and_the_verdict_printed(
    toolkit: Command, result: Path, tmp_path: Path
) -> None:
    page = tmp_path / "made" / "page.html"
    outcome = toolkit("report", result, "-o", page)
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout == "p0.jpg: onnx is the fastest: tf takes 1.30 times as long\n"
    assert f"wrote {page}" in outcome.stderr
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_json_has_the_verdict_and_nothing_else_is_printed(
    toolkit: Command, result: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    outcome = toolkit("report", result, "-o", page, "--json", "-q")
    found = json.loads(outcome.stdout)
    assert found["size"] == page.stat().st_size
    (verdict,) = found["verdicts"]
    assert (verdict["result"], verdict["fastest"], verdict["clear"]) == (
        "result.json",
        "onnx",
        True,
    )


def test_photos_are_shown_with_mask_and_portrait_and_the_page_stays_small(
    toolkit: Command, result: Path, photo: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    options = ("--photo", photo, "--photo", photo, "--model", "mnv2_dm05_person")
    outcome = toolkit("report", result, "-o", page, *options)
    assert outcome.code == 0, outcome.stderr
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 2 * 4
    for title in ("Photo", "Mask", "Label map", "Portrait"):
        assert f'alt="{title} of photo.png"' in text
    assert page.stat().st_size < 2_000_000


def test_an_evaluation_puts_quality_against_time(
    toolkit: Command, result: Path, tmp_path: Path
) -> None:
    quality, page = tmp_path / "quality.json", tmp_path / "page.html"
    write_evaluation(quality, make_evaluation({"onnx": [0.9], "tf": [0.9], "opencv": [0.9]}))
    outcome = toolkit("report", quality, result, "-o", page)
    assert outcome.code == 0, outcome.stderr
    assert "street, p0.jpg: Pareto front: onnx\n" in outcome.stdout
    assert "quality.json and result.json: opencv was not measured" in outcome.stderr
    assert "dominated by onnx" in page.read_text()


def test_an_evaluation_alone_is_refused(toolkit: Command, tmp_path: Path) -> None:
    quality = tmp_path / "quality.json"
    write_evaluation(quality, make_evaluation({"onnx": [0.9]}))
    outcome = toolkit("report", quality, "-o", tmp_path / "page.html")
    assert outcome.code == 2
    assert "no bench report stands beside it" in outcome.stderr


def test_a_damaged_evaluation_is_named(toolkit: Command, result: Path, tmp_path: Path) -> None:
    quality = tmp_path / "quality.json"
    quality.write_text('{"schema": "toolkit-evaluation", "version": 1}')
    outcome = toolkit("report", result, quality, "-o", tmp_path / "page.html")
    assert outcome.code == 3
    assert "quality.json: is damaged: created is missing" in outcome.stderr


def test_several_results_stand_in_one_page(toolkit: Command, result: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    write_report(other, report_of({"onnx": ROUNDS}))
    page = tmp_path / "page.html"
    outcome = toolkit("report", result, other, "-o", page)
    assert len(outcome.stdout.splitlines()) == 2
    assert "other.json" in page.read_text()


def test_a_missing_damaged_or_foreign_file_is_exit_code_3_and_leaves_no_page(
    toolkit: Command, result: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"schema": "another"}')
    damaged = tmp_path / "damaged.json"
    damaged.write_text(result.read_text()[:200])
    page = tmp_path / "page.html"
    for path in (tmp_path / "missing.json", foreign, damaged):
        outcome = toolkit("report", result, path, "-o", page)
        assert outcome.code == 3
        assert path.name in outcome.stderr
        assert not page.exists()


def test_a_broken_photo_is_exit_code_3(toolkit: Command, result: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = toolkit(
        "report", result, "-o", page, "--photo", result, "--model", "mnv2_dm05_person"
    )
    assert outcome.code == 3
    assert not page.exists()


@pytest.mark.parametrize("name", ["page.json", "page", "result.json"])
def test_only_an_html_file_is_written(
    toolkit: Command, result: Path, tmp_path: Path, name: str
) -> None:
    before = result.read_bytes()
    outcome = toolkit("report", result, "-o", tmp_path / name)
    assert outcome.code == 2
    assert result.read_bytes() == before


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_the_extra_it_is_named_and_the_exit_code_is_3(
    toolkit: Command, result: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    outcome = toolkit("report", result)
    assert outcome.code == 3
    assert f"the report needs {package}" in outcome.stderr
    assert "pip install 'deeplab-toolkit[report]'" in outcome.stderr
