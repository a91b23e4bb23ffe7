"""What is timed on: made-up photos of three sizes with a person's mask, and the bundled network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.scenes import OFFICIAL_CROP, made_labels, made_photo
from tests.support.backends import load_backend
from toolkit.graphs.network import Network
from toolkit.host import host_facts
from toolkit.hub.catalog import load_catalog
from toolkit.inference import Backend, Segmentation
from toolkit.portrait import PERSON, network_size, photo_mask, preprocess, subject_mask

SIZES = ((640, 480), (1280, 720), (4000, 3000))


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Write into each benchmark on what machine and with what versions it ran."""
    host = dataclasses.asdict(host_facts())
    for benchmark in output_json["benchmarks"]:
        benchmark["extra_info"]["host"] = host


@dataclass(frozen=True)
class Scene:
    """A photo, and what the official network might say of it.

    Attributes
    ----------
    name : str
        Width and height, as in 1280x720.
    photo : (H, W, 3) uint8, BGR
    network_input : (h, w, 3) uint8, RGB
    labels : (h, w) int64
        A person in the middle, about a fifth of the picture.
    mask : (H, W) uint8, 0 or 255
    """

    name: str
    photo: NDArray[np.uint8]
    network_input: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    mask: NDArray[np.uint8]


@pytest.fixture(scope="session", params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def scene(request: pytest.FixtureRequest) -> Scene:
    """A photo of each size."""
    width, height = request.param
    photo = made_photo(height, width)
    network_height, network_width = network_size(height, width, OFFICIAL_CROP)
    labels = made_labels(network_height, network_width)
    return Scene(
        name=f"{width}x{height}",
        photo=photo,
        network_input=preprocess(photo, OFFICIAL_CROP),
        labels=labels,
        mask=photo_mask(subject_mask(labels, PERSON), height, width),
    )


@pytest.fixture(scope="session")
def bundled() -> Iterator[Backend]:
    """The bundled network in ONNX Runtime, on every core this process may use."""
    with load_backend("onnx", load_catalog().bundled.onnx) as backend:
        yield backend


class Cast:
    """Runs a network for its time and answers with a label map for its content.

    The bundled network need not find anyone in a made-up photo, and without a subject there is
    nothing to blur.
    """

    def __init__(self, backend: Backend, labels: NDArray[np.integer[Any]]) -> None:
        self.backend = backend
        self.labels = labels
        self.network = Network(OFFICIAL_CROP, load_catalog().bundled.network.labels)

    def infer(
        self,
        image: NDArray[np.uint8],
        *,
        subject: int | None = None,
        margin: bool = False,
    ) -> Segmentation:
        """Label an image, seemingly."""
        self.backend.infer(image, subject=subject, margin=margin)
        return Segmentation(self.labels)
