"""Backends of other packages: found by their entry point, a broken one passed over and named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from toolkit.backends import BACKENDS
from toolkit.backends.registry import Registry

BUILT_IN = [BACKENDS[name] for name in ("onnx", "tf", "openvino", "opencv")]

GOOD = """
from toolkit.backends.base import BackendSpec

def load():
    raise RuntimeError("not to be loaded here")

SPEC = BackendSpec("fancy", artifact="onnx", extra=None, packages=(), load=load)
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
    found = Registry(BUILT_IN)
    assert found["fancy"].artifact == "onnx"
    assert not caplog.records


def test_a_plugin_is_imported_when_its_backend_is_asked_for(site: Path) -> None:
    install(site, "plugged_lazy", GOOD, "fancy = plugged_lazy:SPEC")
    registry = Registry(BUILT_IN)
    assert registry["onnx"].name == "onnx"
    assert "plugged_lazy" not in sys.modules
    assert registry["fancy"].name == "fancy"
    assert "plugged_lazy" in sys.modules


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
            "its BackendSpec is called onnx",
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
    install(site, f"{module}_beside", GOOD, f"fancy = {module}_beside:SPEC")
    found = Registry(BUILT_IN)
    assert set(found) - {spec.name for spec in BUILT_IN} == {"fancy"}
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
