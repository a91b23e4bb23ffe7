"""What an installer meets: the lock, the Makefile, and what importing the package costs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT
from toolkit import __version__
from toolkit.backends import BACKENDS
from toolkit.errors import MissingDependencyError

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
CONVERTER = {"tensorflow", "keras", "tf2onnx", "onnx"}
HEAVY = CONVERTER | {"numpy", "cv2", "onnxruntime", "PIL", "skimage", "scipy", "requests"}
HEAVY |= {"matplotlib", "jinja2", "av"}


@dataclass(frozen=True)
class Pin:
    """A requirement of the lock and the hashes its files may have."""

    requirement: Requirement
    hashes: list[str]


def pins() -> list[Pin]:
    """The lock's pins that apply to this interpreter."""
    lines = [line for line in LOCK.splitlines() if not line.lstrip().startswith("#")]
    entries = "\n".join(lines).replace("\\\n", " ").splitlines()
    found = [
        Pin(
            Requirement(entry.partition("--hash")[0]),
            re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry),
        )
        for entry in entries
        if entry.strip()
    ]
    return [pin for pin in found if not pin.requirement.marker or pin.requirement.marker.evaluate()]


def declared() -> list[Requirement]:
    """Everything pyproject.toml asks for: base, extras, development."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = [PROJECT["project"]["dependencies"], *extras, PROJECT["dependency-groups"]["dev"]]
    return [Requirement(text) for group in groups for text in group]


def test_the_lock_names_no_index_and_no_host() -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host|@ ", LOCK)


def test_every_pin_of_the_lock_is_one_version_with_hashes() -> None:
    for pin in pins():
        assert [part.operator for part in pin.requirement.specifier] == ["=="], pin
        assert pin.hashes, pin


def test_the_lock_holds_everything_that_the_project_declares() -> None:
    locked = {canonicalize_name(pin.requirement.name): pin.requirement for pin in pins()}
    for requirement in declared():
        (pinned,) = locked[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(pinned.version), f"{requirement}: make lock"


def to_install(text: str) -> list[Requirement]:
    """What the `pip install` lines of a text ask for, by name and not from a checkout."""
    words = re.findall(r"pip install '?([a-z][a-z0-9-]*(?:\[[a-z,]+\])?)", text)
    return [Requirement(word) for word in words]


def test_a_missing_extra_is_installed_by_the_name_of_the_distribution() -> None:
    error = MissingDependencyError.of_extra("the report needs jinja2", "report")
    (requirement,) = to_install(error.remedy)
    assert requirement.name == PROJECT["project"]["name"]
    assert requirement.extras == {"report"}


def test_every_extra_that_is_named_to_users_is_declared() -> None:
    declared_extras = set(PROJECT["project"]["optional-dependencies"])
    assert {spec.extra for spec in BACKENDS.values() if spec.extra} <= declared_extras
    named = to_install((ROOT / "README.md").read_text())
    assert {requirement.name for requirement in named} == {PROJECT["project"]["name"]}
    assert set().union(*(requirement.extras for requirement in named)) == declared_extras


def test_the_version_stands_in_the_package_alone() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    source = ROOT / PROJECT["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{__version__}"\n' in source.read_text()


def test_the_changelog_says_what_is_in_this_version() -> None:
    headings = re.findall(r"^## \[(.+)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0][0] in {"Unreleased", __version__}
    released = [Version(name) for name, _ in headings if name != "Unreleased"]
    assert released == sorted(released, reverse=True)
    assert all(version <= Version(__version__) for version in released)
    for name, date in headings:
        assert (name == "Unreleased") == (not re.fullmatch(r" - \d{4}-\d\d-\d\d", date)), name


def loaded_by(statement: str, home: Path) -> set[str]:
    """The top-level modules in a fresh interpreter after `statement`."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=home.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return set(run.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy(home: Path) -> None:
    assert not loaded_by("import toolkit, toolkit.errors, toolkit.hub.catalog", home) & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["portrait", "--help"], ["verify", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str], home: Path) -> None:
    statement = f"""
import contextlib, io, sys
from toolkit.cli import main
sys.argv = ["toolkit", *{arguments!r}]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""
    assert not loaded_by(statement, home) & HEAVY


def modules() -> list[str]:
    """Every module of the package that can be imported without running a command."""
    files = (ROOT / "toolkit").rglob("*.py")
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return sorted(name.removesuffix(".__init__") for name in names if "__main__" not in name)


def test_no_module_imports_tensorflow_or_the_converter_at_its_top(home: Path) -> None:
    found = modules()
    assert {"toolkit.cli", "toolkit.graphs", "toolkit.backends.onnx", "toolkit.verify"} <= {*found}
    assert not loaded_by(f"import {', '.join(found)}", home) & CONVERTER


FAKE_PYTHON = """#!/bin/sh
# Stands in for an interpreter: answers the version check, makes an environment that logs.
case "$1 $2" in
  "-c "*) exit ${SUITS:-0} ;;
  "-m venv")
    if [ "$3" = --clear ]; then rm -rf .venv; fi
    mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo venv >> log ;;
  "-m pip")
    case "$*" in *requirements.lock*) step=lock ;; *) step=project ;; esac
    if [ "$FAILS" = $step ]; then exit 1; fi
    echo $step >> log ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and a Python that only pretends."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        age(Path(shutil.copy(ROOT / name, folder)), seconds=100)
    executable(folder / "bin" / "python3.12", FAKE_PYTHON)
    executable(folder / "bin" / "python3.13", "#!/bin/sh\nexit 127\n")
    return folder


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def install(checkout: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the Makefile up to the point where the environment is ready."""
    return subprocess.run(
        ["make", "--no-print-directory", ".venv/.ready"],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin"} | settings,
    )


def log_of(checkout: Path) -> list[str]:
    log = checkout / "log"
    return log.read_text().split() if log.exists() else []


def test_make_passes_over_a_python_that_does_not_run(checkout: Path) -> None:
    assert install(checkout).returncode == 0
    assert log_of(checkout) == ["venv", "lock", "project"]


def test_make_installs_again_only_what_changed(checkout: Path) -> None:
    install(checkout)
    install(checkout)
    assert log_of(checkout) == ["venv", "lock", "project"]
    edit(checkout / "pyproject.toml", checkout)
    install(checkout)
    assert log_of(checkout)[3:] == ["project"]
    edit(checkout / "requirements.lock", checkout)
    install(checkout)
    assert log_of(checkout)[4:] == ["venv", "lock", "project"]


def edit(path: Path, checkout: Path) -> None:
    """Make a file newer than the environment, without waiting for the clock."""
    for stamp in (".locked", ".ready"):
        age(checkout / ".venv" / stamp, seconds=50)
    age(path, seconds=10)


def age(path: Path, *, seconds: int) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_make_starts_an_interrupted_install_again_from_nothing(checkout: Path) -> None:
    assert install(checkout, FAILS="lock").returncode
    (checkout / ".venv" / "half-installed").touch()
    assert install(checkout).returncode == 0
    assert log_of(checkout) == ["venv", "venv", "lock", "project"]
    assert not (checkout / ".venv" / "half-installed").exists()


def test_make_says_in_one_line_that_no_python_suits(checkout: Path) -> None:
    run = install(checkout, PYTHON="python3.12", SUITS="1")
    assert run.returncode
    problem, _make_stops = run.stderr.splitlines()
    assert "Python 3.11 to 3.13" in problem
    assert "PYTHON=" in problem
    assert not (checkout / ".venv").exists()
