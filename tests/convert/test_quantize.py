"""Static int8: what is quantised, what stays float, and on which photos."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import write_graph
from tests.convert.networks import Runner, photo
from toolkit.convert import convert_model, read_manifest
from toolkit.convert.calibration import Calibration, read_calibration
from toolkit.convert.conversion import export_graph
from toolkit.convert.profiles import PROFILES
from toolkit.convert.quantize import (
    LEAST_GAIN,
    MOST_FLOAT,
    Layer,
    choose_float,
    multiply_adds,
)
from toolkit.errors import InputFileError, ModelNotFoundError, PhotoError, UsageError
from toolkit.graphs import FrozenGraph, inspect_graph
from toolkit.media import pixels_sha256
from toolkit.resolve import Model, calibration_of, ensure_export

SUBJECT = 15
SEEN = Calibration(tuple(photo(*size, seed=4) for size in [(97, 97), (54, 97), (97, 40)]), ("a",))

layers = st.lists(
    st.builds(Layer, name=st.uuids().map(str), share=st.floats(0, 0.01), gain=st.floats(-1, 1)),
    max_size=12,
)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> FrozenGraph:
    path = tmp_path_factory.mktemp("net") / "net.pb"
    return write_graph(path, crop=97, width=24, classes=17, seed=5, hand_set=True)


@pytest.fixture(scope="module")
def quantised(graph: FrozenGraph) -> bytes:
    network = inspect_graph(graph).network
    return export_graph(graph, network, 18, PROFILES["int8"], calibration=SEEN).content


@given(layers)
def test_layers_stay_float_only_for_a_gain_and_within_the_time_allowed(found: list[Layer]) -> None:
    chosen = choose_float(found)
    assert all(layer.gain >= LEAST_GAIN for layer in chosen)
    assert sum(layer.share for layer in chosen) <= MOST_FLOAT
    assert [layer for layer in found if layer in chosen] == list(chosen)


@given(layers)
def test_which_layers_stay_float_does_not_depend_on_their_order(found: list[Layer]) -> None:
    assert set(choose_float(found)) == set(choose_float(found[::-1]))


def test_layers_worth_the_same_are_taken_by_name() -> None:
    alike = [Layer(name, MOST_FLOAT / 2, 0.5) for name in "cab"]
    assert [layer.name for layer in choose_float(alike)] == ["a", "b"]


def test_the_most_gain_for_the_time_comes_first() -> None:
    dear, cheap = Layer("dear", MOST_FLOAT, 0.5), Layer("cheap", MOST_FLOAT / 10, 0.4)
    assert choose_float([dear, cheap]) == (cheap,)


@pytest.mark.tensorflow
def test_shares_of_multiply_adds_are_counted(graph: FrozenGraph) -> None:
    network = inspect_graph(graph).network
    model = onnx.load_from_string(export_graph(graph, network, 18, PROFILES["fast"]).content)
    shares = multiply_adds(model, photo(97, 97, seed=1))
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {node.name for node in model.graph.node if node.op_type == "Conv"}
    assert min(shares.values()) > 0


@pytest.mark.tensorflow
def test_weights_are_signed_bytes_of_seven_bits_per_channel(quantised: bytes) -> None:
    model = onnx.load_from_string(quantised)
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
    graph: FrozenGraph, quantised: bytes
) -> None:
    network = inspect_graph(graph).network
    exact = Runner(
        onnx.load_from_string(export_graph(graph, network, 18, PROFILES["fast"]).content)
    )
    found = Runner(onnx.load_from_string(quantised))
    for size in [(97, 97), (33, 60), (1, 1)]:
        image = photo(*size, seed=9)
        same = exact.labels(image, SUBJECT) == found.labels(image, SUBJECT)
        assert same.mean() > 0.97


@pytest.mark.tensorflow
def test_the_same_photos_give_the_same_bytes(graph: FrozenGraph, quantised: bytes) -> None:
    network = inspect_graph(graph).network
    again = export_graph(graph, network, 18, PROFILES["int8"], calibration=SEEN).content
    assert again == quantised


@pytest.mark.tensorflow
def test_the_export_and_its_manifest_say_what_it_was_calibrated_on(
    graph: FrozenGraph, tmp_path: Path
) -> None:
    made = convert_model(graph, profile="int8", output=tmp_path / "a.onnx", calibration=SEEN)
    assert made.published
    assert calibration_of(made.path) == {"a"}
    manifest = read_manifest(made.path)
    assert manifest is not None
    assert manifest.quantisation is not None
    assert manifest.quantisation["photos"] == ["a"]
    assert 0 < manifest.quantisation["error"] <= manifest.quantisation["error_all"]
    names = {node.name for node in onnx.load(made.path).graph.node}
    assert {layer["name"] for layer in manifest.quantisation["float_layers"]} <= names


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
        ensure_export(model)


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


def test_what_an_export_says_of_its_calibration_is_read_from_the_file(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [value], [other]),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=8,
    )
    onnx.save(model, tmp_path / "float.onnx")
    assert calibration_of(tmp_path / "float.onnx") == frozenset()
    onnx.helper.set_model_props(model, {"calibration": json.dumps(["b", "c"])})
    onnx.save(model, tmp_path / "bytes.onnx")
    assert calibration_of(tmp_path / "bytes.onnx") == {"b", "c"}
