"""The demo: every step leaves what it says."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import Command
from toolkit import demo
from toolkit.convert import read_manifest
from toolkit.errors import DownloadError
from toolkit.hub.store import Store
from toolkit.imaging import write_photo

pytestmark = pytest.mark.tensorflow

STEPS = ["fetch", "verify", "convert", "portrait", "parity", "bench"]


def test_the_demo_does_the_whole_job_without_a_network(toolkit: Command, home: Path) -> None:
    done = toolkit("demo")
    folder = home / "exported" / "demo"
    assert done.code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*STEPS, "results"]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["schema"] == "toolkit-demo"
    assert summary["passed"]
    assert [step["name"] for step in summary["steps"]] == STEPS
    manifest = read_manifest(folder / "mnv2_dm05_person.exact.opset18.onnx")
    assert manifest is not None
    assert manifest.verification["passed"]
    for name in ("portrait.png", "overlay.png", "stages.png"):
        assert cv2.imread(str(folder / name)) is not None, name


def test_a_photo_without_the_subject_goes_through_and_says_so(
    toolkit: Command, tmp_path: Path
) -> None:
    photo = tmp_path / "gray.png"
    write_photo(photo, np.full((90, 160, 3), 90, np.uint8))
    done = toolkit("demo", photo, "--output", tmp_path / "out")
    assert done.code == 0
    assert "no person found" in done.stdout
    result = cv2.imread(str(tmp_path / "out" / "portrait.png"))
    assert result is not None
    np.testing.assert_array_equal(result, 90)


def test_a_network_that_is_slow_or_wrong_does_not_stop_the_demo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []

    def refuse(*_: object, deadline: float, **__: object) -> None:
        asked.append(deadline)
        raise DownloadError("no origin answered")

    monkeypatch.setattr(demo, "fetch_model", refuse)
    steps: list[demo.DemoStep] = []
    found = demo._fetch(
        None,
        Store.default(),
        lambda name, line, **figures: steps.append(demo.DemoStep(name, line, figures)),
    )
    assert found.kind == "bundled"
    assert len(asked) == 1
    assert steps[0].figures["reason"] == "no origin answered"


def test_a_broken_photo_is_one_line(toolkit: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"")
    done = toolkit("demo", tmp_path / "broken.jpg")
    assert done.code == 3
    assert "broken.jpg" in done.stderr.splitlines()[-1]


def test_an_unknown_subject_is_a_usage_error(toolkit: Command) -> None:
    assert toolkit("demo", "--model", "mnv2_dm05_person", "--subject", "unicorn").code == 2
