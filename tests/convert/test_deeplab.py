"""Landmarks are found by structure; what is missing is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.convert.networks import CROP, LABELS, raw_model
from tests.zoo import Export, build, serialize
from toolkit.convert.conversion import onnx_model
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import Editor
from toolkit.convert.passes import PASSES
from toolkit.convert.repairs import by_factor
from toolkit.errors import ConversionError
from toolkit.graphs import FrozenGraph

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(("crop", "width", "classes"), [(97, 24, 17), (65, 8, 21), (129, 40, 19)])
def test_stride_padding_and_labels_are_found_whatever_the_size(
    crop: int, width: int, classes: int
) -> None:
    net = DeepLab(raw_model(crop, width, classes), (crop, crop))
    assert net.stride == 8
    assert net.padding == pytest.approx(127.5)
    assert net.scale == pytest.approx(1 / 127.5)
    logits = net.producer(net.logits)
    assert logits is not None
    assert net.weights(logits).shape[0] == classes
    assert net.pool is not None


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


def test_names_do_not_matter() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(raw_model())
    renamed = {name: f"t{place}" for place, name in enumerate(_inner_names(model))}
    for node in model.graph.node:
        node.name = ""
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = renamed.get(name, name)
    net = DeepLab(model, (CROP, CROP))
    logits = net.producer(net.logits)
    assert logits is not None
    assert net.weights(logits).shape[0] == LABELS


def _inner_names(model: onnx.ModelProto) -> list[str]:
    ends = {value.name for value in (*model.graph.input, *model.graph.output)}
    return [name for node in model.graph.node for name in node.output if name not in ends]


def changed(operation: str, **attributes: object) -> onnx.ModelProto:
    """The model with other attributes at its last node of an operation."""
    model = onnx.ModelProto()
    model.CopyFrom(raw_model())
    node = next(node for node in reversed(model.graph.node) if node.op_type == operation)
    kept = [entry for entry in node.attribute if entry.name not in attributes]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(onnx.helper.make_attribute(*pair) for pair in attributes.items())
    return model


def test_a_graph_without_argmax_is_refused() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(raw_model())
    next(node for node in model.graph.node if node.op_type == "ArgMax").op_type = "ArgMin"
    with pytest.raises(ConversionError, match="looked for one ArgMax over the logits; found 0"):
        DeepLab(model, (CROP, CROP))


def test_half_pixel_upsampling_is_refused() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(raw_model())
    argmax = next(node for node in model.graph.node if node.op_type == "ArgMax")
    resize = next(node for node in model.graph.node if node.output[0] == argmax.input[0])
    for entry in resize.attribute:
        if entry.name == "coordinate_transformation_mode":
            entry.s = b"half_pixel"
    with pytest.raises(ConversionError, match="aligned corners before the ArgMax"):
        DeepLab(model, (CROP, CROP))


def test_a_pool_over_a_part_of_the_map_is_no_pooled_branch() -> None:
    net = DeepLab(changed("AveragePool", kernel_shape=[5, 5]), (CROP, CROP))
    assert net.pool is None
    with pytest.raises(ConversionError, match="a branch that pools the whole map"):
        PASSES["pooled_bias"](net)


def test_a_crop_off_the_grid_is_refused() -> None:
    with pytest.raises(
        ConversionError, match="corners lie on the crop's; found 13x13 of them for 100x100"
    ):
        DeepLab(raw_model(), (100, 100))


def test_padding_that_is_not_grey_is_refused() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(raw_model())
    pad = next(node for node in model.graph.node if node.op_type == "Pad")
    model.graph.initializer.append(onnx.helper.make_tensor("white", 1, [], [1.0]))
    del pad.input[2:]
    pad.input.append("white")
    with pytest.raises(ConversionError, match=r"padding that the network sees as 0; found \[1.0"):
        DeepLab(model, (CROP, CROP))
