"""The canonical form: the same computation, the same bytes."""

from __future__ import annotations

import random

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolkit.convert.canonical import canonical_form
from toolkit.errors import BackendError


def small_model(seed: int) -> onnx.ModelProto:
    """(x + 1) * (x * 2) + (x + 1), with names, constants' sharing and listing order by `seed`."""
    shuffled = random.Random(seed)

    def fresh(stem: str) -> str:
        return f"{stem}__{shuffled.randrange(10**6)}"

    one, two = fresh("one"), fresh("two")
    constants = {one: 1.0, two: 2.0}
    add, double, product = fresh("add"), fresh("double"), fresh("product")
    again = one if shuffled.random() < 0.5 else fresh("another_one")
    constants[again] = 1.0
    second = fresh("add_again")
    nodes = [
        helper.make_node("Add", ["x", one], [add], name=fresh("n")),
        helper.make_node("Mul", ["x", two], [double], name=fresh("n")),
        helper.make_node("Mul", [add, double], [product], name=fresh("n")),
        helper.make_node("Add", ["x", again], [second], name=fresh("n")),
        helper.make_node("Add", [product, second], ["y"], name=fresh("n")),
        helper.make_node("Neg", [add], [fresh("unused")], name=fresh("n")),
    ]
    initializers = [
        numpy_helper.from_array(np.array([value], np.float32), name)
        for name, value in constants.items()
    ]
    shuffled.shuffle(nodes)
    shuffled.shuffle(initializers)
    graph = helper.make_graph(
        nodes,
        fresh("graph"),
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(["y"], {"x": x})[0])


def test_names_order_and_sharing_of_constants_leave_no_trace() -> None:
    forms = {
        canonical_form(small_model(seed)).SerializeToString(deterministic=True)
        for seed in range(20)
    }
    assert len(forms) == 1


def test_the_computation_stays_and_the_unused_goes() -> None:
    model = canonical_form(small_model(3))
    onnx.checker.check_model(model, full_check=True)
    x = np.array([-1.5, 0.0, 2.0], np.float32)
    np.testing.assert_array_equal(run(model, x), (x + 1) * (x * 2) + (x + 1))
    assert [node.op_type for node in model.graph.node] == ["Add", "Mul", "Mul", "Add", "Add"]
    assert len(model.graph.initializer) == 2


def test_other_weights_give_other_bytes() -> None:
    model = small_model(1)
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    changed.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.array([3.0], np.float32), changed.graph.initializer[0].name)
    )
    assert canonical_form(model).graph != canonical_form(changed).graph


def branching_model(seed: int) -> onnx.ModelProto:
    """X > 2 ? (x + 1) * 2 : x, the sum made outside the branch, with names by `seed`."""
    shuffled = random.Random(seed)
    fresh = [f"t{number}" for number in shuffled.sample(range(1000), 8)]
    one, two, total, above, product, same, branch, other = fresh
    value = helper.make_tensor_value_info
    then = helper.make_graph(
        [helper.make_node("Mul", [total, two], [product], name=branch)],
        branch,
        [],
        [value(product, TensorProto.FLOAT, [None])],
        [numpy_helper.from_array(np.array([2.0], np.float32), two)],
    )
    otherwise = helper.make_graph(
        [helper.make_node("Identity", ["x"], [same])],
        other,
        [],
        [value(same, TensorProto.FLOAT, [None])],
    )
    nodes = [
        helper.make_node("Add", ["x", one], [total]),
        helper.make_node("ReduceMax", ["x"], [above + "m"], keepdims=0),
        helper.make_node("Greater", [above + "m", above + "two"], [above]),
        helper.make_node("If", [above], ["y"], then_branch=then, else_branch=otherwise),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, [None])],
        [value("y", TensorProto.FLOAT, [None])],
        [
            numpy_helper.from_array(np.array([1.0], np.float32), one),
            numpy_helper.from_array(np.array(2.0, np.float32), above + "two"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_branches_are_brought_to_canonical_form_too() -> None:
    one, other = (canonical_form(branching_model(seed)) for seed in (1, 2))
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)
    for x in (np.array([1.0, 0.5], np.float32), np.array([3.0, 0.5], np.float32)):
        np.testing.assert_array_equal(run(one, x), run(branching_model(1), x))


def test_a_loop_is_refused() -> None:
    empty = helper.make_graph([], "empty", [], [])
    node = helper.make_node("Loop", ["", "x"], ["y"], body=empty)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
    )
    with pytest.raises(BackendError, match="loop"):
        canonical_form(helper.make_model(graph))
