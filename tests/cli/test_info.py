"""``toolkit info``: the facts, and a missing system library named instead of a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from toolkit import __version__
from toolkit.cli import info
from toolkit.host import available_cores

NO_LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"


def test_it_says_what_a_bug_report_needs(toolkit: Command, home: Path) -> None:
    outcome = toolkit("info")
    assert outcome.code == 0
    for words in (f"{available_cores()} for thread pools", "CPUExecutionProvider", str(home)):
        assert words in outcome.stdout
    assert "backend onnx" in outcome.stdout
    assert "PROBLEM" not in outcome.stdout


def test_json_is_one_document_with_the_same_facts(toolkit: Command, home: Path) -> None:
    outcome = toolkit("info", "--json")
    document = json.loads(outcome.stdout)
    assert document["host"]["versions"]["toolkit"] == __version__
    assert document["host"]["available_cores"] == available_cores()
    assert document["backends"][0]["threads"] == available_cores()
    assert document["models"] == str(home / "models")
    assert document["problems"] == []


def test_it_never_imports_tensorflow() -> None:
    code = (
        "import sys; from toolkit.cli.info import collect_info; collect_info();"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout.strip() == "False", done.stderr


def test_a_package_that_is_missing_is_named(
    toolkit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(info, "NEEDED", {"no_such_module": "no-such-package"})
    outcome = toolkit("info")
    assert outcome.code == 3
    assert "no-such-package: can't be loaded" in outcome.stdout
    assert "pip install no-such-package" in outcome.stderr
    assert "unknown: ONNX Runtime can't be loaded" in outcome.stdout


@pytest.fixture
def broken_opencv(tmp_path: Path) -> Path:
    """A folder whose cv2 fails as OpenCV's does on a slim image."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "cv2.py").write_text(f"raise ImportError({NO_LIBGL!r})")
    return folder


def run_with(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-P", "-m", "toolkit", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )


def test_a_missing_system_library_is_named_and_the_rest_still_shown(broken_opencv: Path) -> None:
    done = run_with(broken_opencv, "info")
    assert done.returncode == 3
    assert "opencv-python: system library libGL.so.1 is missing" in done.stdout
    assert "CPUExecutionProvider" in done.stdout
    assert "for thread pools" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "apt-get install libgl1 libglib2.0-0" in done.stderr


def test_json_names_a_missing_system_library_too(broken_opencv: Path) -> None:
    done = run_with(broken_opencv, "info", "--json")
    assert done.returncode == 3
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["package"] == "opencv-python"
    assert "libgl1" in problem["remedy"]


@pytest.mark.parametrize("command", [["bench"], ["portrait", "photo.jpg"], ["parity", "photo.jpg"]])
def test_every_command_that_needs_it_says_so_in_one_line(
    broken_opencv: Path, command: list[str]
) -> None:
    done = run_with(broken_opencv, *command)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == (
        "toolkit: system library libGL.so.1 is missing; "
        "on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0\n"
    )
