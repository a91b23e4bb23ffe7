"""Static int8: what is quantized, what stays float, and on which photos."""

from __future__ import annotations

from pathlib import Path
from random import Random

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import write_graph
from tests.convert.networks import Runner, photo
from toolkit.convert import read_manifest
from toolkit.convert.calibration import Calibration, read_calibration
from toolkit.convert.conversion import export_graph
from toolkit.convert.editor import Editor
from toolkit.convert.profiles import PROFILES
from toolkit.convert.quantize import (
    LEAST_GAIN,
    MOST_FLOAT,
    choose_float,
    multiply_adds,
    quantize,
)
from toolkit.errors import InputFileError, ModelNotFoundError, PhotoError, UsageError
from toolkit.graphs import FrozenGraph
from toolkit.hub.model import Model
from toolkit.hub.opening import ensure_artifact
from toolkit.hub.provenance import read_provenance
from toolkit.hub.publish import convert_model
from toolkit.imaging import pixels_sha256

SUBJECT = 15
SEEN = Calibration(tuple(photo(*size, seed=4) for size in [(97, 97), (54, 97), (97, 40)]), ("a",))

networks = st.lists(st.floats(0.001, 0.2), min_size=1, max_size=12).map(
    lambda shares: {f"Conv_{place}": share for place, share in enumerate(shares)}
)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> FrozenGraph:
    path = tmp_path_factory.mktemp("net") / "net.pb"
    return write_graph(path, crop=97, width=24, classes=17, seed=5, hand_set=True)


@pytest.fixture(scope="module")
def quantized(graph: FrozenGraph) -> bytes:
    return export_graph(graph, PROFILES["int8"], calibration=SEEN).content


@given(networks, st.randoms(use_true_random=False))
def test_layers_stay_float_at_the_ends_within_the_time_allowed(
    shares: dict[str, float], random: Random
) -> None:
    found = choose_float(shares, lambda _names: random.random())
    names = [layer.name for layer in found]
    order = list(shares)
    front = next((place for place, name in enumerate(order) if name not in names), len(order))
    back = len(names) - front
    assert set(names) == {*order[:front], *order[len(order) - back :]}
    if len(names) < len(order):  # else where the ends meet is not to be told
        for end in (order[:front], order[len(order) - back :]):
            assert sum(shares[name] for name in end) <= MOST_FLOAT + 1e-9
    assert [layer.share for layer in found] == [shares[name] for name in names]


@given(networks, st.randoms(use_true_random=False))
def test_layers_stay_float_only_where_the_error_falls_for_it(
    shares: dict[str, float], random: Random
) -> None:
    errors: dict[tuple[str, ...], float] = {}
    found = choose_float(shares, lambda names: errors.setdefault(names, random.random()))
    if found:
        assert found[-1].error == errors[tuple(layer.name for layer in found)]
        assert found[-1].error <= (1 - LEAST_GAIN) * errors[()]
    everything = errors[tuple(layer.name for layer in found)]
    assert everything <= (1 - LEAST_GAIN) * errors[()] or not found


def test_a_layer_without_gain_stays_float_where_the_next_one_has_some() -> None:
    shares = dict.fromkeys("abcdefg", 0.02) | {"d": 0.5}
    gains = {(): 1.0, ("a",): 1.0, ("a", "b"): 0.5, ("a", "b", "g"): 0.49}
    found = choose_float(shares, lambda names: gains.get(names, 0.49))
    assert [(layer.name, layer.error) for layer in found] == [("a", 1.0), ("b", 0.5)]


@pytest.mark.tensorflow
def test_what_picks_pixels_is_not_quantized(quantized: bytes) -> None:
    editor = Editor(onnx.load_from_string(quantized))
    gathers = [node for node in editor.nodes("Gather") if editor.constant(node.input[1]) is None]
    assert gathers
    for gather in gathers:
        queue, seen = [gather.input[1]], set()
        while queue:
            node = editor.producer(queue.pop())
            if node is not None and node.name not in seen:
                assert node.op_type not in ("QuantizeLinear", "DequantizeLinear")
                seen.add(node.name)
                queue.extend(node.input if node.op_type != "Shape" else [])


@pytest.mark.tensorflow
def test_layers_left_float_run_in_float(
    graph: FrozenGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime runs float convolutions between quantization nodes in bytes."""
    model = onnx.load_from_string(export_graph(graph, PROFILES["fast"]).content)
    monkeypatch.setattr("toolkit.convert.quantize.MOST_FLOAT", 0.4)
    result, found = quantize(model, SEEN)
    assert found.float_layers
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(
        result.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    in_float = [kind for kind in kinds if kind in ("Conv", "FusedConv")]
    assert len(in_float) == len(found.float_layers)
    assert "QLinearConv" in kinds


@pytest.mark.tensorflow
def test_shares_of_multiply_adds_are_counted(graph: FrozenGraph) -> None:
    model = onnx.load_from_string(export_graph(graph, PROFILES["fast"]).content)
    shares = multiply_adds(model, photo(97, 97, seed=1))
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {node.name for node in model.graph.node if node.op_type == "Conv"}
    assert min(shares.values()) > 0


@pytest.mark.tensorflow
def test_weights_are_signed_bytes_of_seven_bits_per_channel(quantized: bytes) -> None:
    model = onnx.load_from_string(quantized)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    kernels = [makers.get(node.input[1]) for node in model.graph.node if node.op_type == "Conv"]
    in_bytes = [node for node in kernels if node is not None]
    assert len(in_bytes) >= len(kernels) / 2
    for node in in_bytes:
        weights = onnx.numpy_helper.to_array(constants[node.input[0]])
        assert node.op_type == "DequantizeLinear"
        assert weights.dtype == np.int8
        assert np.abs(weights.astype(int)).max() <= 64
        assert constants[node.input[1]].dims == [weights.shape[0]]


@pytest.mark.tensorflow
def test_masks_in_bytes_are_those_of_the_float_network(
    graph: FrozenGraph, quantized: bytes
) -> None:
    exact = Runner(onnx.load_from_string(export_graph(graph, PROFILES["fast"]).content))
    found = Runner(onnx.load_from_string(quantized))
    for size in [(97, 97), (33, 60), (1, 1)]:
        image = photo(*size, seed=9)
        same = exact.labels(image, SUBJECT) == found.labels(image, SUBJECT)
        assert same.mean() > 0.97


@pytest.mark.tensorflow
def test_the_same_photos_give_the_same_bytes(graph: FrozenGraph, quantized: bytes) -> None:
    again = export_graph(graph, PROFILES["int8"], calibration=SEEN).content
    assert again == quantized


@pytest.mark.tensorflow
def test_the_export_and_its_manifest_say_what_it_was_calibrated_on(
    graph: FrozenGraph, tmp_path: Path
) -> None:
    made = convert_model(graph, profile="int8", output=tmp_path / "a.onnx", calibration=SEEN)
    assert made.published
    assert read_provenance(made.path).calibrated_on == {"a"}
    manifest = read_manifest(made.path)
    assert manifest is not None
    assert manifest.quantization is not None
    assert manifest.quantization["photos"] == ["a"]
    assert 0 < manifest.quantization["error"] <= manifest.quantization["error_all"]
    names = {node.name for node in onnx.load(made.path).graph.node}
    assert {layer["name"] for layer in manifest.quantization["float_layers"]} <= names


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("profile", "opset", "calibration", "message"),
    [
        ("int8", 12, SEEN, "can't be written in opset 12; choose 13"),
        ("int8", 18, None, "needs photos to be calibrated on; add --calibrate"),
        ("fast", 18, SEEN, "fast is not calibrated; leave --calibrate out"),
    ],
)
def test_what_does_not_fit_together_is_a_usage_error(
    graph: FrozenGraph, profile: str, opset: int, calibration: Calibration | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        convert_model(graph, profile=profile, opset=opset, calibration=calibration)


def test_an_export_in_bytes_is_never_made_unasked(graph: FrozenGraph) -> None:
    model = Model(graph.name, "graph", graph.source, "", profile="int8")
    with pytest.raises(ModelNotFoundError, match="--profile int8 --calibrate DIR makes it"):
        ensure_artifact(model)


def test_calibration_reads_each_photo_once_as_the_network_sees_it(tmp_path: Path) -> None:
    bgr = photo(40, 80, seed=2)
    for name in ("a.png", "b.png", ".hidden.png", "c.txt"):
        (tmp_path / name).write_bytes(cv2.imencode(".png", bgr)[1].tobytes())
    found = read_calibration(tmp_path, (97, 97))
    assert found.sha256 == (pixels_sha256(bgr),)
    (image,) = found.images
    assert image.shape == (48, 97, 3)


def test_a_folder_without_a_photo_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=f"{tmp_path}: holds no photo"):
        read_calibration(tmp_path, (97, 97))
    with pytest.raises(InputFileError, match="is no folder"):
        read_calibration(tmp_path / "none", (97, 97))
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=r"broken\.jpg"):
        read_calibration(tmp_path, (97, 97))
