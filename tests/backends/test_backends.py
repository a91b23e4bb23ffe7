"""Both backends: the same small Protocol, the same labels, errors that name the file."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.support.backends import load_backend
from toolkit.backends import BACKENDS, find_backend
from toolkit.backends.onnx import OnnxBackend, read_metadata
from toolkit.backends.tf import TfBackend
from toolkit.errors import BackendError, ExportError, GraphError, UsageError
from toolkit.graphs import FrozenGraph, parse_graph, read_graph
from toolkit.graphs.network import OUTPUT
from toolkit.host import available_cores
from toolkit.hub.catalog import load_catalog
from toolkit.parity import NEAR_TIE

BUNDLED = load_catalog().bundled
IMAGE = np.random.default_rng(1).integers(0, 256, (40, 65, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def reference(tiny_graph: FrozenGraph) -> TfBackend:
    return TfBackend(tiny_graph, threads=1)


def test_an_unknown_backend_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match="onnx, tf"):
        find_backend("cuda")


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", list(BACKENDS))
def test_every_backend_labels_each_pixel_and_says_how_it_runs(name: str) -> None:
    takes_graph = BACKENDS[name].artifact == "graph"
    artifact = read_graph(BUNDLED.graph) if takes_graph else BUNDLED.onnx
    before = IMAGE.copy()
    with load_backend(name, artifact, threads=1) as backend:
        labels = backend.infer(IMAGE).label_map
    assert labels.shape == IMAGE.shape[:2]
    assert 0 <= labels.min() <= labels.max() < len(backend.network.labels)
    assert backend.network == BUNDLED.network
    assert (backend.name, backend.threads) == (name, 1)
    assert "CPU" in backend.provider
    assert backend.version
    np.testing.assert_array_equal(IMAGE, before)


def test_threads_default_to_the_cores_of_this_process() -> None:
    with load_backend("onnx", BUNDLED.onnx) as backend:
        assert backend.threads == available_cores()


PROVIDERS = {
    "onnx": "CPUExecutionProvider",
    "tf": "CPU",
    "openvino": "CPU",
    "opencv": "CPU",
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", list(BACKENDS))
def test_every_backend_runs_on_the_provider_it_is_told(name: str) -> None:
    artifact = read_graph(BUNDLED.graph) if name == "tf" else BUNDLED.onnx
    with load_backend(name, artifact, threads=1, provider=PROVIDERS[name]) as backend:
        assert PROVIDERS[name] in backend.provider
        assert backend.infer(IMAGE).label_map.shape == IMAGE.shape[:2]


@pytest.mark.parametrize("name", list(BACKENDS))
def test_a_provider_that_is_not_here_is_refused_before_anything_is_loaded(name: str) -> None:
    missing = Path("no_such.onnx")
    artifact = FrozenGraph("g", missing, b"no graph") if name == "tf" else missing
    with pytest.raises(BackendError) as caught:
        load_backend(name, artifact, threads=1, provider="NoSuchProvider")
    problem, _, remedy = str(caught.value).partition("; available: ")
    assert problem == f"the {name} backend has no provider 'NoSuchProvider' here"
    assert PROVIDERS[name] in remedy.split(", ")


@pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers()
    or not hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"),
    reason="this ONNX Runtime has no provider that runs nothing, or doesn't tell",
)
def test_a_provider_that_leaves_all_of_the_network_to_the_cpu_is_refused() -> None:
    """ONNX Runtime names it first among a session's providers all the same."""
    with pytest.raises(BackendError, match=r"runs no part of .*\.onnx on AzureExecutionProvider$"):
        load_backend("onnx", BUNDLED.onnx, threads=1, provider="AzureExecutionProvider")


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_broken_or_missing_onnx_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    for read in (lambda: OnnxBackend(path, threads=1), lambda: read_metadata(path)):
        with pytest.raises(ExportError, match=r"broken\.onnx"):
            read()


def test_an_onnx_file_with_other_tensors_is_refused(tmp_path: Path) -> None:
    model = onnx.load(BUNDLED.onnx)
    (maker,) = [node for node in model.graph.node if OUTPUT.name in node.output]
    model.graph.output[0].name = maker.output[0] = "Other:0"
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ExportError, match=r"Other:0.*not ImageTensor:0 and SemanticPredictions:0"):
        OnnxBackend(tmp_path / "other.onnx", threads=1)


def test_an_export_made_elsewhere_is_taken_for_a_voc_network_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = onnx.load(BUNDLED.onnx)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with caplog.at_level(logging.WARNING), OnnxBackend(tmp_path / "foreign.onnx", threads=1) as it:
        assert it.network.crop == (513, 513)
        assert it.network.labels[15] == "person"
    assert "does not say its crop" in caplog.text


def test_damaged_metadata_is_refused(tmp_path: Path) -> None:
    model = onnx.load(BUNDLED.onnx)
    next(entry for entry in model.metadata_props if entry.key == "crop").value = "wide"
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(ExportError, match="metadata is damaged"):
        OnnxBackend(tmp_path / "damaged.onnx", threads=1)


@pytest.mark.tensorflow
def test_margins_are_those_of_the_pixels_that_the_labels_were_taken_from(
    reference: TfBackend,
) -> None:
    found = reference.refer(IMAGE)
    np.testing.assert_array_equal(found.labels, reference.infer(IMAGE).label_map)
    assert found.logits.shape == (65, 65, 21)
    assert found.margins.shape == found.labels.shape
    assert (found.margins >= 0).all()
    # this image fills the crop's width, so its rows are the crop's first rows
    top = np.sort(found.logits[: IMAGE.shape[0]], axis=2)
    np.testing.assert_array_equal(found.margins, top[..., -1] - top[..., -2])


@pytest.mark.tensorflow
def test_lowering_the_best_logit_below_the_margin_keeps_the_label(reference: TfBackend) -> None:
    """A margin is what the label can stand: a smaller change of one logit never flips it."""
    found = reference.refer(IMAGE)
    logits = found.logits[: IMAGE.shape[0]].copy()
    best = logits.argmax(axis=2)[..., np.newaxis]
    lowered = np.take_along_axis(logits, best, 2) - (found.margins[..., np.newaxis] - NEAR_TIE)
    np.put_along_axis(logits, best, lowered, 2)
    steady = found.margins > NEAR_TIE
    np.testing.assert_array_equal(logits.argmax(axis=2)[steady], found.labels[steady])


@pytest.mark.tensorflow
def test_a_graph_whose_tail_changes_labels_has_no_near_ties(tiny_graph: FrozenGraph) -> None:
    graph_def = parse_graph(tiny_graph)
    last = next(node for node in graph_def.node if node.name == "SemanticPredictions")
    last.name = "Before"
    one = graph_def.node.add(name="One", op="Const")
    one.attr["dtype"].type = 9  # DT_INT64
    one.attr["value"].tensor.dtype = 9
    one.attr["value"].tensor.tensor_shape.SetInParent()
    one.attr["value"].tensor.int64_val.append(0)
    shifted = graph_def.node.add(name="SemanticPredictions", op="Mul", input=["Before", "One"])
    shifted.attr["T"].type = 9
    graph = FrozenGraph("g", Path("tail.pb"), graph_def.SerializeToString())
    with (
        TfBackend(graph, threads=1) as backend,
        pytest.raises(GraphError, match=r"tail\.pb: what follows its ArgMax changes labels"),
    ):
        backend.refer(IMAGE)
