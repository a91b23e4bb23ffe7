"""The optional runtimes: what they take, how many threads, and what they say when it goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from tests.support.backends import load_backend
from toolkit.backends import BACKENDS
from toolkit.backends.opencv import OpencvBackend, cut, find_cuts, replace_point_resizes
from toolkit.backends.openvino import OpenvinoBackend
from toolkit.errors import BackendError, ExportError, MissingDependencyError
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.host import available_cores
from toolkit.hub.catalog import load_catalog

BUNDLED = load_catalog().bundled
OPTIONAL = ["openvino", "opencv"]
IMAGE = np.random.default_rng(1).integers(0, 256, (40, 65, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_broken_or_missing_file_is_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExportError, match=r"broken\.onnx: ") as caught:
        load_backend(name, path, threads=1)
    assert len(str(caught.value).splitlines()) == 1
    assert "Exception from" not in str(caught.value)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_file_with_other_tensors_is_refused(tmp_path: Path, name: str) -> None:
    model = onnx.load(BUNDLED.onnx)
    (maker,) = [node for node in model.graph.node if OUTPUT.name in node.output]
    model.graph.output[0].name = maker.output[0] = "Other:0"
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ExportError, match=r"other\.onnx: has inputs .*Other:0"):
        load_backend(name, tmp_path / "other.onnx", threads=1)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_file_without_metadata_is_taken_for_a_voc_network(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = onnx.load(BUNDLED.onnx)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with load_backend(name, tmp_path / "foreign.onnx", threads=1) as backend:
        assert backend.network.crop == (513, 513)
    assert "does not say its crop" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)],
    ids=["no channels", "four channels", "float"],
)
@pytest.mark.parametrize("name", OPTIONAL)
def test_an_image_of_another_kind_is_a_backend_error_that_names_the_file(
    name: str, wrong: Any
) -> None:
    with (
        load_backend(name, BUNDLED.onnx, threads=1) as backend,
        pytest.raises(BackendError, match=BUNDLED.onnx.name) as caught,
    ):
        backend.infer(wrong)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", OPTIONAL)
def test_several_threads_may_share_one_backend(name: str) -> None:
    images = [np.roll(IMAGE, 7 * place, axis=1) for place in range(4)]
    found: dict[int, list[bool]] = {}
    with load_backend(name, BUNDLED.onnx, threads=1) as backend:
        expected = [backend.infer(image).label_map for image in images]

        def work(place: int) -> None:
            same = (
                np.array_equal(backend.infer(images[place]).label_map, expected[place])
                for _ in "12345"
            )
            found[place] = list(same)

        workers = [Thread(target=work, args=(place,)) for place in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert found == {place: [True] * 5 for place in range(4)}


def test_openvino_takes_the_threads_it_is_given_and_says_how_many_it_took() -> None:
    for asked in (1, available_cores(), 1000):
        with OpenvinoBackend(BUNDLED.onnx, threads=asked) as backend:
            assert backend.threads == int(backend._compiled.get_property("INFERENCE_NUM_THREADS"))
            assert backend.threads <= asked
            if asked <= available_cores():
                assert backend.threads == asked


def test_openvino_computes_in_float32_whatever_the_processor_can() -> None:
    with OpenvinoBackend(BUNDLED.onnx, threads=1) as backend:
        precision = backend._compiled.get_property("INFERENCE_PRECISION_HINT")
    assert precision.to_dtype() == np.float32


def test_opencv_runs_on_the_threads_it_was_given_whatever_was_set_since() -> None:
    before = cv2.getNumThreads()
    try:
        with OpencvBackend(BUNDLED.onnx, threads=1) as backend:
            cv2.setNumThreads(2)
            backend.infer(IMAGE)
            assert cv2.getNumThreads() == backend.threads == 1
    finally:
        cv2.setNumThreads(before)


def test_the_cuts_are_found_by_structure_and_leave_only_the_network() -> None:
    model = onnx.load(BUNDLED.onnx)
    before = model.SerializeToString()
    start, logits = find_cuts(model, BUNDLED.onnx)
    network = cut(model, {start: (1, 3, 385, 385)}, logits)
    operations = {node.op_type for node in network.graph.node}
    assert "Conv" in operations
    assert not operations & {"ArgMax", "Pad", "Cast"}
    assert network.graph.node[0].op_type == "Conv"
    assert [tensor.name for tensor in network.graph.input] == [start]
    onnx.checker.check_model(network)
    rest = cut(model, {INPUT.name: None}, start)
    assert not {node.op_type for node in rest.graph.node} & {"Conv", "ArgMax"}
    assert model.SerializeToString() == before


def test_only_the_resize_of_a_single_point_is_replaced() -> None:
    """OpenCV 5.0 gives what lies in memory for it; once it does not, this can go."""
    model = onnx.load(BUNDLED.onnx)
    start, logits = find_cuts(model, BUNDLED.onnx)
    network = cut(model, {start: (1, 3, 385, 385)}, logits)
    (pooled,) = [node for node in network.graph.node if node.op_type == "Resize"]
    replace_point_resizes(network)
    assert {entry.s for entry in pooled.attribute} == {b"nearest", b"asymmetric"}
    wider = cut(model, {start: (1, 3, 785, 785)}, logits)  # pooled to 1x1 no longer
    (kept,) = [node for node in wider.graph.node if node.op_type == "Resize"]
    replace_point_resizes(wider)
    assert b"align_corners" in {entry.s for entry in kept.attribute}


@pytest.mark.parametrize("operation", ["Conv", "ArgMax"])
def test_a_file_that_can_not_be_cut_is_refused(tmp_path: Path, operation: str) -> None:
    model = onnx.load(BUNDLED.onnx)
    for node in model.graph.node:
        if node.op_type == operation:
            node.op_type = "Other"
    with pytest.raises(ExportError, match=r"odd\.onnx: can't be cut for OpenCV: .* 0 " + operation):
        find_cuts(model, tmp_path / "odd.onnx")


@pytest.mark.parametrize(("name", "module"), [("openvino", "openvino"), ("opencv", "onnx")])
def test_a_runtime_that_is_missing_is_named_with_its_extra(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"toolkit.backends.{name}", raising=False)
    with pytest.raises(MissingDependencyError, match=rf"install the {name} extra"):
        load_backend(name, BUNDLED.onnx, threads=1)
    assert BACKENDS[name].extra == name
