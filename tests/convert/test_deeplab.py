"""What is computed of the landmarks: shapes of maps, strides, the number of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.convert.networks import CROP, raw_model
from tests.zoo import Export, build, serialize
from toolkit.convert.conversion import onnx_model
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import Editor
from toolkit.convert.repairs import by_factor
from toolkit.errors import ConversionError
from toolkit.graphs import FrozenGraph

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(("crop", "width", "classes"), [(97, 24, 17), (65, 8, 21), (129, 40, 19)])
def test_strides_and_labels_follow_from_the_crop(crop: int, width: int, classes: int) -> None:
    net = DeepLab(raw_model(crop, width, classes), (crop, crop))
    assert (net.stride, net.output_stride) == (8, 8)
    assert net.labels == classes
    assert net.shape(net.logits)[2:] == ((crop + 7) // 8, (crop + 7) // 8)
    logits = net.producer(net.logits)
    assert logits is not None
    assert net.weights(logits).shape[0] == classes
    assert net.pool is not None
    assert net.shape(net.pool)[2:] == (1, 1)


def test_what_is_done_to_a_fork_leaves_the_other_as_it_was() -> None:
    net = DeepLab(raw_model(), (CROP, CROP))
    before = net.model.SerializeToString(deterministic=True), net.entry
    fork = net.fork()
    fork.entry = fork.add("Identity", fork.entry)
    fork.set_attribute(fork.stem, "strides", [1, 1])
    assert (net.model.SerializeToString(deterministic=True), net.entry) == before
    assert net.attribute(net.stem, "strides") == [2, 2]


def test_a_map_enlarged_by_a_rounded_factor_has_the_size_that_is_meant() -> None:
    """21 times float32(41 / 21) is less than 41, and shapes are inferred rounded down."""
    export = Export(crop=(321, 321), decoder_stride=8, min_resize=321, max_resize=321)
    graph = FrozenGraph("decoder", Path("decoder.pb"), serialize(build(export)))
    model = onnx_model(graph)
    editor = Editor(model)
    scales = editor.add_constant(np.array([1, 1, 41 / 21, 41 / 21], np.float32))
    for node in editor.nodes("Resize"):
        sizes = editor.constant(node.input[-1])
        if sizes is not None and list(sizes[2:]) == [41, 41]:
            del node.input[2:]  # as tf2onnx writes it where it knows both sizes
            node.input.append(scales)
            break
    model = editor.model
    assert any(by_factor(Editor(model), node) for node in model.graph.node)
    net = DeepLab(model, (321, 321))
    assert net.stride == 8
    assert net.shape(net.logits)[2:] == (41, 41)


def test_a_crop_off_the_grid_is_refused() -> None:
    with pytest.raises(
        ConversionError, match="corners lie on the crop's; found 13x13 of them for 100x100"
    ):
        DeepLab(raw_model(), (100, 100))
