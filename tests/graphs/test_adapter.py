"""Adapting: other names, types, sizes and outputs come to the contract, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.graphs.saved_models import LABELS, deeplab_like, photo, run, weights
from tests.support import made_up
from toolkit.errors import GraphError
from toolkit.graphs import FrozenGraph, inspect_graph
from toolkit.graphs.adapter import Adaptation, adapt_graph
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.verify import verify_model
from training import deeplab_graph

pytestmark = pytest.mark.tensorflow


def graph_of(build: Callable[[Any], Any]) -> FrozenGraph:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        build(tf)
    return FrozenGraph("net", Path("net.pb"), deeplab_graph.serialize(graph.as_graph_def()))


def placeholder(tf: Any, dtype: str = "float32", shape: Any = (1, None, None, 3)) -> Any:
    return tf.compat.v1.placeholder(dtype, shape, name="photo")


def scores(tf: Any, image: Any, stride: int = 1, labels: int = LABELS) -> Any:
    image = tf.cast(image, tf.float32) / 127.5 - 1
    return tf.nn.conv2d(image, weights(3, 3, 3, labels), stride, "SAME")


def adapt(build: Callable[[Any], Any], output: str = "out") -> Adaptation:
    return adapt_graph(graph_of(build), input_name="photo", output_name=output)


def labels_of(adapted: Adaptation, image: NDArray[np.uint8]) -> NDArray[Any]:
    return run(adapted.data, OUTPUT.name, INPUT.name, image)


def check(adapted: Adaptation, crop: tuple[int, int]) -> None:
    """The graph keeps the contract, at every size."""
    graph = FrozenGraph("net", Path("net.pb"), adapted.data)
    assert inspect_graph(graph).network.crop == crop
    assert verify_model(graph).passed


def test_other_names_alone_change_no_label() -> None:
    graph_def = made_up.build_graph(crop=65, width=4)
    original = deeplab_graph.serialize(graph_def)
    names = {"ImageTensor": "photo", "SemanticPredictions": "out"}
    for node in graph_def.node:
        node.name = names.get(node.name, node.name)
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
    renamed = FrozenGraph("net", Path("net.pb"), deeplab_graph.serialize(graph_def))
    adapted = adapt_graph(renamed, input_name="photo:0", output_name="out")
    assert adapted.changes == ()
    assert (adapted.input, adapted.output) == ("photo:0", "out:0")
    image = photo(50, 80)
    assert np.array_equal(labels_of(adapted, image), run(original, OUTPUT.name, INPUT.name, image))
    check(adapted, (65, 65))


def test_what_keeps_the_contract_stays_byte_for_byte(tiny_graph: FrozenGraph) -> None:
    adapted = adapt_graph(tiny_graph)
    assert adapted.data == tiny_graph.data
    assert adapted.changes == ()


def test_a_float_input_is_fed_from_0_to_255() -> None:
    def build(tf: Any) -> None:
        tf.identity(deeplab_like(tf, placeholder(tf), weights(3, 3, 3, LABELS)), "out")

    adapted = adapt(build)
    assert adapted.changes == ("the photo is cast from uint8 to float32, 0 to 255",)
    image = photo(30, 40)
    expected = run(graph_of(build), "out:0", "photo:0", image.astype(np.float32))
    assert np.array_equal(labels_of(adapted, image), expected)
    check(adapted, (65, 65))


@pytest.mark.parametrize(
    "finish",
    [
        lambda tf, labels: tf.expand_dims(labels, 3),
        lambda tf, labels: tf.cast(labels, tf.uint8),
        lambda tf, labels: tf.expand_dims(tf.cast(labels, tf.float32), 3),
        lambda tf, labels: tf.identity(tf.expand_dims(tf.cast(labels, tf.float16), 3)),
    ],
)
def test_label_maps_of_other_types_and_ranks_become_integers(finish: Any) -> None:
    def build(tf: Any) -> None:
        labels = deeplab_like(tf, placeholder(tf, "uint8"), weights(3, 3, 3, LABELS))
        tf.identity(finish(tf, labels), "out")

    adapted = adapt(build)
    image = photo(30, 40)
    found = labels_of(adapted, image)
    assert found.dtype in (np.int32, np.int64)
    expected = run(graph_of(build), "out:0", "photo:0", image).astype(np.int64)
    assert np.array_equal(found, expected.reshape(found.shape))
    check(adapted, (65, 65))  # near-ties can be told: no label is in fewer bits than a pixel


@pytest.mark.parametrize(("stride", "softmax"), [(1, False), (1, True), (8, False)])
def test_scores_of_a_network_of_one_size_become_labels(stride: int, softmax: bool) -> None:
    def build(tf: Any) -> None:
        found = scores(tf, placeholder(tf, shape=(None, 65, 49, 3)), stride)
        tf.identity(tf.nn.softmax(found) if softmax else found, "out")

    adapted = adapt(build)
    assert "the photo is resized to fit 49x65, and padded with mid-gray" in adapted.changes
    assert "ArgMax over 4 labels is added" in adapted.changes
    assert ("scores are resized bilinearly from 7x9 to the crop" in adapted.changes) is (
        stride == 8
    )
    image = photo(65, 49)
    if stride == 1:
        expected = run(graph_of(build), "out:0", "photo:0", image.astype(np.float32))
        assert np.array_equal(labels_of(adapted, image), expected.argmax(3))
    check(adapted, (65, 49))


def test_a_network_of_any_size_gets_the_zoos_crop() -> None:
    adapted = adapt(lambda tf: tf.argmax(scores(tf, placeholder(tf, "uint8")), 3, name="out"))
    assert adapted.changes == ("the photo is resized to fit 513x513, and padded with mid-gray",)
    image = photo(513, 400)
    assert labels_of(adapted, image).shape == (1, 513, 400)
    assert labels_of(adapted, photo(7, 900)).shape == (1, 7, 900)


def test_a_network_that_halves_its_maps_gets_512() -> None:
    def build(tf: Any) -> None:
        image = placeholder(tf)
        small = tf.nn.max_pool2d(image, 8, 8, "VALID")
        large = tf.repeat(tf.repeat(small, 8, axis=1), 8, axis=2)
        tf.identity(scores(tf, image + large), "out")

    adapted = adapt(build)
    assert "the photo is resized to fit 512x512, and padded with mid-gray" in adapted.changes
    assert labels_of(adapted, photo(30, 40)).shape == (1, 30, 40)


def test_a_tensor_within_the_graph_can_be_the_photo() -> None:
    def build(tf: Any) -> None:
        text = tf.compat.v1.placeholder("float32", [], name="gain")
        image = tf.multiply(tf.ones([1, 65, 65, 3]), text, name="photo")
        scores_ = scores(tf, image)
        tf.identity(scores_, "out")

    adapted = adapt(build)
    assert adapted.input == "photo:0"
    assert labels_of(adapted, photo(30, 40)).shape == (1, 30, 40)


def refused(build: Callable[[Any], Any], message: str, **names: str) -> None:
    with pytest.raises(GraphError, match=message):
        adapt(build, **names)


def test_other_tensors_are_refused_with_those_that_may_be_meant() -> None:
    build = lambda tf: tf.identity(scores(tf, placeholder(tf)), "out")  # noqa: E731
    refused(
        build, "has no tensor 'typo'; .*--input X.*X may be photo:0; Y may be out:0", output="typo"
    )
    refused(build, "has no tensor 'out:x'", output="out:x")
    refused(build, "TensorFlow does not load it", output="out:7")
    with pytest.raises(GraphError, match=r"ImageTensor:0; .* Y may be out:0"):
        inspect_graph(graph_of(build))


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((1, 3, 65, 65), "float32", r"photo:0 takes float32 \[1, 3, 65, 65\], not photos"),
        ((4, 65, 65, 3), "float32", r"\[4, 65, 65, 3\], not photos"),
        ((65, 65, 3), "float32", r"\[65, 65, 3\], not photos"),
        ((1, None, 65, 3), "float32", "of any size or of one size"),
        ((1, 65, 65, 3), "complex64", "takes complex64"),
        ((1, 10**5, 10**5, 3), "float32", "asks for photos of 100000x100000 pixels"),
    ],
)
def test_inputs_that_take_no_photo_are_refused(shape: Any, dtype: str, message: str) -> None:
    def build(tf: Any) -> None:
        image = tf.cast(placeholder(tf, dtype, shape), tf.float32)
        tf.reduce_sum(image, axis=None, keepdims=True, name="out")

    refused(build, message)


@pytest.mark.parametrize(
    ("finish", "message"),
    [
        (lambda tf, x: tf.sigmoid(x[..., :1]), "whatever the photo's size"),
        (lambda tf, x: tf.reduce_max(x, axis=[1, 2]), r"\[1, 4\], no label map and no scores"),
        (lambda tf, x: tf.greater(x, 0.0), "bool .* no label map and no scores"),
        (lambda tf, x: tf.argmax(x[:, :9, :9], 3), "whatever the photo's size"),
    ],
)
def test_outputs_that_say_no_labels_are_refused(finish: Any, message: str) -> None:
    def build(tf: Any) -> None:
        image = placeholder(tf, shape=(1, None, None, 3))
        found = scores(tf, tf.raw_ops.ResizeBilinear(images=image, size=[33, 33]))
        tf.identity(finish(tf, found), "out")

    refused(build, message)


def test_a_single_score_is_no_label_map() -> None:
    def build(tf: Any) -> None:
        found = scores(tf, placeholder(tf, shape=(1, 65, 65, 3)), labels=1)
        tf.sigmoid(found, name="out")

    with pytest.raises(GraphError, match="no ArgMax leads to"):
        inspect_graph(FrozenGraph("net", Path("net.pb"), adapt(build).data))


def test_a_label_map_smaller_than_the_photo_is_refused() -> None:
    refused(
        lambda tf: tf.argmax(scores(tf, placeholder(tf, shape=(1, 65, 65, 3)), 8), 3, name="out"),
        "65x65: the label map is 9x9; choose the scores before the ArgMax with --output",
    )


def test_what_depends_on_other_inputs_or_not_on_the_photo_is_refused() -> None:
    def with_gain(tf: Any) -> None:
        gain = tf.compat.v1.placeholder("float32", [], name="gain")
        tf.identity(scores(tf, placeholder(tf)) * gain, "out")

    def constant(tf: Any) -> None:
        placeholder(tf)
        tf.argmax(tf.zeros([1, 9, 9, 4]), 3, name="out")

    refused(with_gain, "out:0 depends on other inputs too: 'gain'")
    refused(constant, "out:0 does not depend on photo:0")


def test_a_forbidden_operation_is_refused_before_the_graph_is_tried(tmp_path: Path) -> None:
    victim = tmp_path / "victim"

    def build(tf: Any) -> None:
        with tf.control_dependencies([tf.io.write_file(str(victim), "written")]):
            tf.argmax(scores(tf, placeholder(tf)), 3, name="out")

    refused(build, "WriteFile")
    assert not victim.exists()
