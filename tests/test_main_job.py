"""The main job on the real network and real photos, as a user does it."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command, write_graph
from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.tf import TfBackend
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import ensure_artifact
from toolkit.parity import compare_label_maps
from toolkit.portrait import preprocess

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

NAME = "deeplabv3_mnv2_pascal_coral"
GRAPH_SHA256 = "8fc172de91bd315fbaf3e76c567f3582c8167a5ddceedbb9df28e2241c60f2fd"


@pytest.fixture(scope="module")
def real_store(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the real network fetched and converted."""
    from toolkit.hub.fetch import fetch_model
    from toolkit.hub.publish import convert_model

    home = tmp_path_factory.mktemp("real")
    os.environ["TOOLKIT_HOME"] = str(home)
    try:
        fetched = fetch_model(origin=shared / "mirror" / f"{NAME}.tar.gz")
        assert fetched.name == NAME
        convert_model(resolve_model(NAME).graph())
    finally:
        del os.environ["TOOLKIT_HOME"]
    return home


@pytest.fixture
def in_real_store(real_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOOLKIT_HOME", str(real_store))
    return real_store


def photos_of(shared: Path) -> list[Path]:
    return sorted(path for path in (shared / "photos").iterdir() if path.suffix != ".tsv")


def test_verify_passes_on_every_photo(toolkit: Command, in_real_store: Path, shared: Path) -> None:
    images = [argument for path in photos_of(shared) for argument in ("--image", path)]
    done = toolkit("verify", NAME, *images, "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    assert document["passed"]
    assert document["graph_sha256"] == GRAPH_SHA256
    sizes = {Path(entry["name"]).name: entry["size"] for entry in document["inputs"]}
    assert sizes["derived_bike_riders_crop_1280x720.jpg"] == [288, 513]
    assert all(entry["export"] is not None for entry in document["inputs"])


def test_parity_passes_on_every_photo(toolkit: Command, in_real_store: Path, shared: Path) -> None:
    done = toolkit("parity", *photos_of(shared), "--model", NAME, "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    assert len(document["photos"]) == len(photos_of(shared)) >= 19
    assert all(entry["labels"]["agreement"] > 0.9999 for entry in document["photos"])


def test_portrait_finds_the_people_and_leaves_photos_without_any(
    toolkit: Command, in_real_store: Path, shared: Path, tmp_path: Path
) -> None:
    people = shared / "photos" / "derived_bike_riders_crop_1280x720.jpg"
    nobody = shared / "photos" / "nextcloud_steps_noperson_1200x1800.jpg"
    done = toolkit("portrait", people, nobody, "--model", NAME, "-o", tmp_path / "out", "--json")
    found = {Path(entry["photo"]).name: entry for entry in json.loads(done.stdout)["photos"]}
    assert done.code == 0
    assert found[people.name]["subject_found"]
    assert found[people.name]["network_size"] == [288, 513]
    assert not found[nobody.name]["subject_found"]


def test_the_export_is_the_same_after_another_conversion(
    toolkit: Command, in_real_store: Path, tmp_path: Path
) -> None:
    done = toolkit("convert", NAME, "--output", tmp_path / "again.onnx")
    assert done.code == 0
    kept = in_real_store / "exported" / f"{NAME}.exact.opset18.onnx"
    assert (tmp_path / "again.onnx").read_bytes() == kept.read_bytes()


def test_random_sizes_agree_under_the_near_tie_rule(in_real_store: Path, shared: Path) -> None:
    """What the network sees need not be a photo's proportions: any size from 1x1."""
    from toolkit.imaging import read_photo

    model = resolve_model(NAME)
    generator = np.random.default_rng(0)
    pictures = [preprocess(read_photo(path).bgr, (513, 513)) for path in photos_of(shared)]
    with (
        TfBackend(model.graph(), threads=2) as reference,
        OnnxBackend(ensure_artifact(model), threads=2) as candidate,
    ):
        for number in range(120):
            picture = pictures[number % len(pictures)]
            height, width = (int(generator.integers(1, side + 1)) for side in picture.shape[:2])
            image = np.ascontiguousarray(picture[:height, :width])
            found = reference.refer(image)
            compared = compare_label_maps(
                found.labels, candidate.infer(image).label_map, found.margins
            )
            assert compared.passed, (number, height, width, compared)


def test_exact_holds_on_every_photo_under_the_near_tie_rule(
    in_real_store: Path, shared: Path
) -> None:
    from toolkit.imaging import read_photo

    model = resolve_model(f"{NAME}+exact")
    with (
        TfBackend(model.graph(), threads=2) as reference,
        OnnxBackend(ensure_artifact(model), threads=2) as candidate,
    ):
        for path in photos_of(shared):
            image = preprocess(read_photo(path).bgr, reference.network.crop)
            found = reference.refer(image)
            compared = compare_label_maps(
                found.labels, candidate.infer(image).label_map, found.margins
            )
            assert compared.passed, (path.name, compared)


@pytest.mark.parametrize("profile", ["stride16", "fit", "fast"])
def test_profiles_that_may_change_labels_find_the_same_people(
    toolkit: Command, in_real_store: Path, shared: Path, tmp_path: Path, profile: str
) -> None:
    photo = shared / "photos" / "rice_rgba_801x1024.png"
    done = toolkit(
        "parity", photo, "--model", f"{NAME}+{profile}", "--min-agreement", "0.97",
        "--min-iou", "0.97",
    )  # fmt: skip
    assert done.code == 0, done.stdout


def test_an_archive_of_another_crop_and_width_given_by_path_works_in_every_command(
    toolkit: Command, home: Path, shared: Path, tmp_path: Path
) -> None:
    graph = write_graph(tmp_path / "graph.pb", crop=193, width=12, seed=11)
    archive = tmp_path / "somebody_elses_network.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(graph.source, "deeplab/frozen_inference_graph.pb")
    photo = shared / "photos" / "hopper_tiny_128x128.jpg"
    assert "crop 193x193" in toolkit("verify", archive).stdout
    assert toolkit("convert", archive).code == 0
    for backend in ("onnx", "tf"):
        out = tmp_path / f"{backend}.png"
        # of the label map alone: only TF1 gives the natural style its logits here
        options = ("--backend", backend, "--style", "tutorial", "-o", out)
        done = toolkit("portrait", photo, "--model", archive, *options)
        assert done.code == 0
    assert (tmp_path / "onnx.png").read_bytes() == (tmp_path / "tf.png").read_bytes()
    assert toolkit("parity", photo, "--model", archive).code == 0
    assert toolkit("demo", photo, "--model", archive, "-o", tmp_path / "demo").code == 0
    done = toolkit(
        "bench", photo, "--model", archive, "--rounds", "1", "--iterations", "1", "--warmup", "0"
    )
    assert done.code == 0
    assert toolkit("fetch", "--from", archive).code == 0
    listed = json.loads(toolkit("models", "--json").stdout)
    assert "somebody_elses_network" in json.dumps(listed)
    assert toolkit("parity", photo, "--model", "somebody_elses_network").code == 0
