"""Settings for every test and docstring example: an empty store, offline, nobody's environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store of the test's own, and no settings from the developer's environment."""
    for name in list(os.environ):
        if name.startswith("TOOLKIT_") or name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("TOOLKIT_HOME", str(folder))
    monkeypatch.setenv("TOOLKIT_OFFLINE", "1")
    return folder
