"""The record: what is done is skipped, what is not is made, whatever happened in between."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving.runs import SETTINGS, make_jobs, run
from tests.support.samples import random_photo
from toolkit.errors import StoreError
from toolkit.imaging import write_photo
from toolkit.portrait import Natural, Tutorial
from toolkit.serving.predictor import PortraitSettings
from toolkit.serving.record import NAME, VERSION, made_in


def states(paths: list[Path]) -> list[tuple[int, int]]:
    """What changes where a file is written: its number on the disk and its time."""
    return [(path.stat().st_ino, path.stat().st_mtime_ns) for path in paths]


def test_what_is_done_is_skipped_untouched_and_reported_as_it_was(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    made = run(jobs)
    before = states([job.output for job in jobs])
    again = run(jobs, resume=True, workers=2)
    assert states([job.output for job in jobs]) == before
    assert again == [dataclasses.replace(report, skipped=True) for report in made]


def test_without_resume_all_is_made_again(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    run(jobs)
    assert not any(report.skipped for report in run(jobs))


@pytest.mark.parametrize(
    "settings",
    [
        PortraitSettings(8, Tutorial()),
        PortraitSettings(SETTINGS.subject, Tutorial(21)),
        PortraitSettings(SETTINGS.subject, Natural()),
        PortraitSettings(SETTINGS.subject, Tutorial(), quality=20),
        PortraitSettings(SETTINGS.subject, Tutorial(), strip=True),
    ],
)
def test_other_settings_are_made_anew(tmp_path: Path, settings: PortraitSettings) -> None:
    jobs = make_jobs(tmp_path)
    run(jobs)
    assert not any(report.skipped for report in run(jobs, settings, resume=True))
    assert all(report.skipped for report in run(jobs, settings, resume=True))


def test_another_network_is_another_setting(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    run(jobs)
    assert not any(report.skipped for report in run(jobs, network="1" * 64, resume=True))


def test_only_what_changed_is_made_anew(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, 5)
    jobs[3] = dataclasses.replace(jobs[3], overlay=jobs[3].output.with_name("3.overlay.png"))
    run(jobs)
    write_photo(jobs[0].photo, random_photo(99, 30, 40))
    jobs[1].output.unlink()
    with jobs[2].output.open("ab") as file:
        file.write(b"more")
    assert jobs[3].overlay
    jobs[3].overlay.unlink()
    reports = run(jobs, resume=True)
    assert [report.skipped for report in reports] == [False, False, False, False, True]
    assert all(report.skipped for report in run(jobs, resume=True))


def test_a_picture_that_was_not_made_before_is_made(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, 1)
    run(jobs)
    more = [dataclasses.replace(jobs[0], stages=jobs[0].output.with_name("0.stages.png"))]
    assert not run(more, resume=True)[0].skipped
    assert run(jobs, resume=True)[0].skipped  # one picture more than is wanted now


def test_a_photo_that_could_not_be_done_is_tried_again(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    content = jobs[1].photo.read_bytes()
    jobs[1].photo.write_bytes(b"broken")
    assert run(jobs)[1].error
    jobs[1].photo.write_bytes(content)
    assert [report.skipped for report in run(jobs, resume=True)] == [True, False, True]


def test_a_run_over_one_photo_leaves_no_record_but_keeps_one_true(tmp_path: Path) -> None:
    (job,) = make_jobs(tmp_path, 1, suffix=".bmp")  # of the same size, whatever is in it
    other = PortraitSettings(SETTINGS.subject, Tutorial(1))
    run([job], everywhere=False)
    assert not (job.output.parent / NAME).exists()
    run([job])
    run([job], other, everywhere=False)
    assert not run([job], resume=True)[0].skipped


def test_the_names_of_what_was_made_are_known(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, 2)
    jobs[1] = dataclasses.replace(jobs[1], stages=jobs[1].output.with_name("1.stages.png"))
    run(jobs)
    names = {"0.portrait.png", "1.portrait.png", "1.stages.png"}
    assert made_in(jobs[0].output.parent) == names
    assert made_in(tmp_path) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are text")
def test_a_name_that_is_no_text_is_recorded_too(tmp_path: Path) -> None:
    (job,) = make_jobs(tmp_path, 1)
    odd = dataclasses.replace(
        job,
        photo=job.photo.rename(job.photo.with_name(os.fsdecode(b"caf\xe9.png"))),
        output=job.output.with_name(os.fsdecode(b"caf\xe9.portrait.png")),
    )
    run([odd])
    assert run([odd], resume=True)[0].skipped
    assert made_in(odd.output.parent) == {odd.output.name}


def test_an_empty_file_is_a_record_of_nothing(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    jobs[0].output.parent.mkdir()
    (jobs[0].output.parent / NAME).touch()  # killed before there was a table
    assert not any(report.skipped or report.error for report in run(jobs, resume=True))
    assert all(report.skipped for report in run(jobs, resume=True))


def garbage(path: Path) -> None:
    path.write_bytes(b"no database, but long enough to be looked at" * 100)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")


def without_columns(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE portraits (output)")
        database.execute(f"PRAGMA user_version = {VERSION}")


@pytest.mark.parametrize("damage", [garbage, newer, Path.mkdir])
def test_a_record_that_cannot_be_used_is_one_line_before_any_work(
    tmp_path: Path, damage: object
) -> None:
    jobs = make_jobs(tmp_path)
    folder = jobs[0].output.parent
    folder.mkdir()
    assert callable(damage)
    damage(folder / NAME)
    with pytest.raises(StoreError, match="remove") as raised:
        run(jobs, resume=True)
    assert str(folder / NAME) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not any(job.output.exists() for job in jobs)


def test_a_table_of_another_shape_is_a_line_for_each_photo(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    jobs[0].output.parent.mkdir()
    without_columns(jobs[0].output.parent / NAME)
    reports = run(jobs, resume=True)
    assert all("can't be used" in str(report.error) for report in reports)


def test_a_locked_record_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make_jobs(tmp_path)
    run(jobs)
    monkeypatch.setattr("toolkit.serving.record.WAIT_SECONDS", 0.01)
    path = jobs[0].output.parent / NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            run(jobs)


def test_a_kill_at_any_moment_leaves_a_record_that_is_true(tmp_path: Path) -> None:
    """Made with one recipe, then killed while made with another, into files of the same size."""
    line = [
        sys.executable,
        "-m",
        "tests.support.killing",
        "change",
        "portraits",
        str(tmp_path / "homes"),
    ]
    subprocess.run(line, check=True)
    homes = sorted((tmp_path / "homes").iterdir(), key=lambda home: int(home.name))
    assert len(homes) > 10
    first, second = SETTINGS, PortraitSettings(SETTINGS.subject, Tutorial(1))
    expected = {}
    for settings in (first, second):
        jobs = make_jobs(tmp_path / str(settings.style), 2, ".bmp")
        run(jobs, settings)
        expected[settings] = [job.output.read_bytes() for job in jobs]
    skipped = set()
    for home in homes:
        jobs = make_jobs(home, 2, ".bmp")
        found = [job.output.read_bytes() for job in jobs]
        assert all(
            one in (old, new)
            for one, old, new in zip(found, expected[first], expected[second], strict=True)
        )
        for settings in (first, second):  # whichever goes on, all is as it made it
            reports = run(jobs, settings, resume=True)
            assert [job.output.read_bytes() for job in jobs] == expected[settings]
            skipped.add((settings, tuple(report.skipped for report in reports)))
        assert not list(home.rglob("*.partial"))
    assert {(first, (True, True)), (first, (False, True)), (first, (False, False))} <= skipped
