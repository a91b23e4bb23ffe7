"""Landmarks are found by structure; what is missing is named."""

from __future__ import annotations

import onnx
import pytest

from tests.convert.networks import CROP, LABELS, raw_model
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import Editor
from toolkit.convert.landmarks import find_input, find_output
from toolkit.convert.passes import PASSES
from toolkit.errors import ConversionError

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(("crop", "width", "classes"), [(97, 24, 17), (65, 8, 21), (129, 40, 19)])
def test_input_and_output_are_found_whatever_the_size(crop: int, width: int, classes: int) -> None:
    editor = Editor(raw_model(crop, width, classes))
    start, output = find_input(editor), find_output(editor)
    assert start.resizes
    assert start.padding == pytest.approx(127.5)
    assert start.scale == pytest.approx(1 / 127.5)
    assert editor.attribute(start.stem, "strides") == [2, 2]
    assert editor.maker(output.logits).op_type == "Conv"
    assert output.cast_behind


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


def test_padding_that_is_not_grey_is_refused() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(raw_model())
    pad = next(node for node in model.graph.node if node.op_type == "Pad")
    model.graph.initializer.append(onnx.helper.make_tensor("white", 1, [], [1.0]))
    del pad.input[2:]
    pad.input.append("white")
    with pytest.raises(ConversionError, match=r"padding that the network sees as 0; found \[1.0"):
        DeepLab(model, (CROP, CROP))
