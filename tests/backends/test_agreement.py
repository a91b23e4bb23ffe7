"""Every runtime that runs the export against TF1, judged by the near-tie rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import write_graph
from tests.support.backends import load_backend
from tests.support.real import RealNetwork, RealPhotos
from toolkit.backends import BACKENDS
from toolkit.backends.tf import TfBackend
from toolkit.graphs import FrozenGraph, read_graph
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.imaging import demo_photo, read_photo
from toolkit.parity import compare_label_maps
from toolkit.portrait import PERSON, preprocess
from toolkit.portrait.alpha import probability_of
from toolkit.verify import synthetic_images

pytestmark = pytest.mark.tensorflow

BUNDLED = load_catalog().bundled
CANDIDATES = [name for name, spec in BACKENDS.items() if spec.artifact == "onnx"]


def check_agreement(
    graph: FrozenGraph, export: Path, images: Mapping[str, NDArray[np.uint8]], name: str
) -> None:
    """No label differs from TF1's but where rounding alone decides it."""
    with TfBackend(graph, threads=2) as reference, load_backend(name, export, threads=2) as other:
        for what, image in images.items():
            found = reference.refer(image)
            labels: NDArray[Any] = other.infer(image).label_map
            compared = compare_label_maps(found.labels, labels, found.margins)
            assert compared.passed, (name, what, compared)


def export_of(graph: FrozenGraph, folder: Path, opset: int = 18) -> Path:
    from toolkit.hub.publish import convert_model

    path = folder / f"{graph.name}.onnx"
    # the profile that every backend takes
    assert convert_model(graph, profile="plain", output=path, opset=opset).published
    return path


@pytest.fixture(scope="module")
def random_export(tiny_graph: FrozenGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_of(tiny_graph, tmp_path_factory.mktemp("random"))


def test_the_optional_runtimes_are_in_the_development_environment() -> None:
    assert {"onnx", "openvino", "opencv"} <= set(CANDIDATES)
    assert all(BACKENDS[name].installed for name in CANDIDATES)


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_bundled_network_agrees_on_a_photo_and_at_every_size(name: str) -> None:
    photo = preprocess(demo_photo(), BUNDLED.network.crop)
    images = {"demo photo": photo, **synthetic_images()}
    check_agreement(read_graph(BUNDLED.graph), BUNDLED.onnx, images, name)


@pytest.mark.parametrize("name", CANDIDATES)
def test_random_weights_agree_at_every_size(
    tiny_graph: FrozenGraph, random_export: Path, name: str
) -> None:
    """Random weights label a noisy image with many classes, so that a slip shows."""
    generator = np.random.default_rng(3)
    noise = {
        f"noise {width}x{height}": generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for height, width in ((65, 65), (65, 40), (9, 65), (200, 31))
    }
    check_agreement(tiny_graph, random_export, noise | synthetic_images(), name)


@pytest.mark.slow
@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("name", CANDIDATES)
def test_exports_of_older_opsets_and_another_crop_agree(
    tmp_path: Path, name: str, opset: int
) -> None:
    graph = write_graph(tmp_path / "graph.pb", crop=129, width=12, classes=5, seed=opset)
    check_agreement(graph, export_of(graph, tmp_path, opset), synthetic_images(), name)


@pytest.mark.acceptance
@pytest.mark.slow
def test_the_real_network_agrees_on_real_photos(
    in_real_store: RealNetwork, real_photos: RealPhotos, tmp_path: Path
) -> None:
    graph = resolve_model(in_real_store.name).graph()
    export = export_of(graph, tmp_path)
    images = {
        path.name: preprocess(read_photo(path).bgr, in_real_store.crop)
        for path in real_photos.varied
    }
    for name in CANDIDATES:
        check_agreement(graph, export, images, name)


@pytest.mark.parametrize("name", ["tf", *CANDIDATES])
def test_every_runtime_scores_the_subject_as_onnx_runtime_does(name: str) -> None:
    image = preprocess(demo_photo()[100:400], BUNDLED.network.crop)
    artifact = BUNDLED.onnx if name != "tf" else read_graph(BUNDLED.graph, name=BUNDLED.name)
    chances = []
    for runtime, file in (("onnx", BUNDLED.onnx), (name, artifact)):
        with load_backend(runtime, file, threads=1) as backend:
            found = backend.infer(image, subject=PERSON, margin=True)
            assert found.margin is not None
            assert np.array_equal(found.label_map, backend.infer(image).label_map)
            size = (image.shape[0], image.shape[1])
            chances.append(probability_of(found.margin, size, BUNDLED.network.crop))
    assert chances[0].min() < 0.1
    assert chances[0].max() > 0.9
    # TF1's grid is the one that the graph has enlarged already
    assert np.abs(chances[0] - chances[1]).max() < 0.05
