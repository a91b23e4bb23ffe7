"""The main job on the real network and real photos, as a user does it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command, write_graph
from tests.support.real import RealNetwork, RealPhotos
from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.tf import TfBackend
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import ensure_artifact
from toolkit.imaging import read_photo
from toolkit.parity import compare_label_maps
from toolkit.portrait import preprocess

pytestmark = [pytest.mark.acceptance, pytest.mark.tensorflow, pytest.mark.slow]


def network_size(photo: Path, network: RealNetwork) -> list[int]:
    """Height and width at which the network sees a photo."""
    height, width = preprocess(read_photo(photo).bgr, network.crop).shape[:2]
    return [height, width]


def test_verify_passes_on_every_photo(
    toolkit: Command, in_real_store: RealNetwork, real_photos: RealPhotos
) -> None:
    images = [argument for path in real_photos.paths for argument in ("--image", path)]
    done = toolkit("verify", in_real_store.name, *images, "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    assert document["passed"]
    assert document["graph_sha256"] == in_real_store.graph_sha256
    sizes = {Path(entry["name"]).name: entry["size"] for entry in document["inputs"]}
    for path in real_photos.paths:
        assert sizes[path.name] == network_size(path, in_real_store)
    assert all(entry["export"] is not None for entry in document["inputs"])


def test_parity_passes_on_every_photo(
    toolkit: Command, in_real_store: RealNetwork, real_photos: RealPhotos
) -> None:
    done = toolkit("parity", *real_photos.paths, "--model", in_real_store.name, "--json")
    document = json.loads(done.stdout)
    assert done.code == 0
    assert len(document["photos"]) == len(real_photos.paths) > 0
    assert all(entry["labels"]["agreement"] > 0.9999 for entry in document["photos"])


def test_portrait_finds_the_people_and_leaves_photos_without_any(
    toolkit: Command, in_real_store: RealNetwork, real_photos: RealPhotos, tmp_path: Path
) -> None:
    people, nobody = real_photos.people, real_photos.nobody
    options = ("--model", in_real_store.name, "-o", tmp_path / "out", "--json")
    done = toolkit("portrait", people, nobody, *options)
    found = {Path(entry["photo"]).name: entry for entry in json.loads(done.stdout)["photos"]}
    assert done.code == 0
    assert found[people.name]["subject_found"]
    assert found[people.name]["network_size"] == network_size(people, in_real_store)
    assert not found[nobody.name]["subject_found"]


def test_the_export_is_the_same_after_another_conversion(
    toolkit: Command, in_real_store: RealNetwork, tmp_path: Path
) -> None:
    done = toolkit("convert", in_real_store.name, "--output", tmp_path / "again.onnx")
    assert done.code == 0
    kept = ensure_artifact(resolve_model(in_real_store.name))
    assert isinstance(kept, Path)
    assert kept.is_relative_to(in_real_store.home)
    assert (tmp_path / "again.onnx").read_bytes() == kept.read_bytes()


def test_random_sizes_agree_under_the_near_tie_rule(
    in_real_store: RealNetwork, real_photos: RealPhotos
) -> None:
    """What the network sees need not be a photo's proportions: any size from 1x1."""
    model = resolve_model(in_real_store.name)
    generator = np.random.default_rng(0)
    pictures = [preprocess(read_photo(path).bgr, in_real_store.crop) for path in real_photos.paths]
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
    in_real_store: RealNetwork, real_photos: RealPhotos
) -> None:
    model = resolve_model(f"{in_real_store.name}+exact")
    with (
        TfBackend(model.graph(), threads=2) as reference,
        OnnxBackend(ensure_artifact(model), threads=2) as candidate,
    ):
        for path in real_photos.paths:
            image = preprocess(read_photo(path).bgr, reference.network.crop)
            found = reference.refer(image)
            compared = compare_label_maps(
                found.labels, candidate.infer(image).label_map, found.margins
            )
            assert compared.passed, (path.name, compared)


@pytest.mark.parametrize("profile", ["stride16", "fit", "fast"])
def test_profiles_that_may_change_labels_find_the_same_people(
    toolkit: Command, in_real_store: RealNetwork, real_photos: RealPhotos, profile: str
) -> None:
    model = ("--model", f"{in_real_store.name}+{profile}")
    least = str(real_photos.least_kept)
    limits = ("--min-agreement", least, "--min-iou", least)
    done = toolkit("parity", real_photos.portrait, *model, *limits)
    assert done.code == 0, done.stdout


def test_an_archive_of_another_crop_and_width_given_by_path_works_in_every_command(
    toolkit: Command, home: Path, real_photos: RealPhotos, tmp_path: Path
) -> None:
    graph = write_graph(tmp_path / "graph.pb", crop=193, width=12, seed=11)
    archive = tmp_path / "somebody_elses_network.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(graph.source, "deeplab/frozen_inference_graph.pb")
    photo = real_photos.small
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
