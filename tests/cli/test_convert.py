"""``toolkit convert`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command, write_graph
from toolkit.convert import PROFILES
from toolkit.hub.catalog import load_catalog
from toolkit.hub.store import Store
from toolkit.imaging import write_photo

pytestmark = pytest.mark.tensorflow


def test_the_export_lies_where_it_says_and_beside_it_its_manifest(
    toolkit: Command, home: Path, tmp_path: Path
) -> None:
    graph = write_graph(tmp_path / "narrow.pb", crop=97, width=4)
    done = toolkit("convert", graph.source, "--opset", "13", "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    path = home / "exported" / "narrow.exact.opset13.onnx"
    assert document["path"] == str(path)
    assert document["published"]
    manifest = json.loads(path.with_name(path.name + ".json").read_text())
    assert manifest["schema"] == "toolkit-manifest"
    assert manifest["sha256"] == document["manifest"]["sha256"]
    assert toolkit("verify", graph.source, "--json").code == 0


def test_an_opset_out_of_range_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", "--opset", "10")
    assert done.code == 2
    assert "opset 10 is out of range; choose 11 to 18" in done.stderr


def test_an_onnx_file_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", load_catalog().bundled.onnx)
    assert done.code == 2
    assert "is an ONNX file already" in done.stderr


def test_a_folder_that_can_not_be_written_is_one_line(toolkit: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = toolkit("convert", "--quiet", "--output", tmp_path / "file" / "a.onnx")
    assert done.code == 3
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.tensorflow
def test_a_profile_with_logits_lies_beside_the_one_without(toolkit: Command) -> None:
    for options in ([], ["--logits"]):
        done = toolkit(
            "convert", "mnv2_dm05_person", "--profile", "fit", *options, "--json", "--quiet"
        )
        assert done.code == 0, done.stderr
        manifest = json.loads(done.stdout)["manifest"]
        assert ("logits_output" in manifest["passes"]) == bool(options)
    names = {path.name for path in Store.default().exported.glob("*.onnx")}
    assert names == {
        "mnv2_dm05_person.fit.opset18.onnx",
        "mnv2_dm05_person.fit-logits.opset18.onnx",
    }


def test_the_profiles_are_listed_without_a_model(toolkit: Command) -> None:
    done = toolkit("convert", "--profiles")
    assert done.code == 0
    for name, profile in PROFILES.items():
        assert name in done.stdout
        assert ", ".join(profile.passes) in done.stdout


def test_a_profile_that_is_none_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", "mnv2_dm05_person", "--profile", "quick")
    assert done.code == 2
    assert "choose from: plain, exact" in done.stderr


@pytest.mark.tensorflow
def test_a_folder_of_photos_makes_an_export_in_bytes(toolkit: Command, tmp_path: Path) -> None:
    write_photo(
        tmp_path / "a.png", np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    )
    done = toolkit("convert", "mnv2_dm05_person", "--profile", "int8", "--calibrate", tmp_path)
    assert done.code == 0, done.stderr
    assert "calibrated on 1 photos only" in done.stderr
    assert "in bytes calibrated on 1 photos; " in done.stdout


def test_a_profile_in_bytes_without_photos_is_a_usage_error(toolkit: Command) -> None:
    done = toolkit("convert", "mnv2_dm05_person", "--profile", "int8")
    assert done.code == 2
    assert "needs photos to be calibrated on; add --calibrate DIR" in done.stderr
