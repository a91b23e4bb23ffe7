"""Backends of other packages: found by their entry point, a broken one passed over and named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from toolkit.backends import BACKENDS
from toolkit.backends.plugins import plugged_in
from toolkit.errors import BackendError

GOOD = """
from toolkit.backends.base import BackendSpec

def load():
    raise RuntimeError("not to be loaded here")

SPEC = BackendSpec("fancy", artifact="onnx", extra=None, packages=(), load=load)
"""


BEFORE_PROVIDERS = """
from toolkit.backends.base import BackendSpec

class Fancy:
    one_subject = False

    def __init__(self, artifact, *, threads):
        self.threads = threads

SPEC = BackendSpec("fancy", artifact="onnx", extra=None, packages=(), load=lambda: Fancy)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, where a distribution can be put."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, module: str, code: str, *entries: str) -> None:
    """Put a distribution with one module and entry points into the folder."""
    (site / f"{module}.py").write_text(code)
    about = site / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = "\n".join(entries)
    (about / "entry_points.txt").write_text(f"[toolkit.backends]\n{lines}\n")


def test_another_packages_backend_is_found(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    install(site, "plugged_good", GOOD, "fancy = plugged_good:SPEC")
    found = plugged_in(BACKENDS)
    assert found["fancy"].artifact == "onnx"
    assert not caplog.records


def test_one_from_before_there_were_providers_opens_and_refuses_to_be_told_one(
    site: Path, tmp_path: Path
) -> None:
    install(site, "plugged_before", BEFORE_PROVIDERS, "fancy = plugged_before:SPEC")
    spec = plugged_in(BACKENDS)["fancy"]
    assert spec.open(tmp_path, threads=3).threads == 3
    with pytest.raises(BackendError, match="fancy backend can't be told a provider; leave"):
        spec.open(tmp_path, threads=3, provider="CPU")


def test_one_from_before_exports_of_one_subject_is_refused_by_name(
    site: Path, tmp_path: Path
) -> None:
    before = BEFORE_PROVIDERS.replace("    one_subject = False\n", "")
    install(site, "plugged_older", before, "fancy = plugged_older:SPEC")
    spec = plugged_in(BACKENDS)["fancy"]
    with pytest.raises(BackendError, match=r"fancy backend .* made for an older toolkit; update"):
        spec.open(tmp_path, threads=3)


@pytest.mark.parametrize(
    ("module", "code", "entry", "reason"),
    [
        ("plugged_raises", "1 / 0", "bad = plugged_raises:SPEC", "ZeroDivisionError"),
        ("plugged_needs", "import no_such_module", "bad = plugged_needs:SPEC", "no_such_module"),
        ("plugged_lacks", "", "bad = plugged_lacks:SPEC", "AttributeError"),
        ("plugged_odd", "SPEC = 3", "bad = plugged_odd:SPEC", "is a int, not a BackendSpec"),
        (
            "plugged_taken",
            GOOD.replace("fancy", "onnx"),
            "bad = plugged_taken:SPEC",
            "there is a backend onnx already",
        ),
    ],
)
def test_a_broken_one_is_named_and_passed_over_and_the_others_stay(
    site: Path,
    caplog: pytest.LogCaptureFixture,
    module: str,
    code: str,
    entry: str,
    reason: str,
) -> None:
    install(site, module, code, entry)
    install(site, f"{module}_beside", GOOD, f"zz = {module}_beside:SPEC")
    assert list(plugged_in(BACKENDS)) == ["fancy"]
    (record,) = caplog.records
    text = record.getMessage()
    assert f"passing over the backend plug-in bad of {module}: " in text
    assert reason in text


def test_a_plugged_in_backend_is_in_the_registry_of_a_new_process(site: Path) -> None:
    install(site, "plugged_new", GOOD, "fancy = plugged_new:SPEC")
    run = subprocess.run(
        [sys.executable, "-m", "toolkit", "info"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}"},
    )
    assert "backend fancy" in run.stdout
