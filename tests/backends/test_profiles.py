"""Exports of every profile on the runtimes that run ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_graph
from tests.convert.networks import photo
from tests.support.backends import load_backend
from toolkit.backends import BACKENDS
from toolkit.backends.onnx import OnnxBackend
from toolkit.convert import PROFILES
from toolkit.convert.calibration import Calibration
from toolkit.convert.conversion import export_graph
from toolkit.errors import BackendError, ExportError
from toolkit.portrait import make_portrait

pytestmark = pytest.mark.tensorflow

SUBJECT = 15
SIZES = [(97, 97), (54, 97), (97, 40), (1, 1), (130, 200)]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same network by each profile."""
    folder = tmp_path_factory.mktemp("profiles")
    graph = write_graph(folder / "net.pb", crop=97, width=24, classes=17, seed=5, hand_set=True)
    paths = {}
    seen = Calibration(tuple(photo(*size, seed=4) for size in SIZES), ())
    for name, profile in PROFILES.items():
        paths[name] = folder / f"{name}.onnx"
        export = export_graph(graph, profile, calibration=seen if profile.quantized else None)
        paths[name].write_bytes(export.content)
    return paths


@pytest.mark.parametrize("profile", PROFILES)
def test_openvino_gives_what_onnx_runtime_gives(exports: dict[str, Path], profile: str) -> None:
    if not BACKENDS["openvino"].installed:
        pytest.skip("the openvino extra is not installed")
    with (
        load_backend("onnx", exports[profile], threads=1) as one,
        load_backend("openvino", exports[profile], threads=1) as other,
    ):
        for size in SIZES:
            image = photo(*size, seed=3)
            wanted, found = (
                backend.infer(image, subject=SUBJECT).label_map for backend in (one, other)
            )
            assert found.shape == size
            # each runtime rounds bytes in its own way
            assert (found != wanted).mean() < (0.01 if PROFILES[profile].quantized else 0.002)


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "plain"])
def test_opencv_refuses_what_it_can_not_cut(exports: dict[str, Path], profile: str) -> None:
    if not BACKENDS["opencv"].installed:
        pytest.skip("the opencv extra is not installed")
    with pytest.raises(ExportError, match=f"its profile is {profile}"):
        load_backend("opencv", exports[profile], threads=1)


def test_a_portrait_names_the_subject_to_an_export_that_needs_it(
    exports: dict[str, Path],
) -> None:
    image = photo(97, 97, seed=3)
    with OnnxBackend(exports["fast"], threads=1) as backend:
        made = make_portrait(image, backend, subject=SUBJECT)
        assert set(made.shares) <= {0, SUBJECT}
        with pytest.raises(BackendError, match="gives one subject's mask; name the subject"):
            backend.infer(image)


def test_an_export_of_all_labels_is_not_told_the_subject(exports: dict[str, Path]) -> None:
    image = photo(97, 97, seed=3)
    with OnnxBackend(exports["exact"], threads=1) as backend:
        np.testing.assert_array_equal(
            backend.infer(image, subject=SUBJECT).label_map, backend.infer(image).label_map
        )
