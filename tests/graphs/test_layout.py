"""A graph is counted without being loaded, and what normal form made of it is counted too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import made_up
from toolkit.graphs import describe_graph, describe_normal_form, import_tensorflow, normal_form

pytestmark = pytest.mark.tensorflow

SIDE = 33


def exported(*, fake_quantization: bool = False) -> Any:
    """A small network with what exporters leave around one: a check, a choice, a function."""
    tf = import_tensorflow()
    v1 = tf.compat.v1

    with tf.Graph().as_default() as loaded:
        image = v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        height = tf.shape(image)[1]
        with tf.control_dependencies([tf.raw_ops.Assert(condition=height > 0, data=[height])]):
            x = tf.identity(tf.cast(image, tf.float32))
        large = height > 100
        small = tf.raw_ops.Switch(data=tf.constant(SIDE), pred=large).output_false
        other = tf.raw_ops.Switch(data=tf.constant(SIDE), pred=large).output_true
        side = tf.raw_ops.Merge(inputs=[small, other]).output
        x = v1.image.resize_bilinear(x, tf.stack([side, side]), align_corners=True)
        x = tf.nn.conv2d(tf.function(lambda x: x + 1.0)(x), tf.ones([3, 3, 3, 4]), 2, "SAME")
        if fake_quantization:
            x = tf.quantization.fake_quant_with_min_max_args(x, -1, 1)
        for rows in (SIDE // 2 + 1, SIDE):  # the first one changes nothing
            x = v1.image.resize_bilinear(x, [rows, rows], align_corners=True)
        tf.nn.softmax(x, name="SemanticProbabilities")
        tf.argmax(x, 3, name="SemanticPredictions")
    return loaded.as_graph_def()


def test_operations_of_functions_are_counted_and_forbidden_ones_named() -> None:
    graph_def = exported()
    body = graph_def.library.function[0].node_def
    body.add(name="steal", op="ReadFile")
    found = describe_graph(graph_def)
    assert found.operations["ReadFile"] == 1
    assert found.operations["ResizeBilinear"] == 3
    assert found.functions == 1
    assert found.forbidden == ("ReadFile",)


def test_tensors_that_a_graph_takes_and_gives_are_listed_with_their_types() -> None:
    found = describe_graph(exported())
    assert [(each.name, each.dtype) for each in found.inputs] == [("ImageTensor:0", "uint8")]
    assert {(each.name, each.operation, each.dtype) for each in found.outputs} == {
        ("SemanticProbabilities:0", "Softmax", "float32"),
        ("SemanticPredictions:0", "ArgMax", "int64"),
    }


def test_what_ties_a_choice_to_its_branches_is_no_output() -> None:
    graph_def = exported()
    switch = next(node for node in graph_def.node if node.op == "Switch")
    graph_def.node.add(name="pivot", op="Identity", input=[f"{switch.name}:1"])
    assert "pivot:0" not in {each.name for each in describe_graph(graph_def).outputs}


def test_broken_inputs_of_a_graph_that_nobody_checked_are_passed_over() -> None:
    graph_def = exported()
    graph_def.node.add(name="odd", op="Softmax", input=["", "^", ":x", "nothing:9:9"])
    graph_def.node[-1].attr["T"].type = 9999
    assert ("odd:0", None) in {
        (each.name, each.dtype) for each in describe_graph(graph_def).outputs
    }


def test_normal_form_is_told_by_what_is_gone() -> None:
    before = exported(fake_quantization=True)
    after = normal_form(before, (SIDE, SIDE), Path("g.pb"))
    found = describe_normal_form(before, after, Path("g.pb"))
    assert found.checks_removed == 1
    assert found.identities_removed >= 1
    assert found.calls_inlined == 1
    assert (found.choices_folded, found.choices_kept) == (1, 0)
    assert found.equal_resizes_removed == 1
    assert (found.fake_quantization_expanded, found.fake_quantization_kept) == (1, 0)
    assert "SelectV2" in found.before_network
    assert found.before_network[0] == "Placeholder"
    assert found.behind_network[-2:] == ("ResizeBilinear", "ArgMax")


def test_a_graph_in_normal_form_has_nothing_to_lose() -> None:
    before = made_up.build_graph(65, 8)
    after = normal_form(before, (65, 65), Path("g.pb"))
    again = describe_normal_form(after, after, Path("g.pb"))
    assert again.checks_removed == again.identities_removed == again.choices_folded == 0
    assert again.equal_resizes_removed == again.fake_quantization_expanded == 0
    assert "Conv2D" not in again.before_network + again.behind_network
