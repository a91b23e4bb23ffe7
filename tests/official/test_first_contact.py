"""`make test-official`, tried on a server of this machine that stands in for the origin."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.http_server import serving, status, whole
from tests.support.packing import GRAPH, member, tar_gz
from tests.support.real import PUBLIC_DOMAIN, public_photos
from toolkit.hub.catalog import load_catalog

pytestmark = pytest.mark.tensorflow

NAME = "deeplabv3_mnv2_pascal_2018"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile, whose environment is that of this test."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for stamp in (".locked", ".ready"):
        (folder / ".venv" / stamp).touch()
    return folder


def first_contact(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the target there; the network is this machine's alone."""
    environment = {name: value for name, value in os.environ.items() if name != "TOOLKIT_OFFLINE"}
    return subprocess.run(
        ["make", "--no-print-directory", "test-official", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        env=environment | {"PYTHONPATH": str(ROOT), "TOOLKIT_MIRROR": "/nowhere"},
        timeout=900,
    )


@pytest.mark.slow
def test_an_archive_goes_the_whole_way_and_the_report_is_kept(
    checkout: Path, home: Path, shared: Path
) -> None:
    archive = (shared / "mirror" / f"{NAME}.tar.gz").read_bytes()
    with serving() as origin:
        url = origin.serve(f"/{NAME}.tar.gz", whole(archive))
        shorter = ("PROFILES=exact", "PHOTOS=1", "ACCEPTANCE=finds_the_people or opencv_reads")
        run = first_contact(checkout, f"NAME={NAME}", f"FROM={url}", *shorter)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    for step in ("fetch", "inspect", "verify", "convert exact", "parity exact"):
        assert f"\n== {step}: toolkit " in run.stdout
    assert "evaluate nprportrait" in run.stdout
    assert re.search(r"\n2 passed, .*\n", run.stdout)
    assert re.search(r"\nacceptance +\d+\.\d s  ok\n", run.stdout)
    assert run.stdout.splitlines()[-1] == f"{NAME}: everything held"
    made = checkout / "build" / "official"
    report = (made / "layout.txt").read_text()
    assert report in run.stdout
    assert "exact     applies" in report
    assert (made / "store" / "exported" / f"{NAME}.exact.opset18.onnx").exists()
    assert not home.exists()


def test_an_origin_that_can_not_be_reached_is_one_line_and_exit_3(checkout: Path) -> None:
    with serving() as origin:
        url = origin.serve("/a.tar.gz", status(404))
        run = first_contact(checkout, "NAME=a", f"FROM={url}")
    line, make_stops = run.stderr.splitlines()
    assert line.startswith(f"test-official: {url}: ")
    assert make_stops.endswith("Error 3")
    assert run.stdout == ""


@pytest.mark.slow
def test_an_archive_that_is_refused_is_described(checkout: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as loaded:
        tf.io.write_file("stolen", "secret", name="SemanticPredictions")
    archive = tar_gz(member(GRAPH, loaded.as_graph_def().SerializeToString()))
    with serving() as origin:
        url = origin.serve("/a.tar.gz", whole(archive))
        run = first_contact(checkout, "NAME=a", f"FROM={url}")
    assert run.stderr.splitlines()[-1].endswith("Error 1")
    assert "uses operations that inference does not need: WriteFile" in run.stdout
    assert "WriteFile 1" in (checkout / "build" / "official" / "layout.txt").read_text()


def test_other_bytes_than_the_catalog_pins_fail(checkout: Path) -> None:
    spec = load_catalog().default
    with serving() as origin:
        url = origin.serve(f"/{spec.archive}", whole(gzip.compress(b"something else")))
        run = first_contact(checkout, f"FROM={url}")
    assert run.stderr.splitlines()[-1].endswith("Error 1")
    assert f"expected {spec.size}" in run.stdout


def test_its_photos_are_public_domain_or_cc0_by_their_own_documentation() -> None:
    import skimage.data

    photos = list(public_photos())
    assert len(photos) == len(PUBLIC_DOMAIN) > 4
    for photo in photos:
        said = getattr(skimage.data, photo.stem).__doc__
        assert re.search("CC0|public\\s+domain", said), photo.name


def test_a_step_that_fails_fails_the_run(tmp_path: Path) -> None:
    from tests.official.__main__ import Log, lost_quality

    log = Log(dict(os.environ) | {"PYTHONPATH": str(ROOT)})
    log.run("models", "models")
    log.run("inspect", "inspect", tmp_path / "missing.pb")
    log.skip("evaluate", "no dataset")
    assert log.failed == ["inspect"]
    names = ("tf", "onnx:a+exact", "onnx:a+fast")
    rows = [
        {"variant": name, "mean_iou": iou}
        for name, iou in zip(names, (0.9, 0.89, 0.88), strict=True)
    ]
    problems = lost_quality({"summary": rows}, [*names, "onnx:a+int8"])
    assert problems == ["onnx:a+int8 was not judged", "onnx:a+exact loses 0.0100 against TF1"]
