"""A gate one of whose sides crashes or is killed: real processes, real signals."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.conftest import ROOT, Command
from toolkit.bench.files import read_report
from toolkit.imaging import write_photo

KILLED = "died of signal 9 (Killed, as the system does where memory runs out): out of memory"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write_photo(path, np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8))
    return path


def python_that_dies(folder: Path, last_words: str, after: int = 0) -> Path:
    """An interpreter that works so many times, then says its last words and is killed."""
    path = folder / "python"
    path.write_text(f"""#!/bin/sh
echo once more >> "{folder}/starts"
if [ "$(wc -l < "{folder}/starts")" -le {after} ]; then
  PYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"
fi
printf '%b\\n' "{last_words}" >&2
kill -KILL $$
""")
    path.chmod(0o755)
    return path


def gate_of(toolkit: Command, folder: Path, photo: Path, base: str, head: str) -> tuple[int, str]:
    files = ("--output", folder / "gate.json", "--junit", folder / "gate.xml")
    outcome = toolkit(
        *("gate", photo, "--model", "mnv2_dm05_person", "--base", base, "--head", head),
        *("--iterations", "1", "--summary", folder / "gate.md", *files),
    )
    return outcome.code, outcome.stderr


@pytest.mark.parametrize("good", [0, 1])
def test_a_head_killed_for_memory_is_named_with_its_last_words_and_the_bases_rounds_are_kept(
    toolkit: Command, tmp_path: Path, photo: Path, good: int
) -> None:
    python = python_that_dies(tmp_path, "growing\\nout of memory", after=good)
    code, said = gate_of(toolkit, tmp_path, photo, "onnx", f"onnx@python={python}")
    assert code == 3
    problem = f"head, round {good}: {KILLED}"
    assert said.splitlines()[-1].startswith(f"toolkit: {problem}; 3 processes failed")
    report = read_report(tmp_path / "gate.json")
    rounds = {times.name: len(times.rounds) for times in report.variants}
    assert rounds == {"base": good + 3, "control": good + 3} | ({"head": good} if good else {})
    assert [failure.variant for failure in report.failures] == ["head"] * 3
    assert report.failures[0].problem == problem
    assert report.failures[0].stderr == "growing\nout of memory"
    root = ET.fromstring((tmp_path / "gate.xml").read_bytes())  # noqa: S314 - made here
    errors = {case.get("name"): case.findtext("error") for case in root.iter("testcase")}
    assert problem in str(errors.pop("gate"))
    assert problem in str(errors.pop("head"))
    assert errors == {"base": None, "control": None}
    assert "growing\nout of memory" in str(root.findtext(".//system-err"))
    summary = (tmp_path / "gate.md").read_text()
    assert summary.startswith("## toolkit gate: could not run")
    assert f"head, round {good}: died of signal 9" in summary


def test_a_base_that_always_crashes_leaves_the_heads_rounds(
    toolkit: Command, tmp_path: Path, photo: Path
) -> None:
    python = python_that_dies(tmp_path, "out of memory")
    code, said = gate_of(toolkit, tmp_path, photo, f"onnx@python={python}", "onnx")
    assert code == 3
    assert KILLED in said
    report = read_report(tmp_path / "gate.json")
    assert [times.name for times in report.variants] == [report.baseline] == ["head"]


def test_where_no_process_ended_well_there_are_no_rounds_to_keep(
    toolkit: Command, tmp_path: Path, photo: Path
) -> None:
    python = f"onnx@python={python_that_dies(tmp_path, 'out of memory')}"
    code, said = gate_of(toolkit, tmp_path, photo, python, python)
    assert code == 3
    assert KILLED in said
    assert not (tmp_path / "gate.json").exists()
    assert "out of memory" in (tmp_path / "gate.xml").read_text()
