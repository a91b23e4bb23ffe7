"""``toolkit portrait`` over many photos: what is said, what is skipped, how it is stopped."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from tests.support.samples import PaintedBackend, random_photo
from toolkit.cli.console import Console
from toolkit.cli.portrait_summary import FEW
from toolkit.imaging import read_photo, write_photo
from toolkit.serving.record import NAME, made_in

MANY = FEW + 4


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> PaintedBackend:
    """A backend that needs no model, in place of the one the command would open."""
    backend = PaintedBackend()
    monkeypatch.setattr("toolkit.backends.base.BackendSpec.open", lambda *_, **__: backend)
    return backend


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """More photos than are spoken of one by one."""
    for number in range(MANY):
        write_photo(tmp_path / "photos" / f"{number:02}.png", random_photo(number, 30, 40))
    return tmp_path / "photos"


def test_of_many_photos_there_is_a_summary_with_the_bad_ones(
    toolkit: Command, painted: PaintedBackend, folder: Path, tmp_path: Path
) -> None:
    bad = [folder / "03.png", folder / "11.png"]
    for path in bad:
        path.write_bytes(b"broken")
    outcome = toolkit("portrait", folder, "-o", tmp_path / "made")
    assert outcome.code == 3
    head, *listed = outcome.stdout.splitlines()
    assert head == f"{MANY} photos: {MANY - 2} made, 2 not done:"
    assert [line.partition(": ")[0] for line in listed] == [f"  {path}" for path in bad]
    said = [line for line in outcome.stderr.splitlines() if line.startswith("toolkit: ")]
    assert [f"  {line.removeprefix('toolkit: ')}" for line in said] == listed
    assert len(list((tmp_path / "made").glob("*.png"))) == MANY - 2


def test_photos_without_the_subject_are_counted_and_named_with_verbose(
    toolkit: Command, painted: PaintedBackend, folder: Path, tmp_path: Path
) -> None:
    options = (folder, "--subject", "cat", "-o", tmp_path / "made")
    outcome = toolkit("portrait", *options, "--require-subject")
    assert outcome.code == 1
    summary = f"{MANY} photos: {MANY} made, {MANY} of them without the subject, unchanged"
    assert outcome.stdout.splitlines() == [summary]
    assert "no cat found" not in outcome.stderr
    named = toolkit("portrait", *options, "--verbose").stderr
    assert all(f"{folder / f'{n:02}.png'}: no cat found" in named for n in range(MANY))


def test_resume_skips_what_is_done_and_ends_as_the_whole_run_would(
    toolkit: Command, painted: PaintedBackend, folder: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    options = ("portrait", folder, "-o", made, "--subject", "cat", "--require-subject", "--json")
    whole = toolkit(*options)
    made.joinpath("05.portrait.png").unlink()
    seen = len(painted.seen)
    resumed = toolkit(*options, "--resume")
    assert len(painted.seen) == seen + 1
    assert (whole.code, resumed.code) == (1, 1)
    documents = [json.loads(outcome.stdout)["photos"] for outcome in (whole, resumed)]
    skipped = [report.pop("skipped") for report in documents[1]]
    assert skipped == [number != 5 for number in range(MANY)]
    for report in documents[0]:
        assert report.pop("skipped") is False
    assert documents[0] == documents[1]


def test_the_summary_tells_made_from_done_before(
    toolkit: Command, painted: PaintedBackend, folder: Path
) -> None:
    toolkit("portrait", folder)
    folder.joinpath("05.portrait.png").unlink()
    outcome = toolkit("portrait", folder, "--resume")
    assert outcome.stdout.splitlines() == [f"{MANY} photos: 1 made, {MANY - 1} done before"]
    few = toolkit("portrait", folder / "00.png", folder / "05.png", "--resume").stdout.splitlines()
    assert few[0] == f"{folder / '00.png'}: photo 40x30, network input 65x48"
    assert few[2] == f"  done before: {folder / '00.portrait.png'}"
    assert few[-1] == "2 photos: 0 made, 2 done before"


def test_a_setting_changed_is_made_anew(
    toolkit: Command, painted: PaintedBackend, folder: Path
) -> None:
    toolkit("portrait", folder)
    outcome = toolkit("portrait", folder, "--resume", "--strength", "3")
    assert outcome.stdout.splitlines() == [f"{MANY} photos: {MANY} made"]


def test_the_number_of_workers_is_no_setting(
    toolkit: Command, painted: PaintedBackend, folder: Path
) -> None:
    toolkit("portrait", folder, "--workers", "1")
    outcome = toolkit("portrait", folder, "--resume", "--workers", "3")
    assert "3 workers" in outcome.stderr
    assert outcome.stdout.splitlines() == [f"{MANY} photos: 0 made, {MANY} done before"]


@pytest.mark.parametrize(
    ("options", "recorded"), [((), False), (("--resume",), True), (("other.png",), True)]
)
def test_one_photo_leaves_a_record_only_where_it_is_asked_for(
    toolkit: Command,
    painted: PaintedBackend,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    recorded: bool,
) -> None:
    monkeypatch.chdir(folder)
    folder.joinpath("00.png").rename("other.png")
    assert toolkit("portrait", "01.png", *options).code == 0
    assert (folder / NAME).exists() == recorded


def test_a_folder_of_one_photo_is_recorded(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path
) -> None:
    write_photo(tmp_path / "photos/me.png", random_photo(1, 30, 40))
    assert toolkit("portrait", tmp_path / "photos").code == 0
    assert made_in(tmp_path / "photos") == {"me.portrait.png"}


def test_threads_of_a_config_are_those_of_one_photo_alone(
    toolkit: Command, monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    asked = []

    def load(*_: object, threads: int, provider: str | None) -> PaintedBackend:
        asked.append(threads)
        return PaintedBackend()

    monkeypatch.setattr("toolkit.backends.base.BackendSpec.open", load)
    monkeypatch.setattr("toolkit.serving.batch.available_cores", lambda: 4)
    config = tmp_path / "config.toml"
    config.write_text('schema = "toolkit-config"\nversion = 1\nthreads = 3\n')
    toolkit("portrait", folder / "00.png", "--config", config)
    toolkit("portrait", folder, "--config", config)
    toolkit("portrait", folder, "--config", config, "--threads", "2")
    assert asked == [3, 1, 2]


SLOW = """
import signal, time
from tests.support.samples import PaintedBackend
from toolkit.backends.base import BackendSpec
from toolkit.cli import main

class Slow(PaintedBackend):
    def segment(self, image, *, subject=None):
        time.sleep(0.05)
        return super().segment(image, subject=subject)

BackendSpec.open = lambda *_, **__: Slow()
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background
main()
"""
"""The command line on a backend that takes its time."""


def stopped(number: int, photos: Path, made: Path) -> subprocess.CompletedProcess[str]:
    """Start a run, and send it a signal when a few portraits are there."""
    line = [sys.executable, "-c", SLOW, "portrait", str(photos), "-o", str(made), "--workers", "2"]
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    end = time.monotonic() + 60
    while len(list(made.glob("*.png"))) < 3:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(line, process.returncode, out, err)


def portraits(made: Path) -> list[str]:
    """The portraits in a folder, each of which must be whole."""
    paths = sorted(path for path in made.iterdir() if not path.name.startswith("."))
    for path in paths:
        assert read_photo(path).bgr.shape == (30, 40, 3)
    return [path.name for path in paths]


def test_an_interrupt_leaves_whole_files_and_resume_goes_on(
    toolkit: Command, painted: PaintedBackend, folder: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    run = stopped(signal.SIGINT, folder, made)
    assert run.returncode == 130
    assert run.stdout == ""
    done = portraits(made)
    assert 3 <= len(done) < MANY
    assert sorted(path.name for path in made.iterdir()) == [NAME, *done]
    assert made_in(made) == set(done)
    told, ended = run.stderr.splitlines()[-2:]
    assert told.startswith(f"toolkit: {len(done)} of {MANY} portraits are done; ")
    assert told.endswith("--resume goes on")
    assert ended == "toolkit: interrupted; nothing half-written was left"
    resumed = toolkit("portrait", folder, "-o", made, "--resume")
    assert resumed.code == 0
    assert len(painted.seen) == MANY - len(done)
    assert len(portraits(made)) == MANY


def test_a_kill_leaves_whole_files_and_resume_goes_on(
    toolkit: Command, painted: PaintedBackend, folder: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    assert stopped(signal.SIGKILL, folder, made).returncode == -signal.SIGKILL
    done = portraits(made)
    assert made_in(made) <= set(done)
    assert len(done) - len(made_in(made)) <= 2  # in place, and not yet written down
    recorded = len(made_in(made))
    assert toolkit("portrait", folder, "-o", made, "--resume").code == 0
    assert len(painted.seen) == MANY - recorded
    assert len(portraits(made)) == MANY
    assert not list(made.glob(".*.partial"))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_bar_counts_photos_and_what_is_said_stands_above_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal, results = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", results)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    console = Console()
    with console.progress("making portraits", "photos") as progress:
        progress(3, 40)
        console.warn("a word on the way")
        console.result("a result")
    shown = re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()))
    assert any("3/40 photos" in line for line in shown)
    assert "a word on the way" in shown  # not behind the bar
    assert results.getvalue() == "a result\n"  # a file: not taken to the terminal
    handler = logging.getLogger("toolkit").handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is terminal


def test_there_is_no_bar_where_stderr_is_a_file_or_nothing_is_to_be_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Console(quiet=quiet).progress("making portraits", "photos") as progress:
            progress(3, 40)
        assert stream.getvalue() == ""
