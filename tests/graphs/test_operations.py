"""The operation policy: what is refused, wherever a graph hides it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.graphs.test_normal_form import graph_of, is_large
from toolkit.errors import GraphError
from toolkit.graphs.loading import import_tensorflow
from toolkit.graphs.operations import refuse_forbidden

pytestmark = pytest.mark.tensorflow

SOURCE = Path("some.pb")


def harmless() -> Any:
    return graph_of(lambda tf, photo: tf.cast(photo, tf.float32))


def with_function(name: str, *operations: str) -> Any:
    """A harmless graph whose library holds a function of some operations."""
    graph_def = harmless()
    function = graph_def.library.function.add()
    function.signature.name = name
    for place, operation in enumerate(operations):
        function.node_def.add(name=f"node_{place}", op=operation)
    return graph_def


def test_what_exports_consist_of_is_taken() -> None:
    refuse_forbidden(harmless(), SOURCE)


@pytest.mark.parametrize("control_flow", ["v1", "v2"])
def test_conditions_are_taken(control_flow: str) -> None:
    graph_def = graph_of(
        lambda tf, photo: tf.cond(
            is_large(tf, photo), lambda: tf.shape(photo), lambda: tf.shape(photo) * 2
        ),
        control_flow=control_flow,
    )
    refuse_forbidden(graph_def, SOURCE)


@pytest.mark.parametrize(
    "operation",
    [
        "ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "PyFuncStateless", "RandomUniform",
        "StatelessRandomUniformV2", "While", "StatelessWhile", "Enter", "NextIteration", "LoopCond",
        "Exit", "RefSwitch", "Case", "StatelessCase", "For", "RemoteCall", "SymbolicGradient",
        "VariableV2", "VarHandleOp", "AssignVariableOp", "HashTableV2", "Print", "PrintV2",
        "DecodeJpeg", "IteratorV2", "_Send", "_Recv", "Save", "RestoreV2", "ShellExecute",
    ],
)  # fmt: skip
def test_files_python_loops_networks_and_chance_are_refused(operation: str) -> None:
    graph_def = harmless()
    graph_def.node.add(name="hidden", op=operation)
    with pytest.raises(GraphError, match=rf"does not need: {operation}"):
        refuse_forbidden(graph_def, SOURCE)


def test_a_forbidden_operation_that_only_has_to_run_before_is_found() -> None:
    graph_def = harmless()
    graph_def.node.add(name="stolen", op="WriteFile")
    graph_def.node[-2].input.append("^stolen")
    with pytest.raises(GraphError, match="WriteFile"):
        refuse_forbidden(graph_def, SOURCE)


@pytest.mark.parametrize("key", ["then_branch", "else_branch"])
def test_a_forbidden_operation_in_a_branch_is_found(key: str, tmp_path: Path) -> None:
    def make(tf: Any, photo: Any) -> Any:
        def write() -> Any:
            with tf.control_dependencies([tf.io.write_file(str(tmp_path / "stolen"), "x")]):
                return tf.identity(tf.shape(photo))

        ways = {"then_branch": lambda: tf.shape(photo), "else_branch": lambda: tf.shape(photo)}
        ways[key] = write
        return tf.cond(is_large(tf, photo), ways["then_branch"], ways["else_branch"])

    with pytest.raises(GraphError, match="WriteFile"):
        refuse_forbidden(graph_of(make, control_flow="v2"), SOURCE)
    with pytest.raises(GraphError, match="WriteFile"):
        refuse_forbidden(graph_of(make, control_flow="v1"), SOURCE)


def test_a_forbidden_operation_in_a_function_that_nothing_calls_is_found() -> None:
    with pytest.raises(GraphError, match="ReadFile"):
        refuse_forbidden(with_function("unused", "Identity", "ReadFile"), SOURCE)


def test_a_call_by_the_functions_own_name_is_refused() -> None:
    """TensorFlow takes a node whose operation is a function's name for a call of it."""
    graph_def = with_function("looks_harmless", "Identity")
    graph_def.node.add(name="call", op="looks_harmless")
    with pytest.raises(GraphError, match="looks_harmless"):
        refuse_forbidden(graph_def, SOURCE)


def call(nodes: Any, name: str, function: str) -> None:
    nodes.add(name=name, op="PartitionedCall").attr["f"].func.name = function


def test_a_function_that_calls_itself_is_refused() -> None:
    graph_def = with_function("again", "Identity")
    call(graph_def.library.function[0].node_def, "recursion", "again")
    call(graph_def.node, "start", "again")
    with pytest.raises(GraphError, match="'again' calls itself"):
        refuse_forbidden(graph_def, SOURCE)


def test_a_function_that_is_not_there_is_named() -> None:
    graph_def = harmless()
    call(graph_def.node, "start", "nowhere")
    with pytest.raises(GraphError, match="does not hold: 'nowhere'"):
        refuse_forbidden(graph_def, SOURCE)


def test_functions_that_grow_beyond_all_bounds_are_refused_at_once() -> None:
    graph_def = harmless()
    for level in range(40):
        function = graph_def.library.function.add()
        function.signature.name = f"level_{level}"
        if level:
            for place in range(4):
                call(function.node_def, f"call_{place}", f"level_{level - 1}")
    call(graph_def.node, "start", "level_39")
    with pytest.raises(GraphError, match="more than 200,000 operations"):
        refuse_forbidden(graph_def, SOURCE)


def test_the_policy_names_operations_that_tensorflow_has() -> None:
    from toolkit.graphs.operations import ALLOWED_OPERATIONS

    tf = import_tensorflow()
    known = set(tf.raw_ops.__dict__)
    assert ALLOWED_OPERATIONS - known == set()


def test_every_operation_of_the_policy_has_its_reason_in_the_record() -> None:
    from tests.conftest import ROOT
    from toolkit.graphs.operations import ALLOWED_OPERATIONS

    record = (ROOT / "docs" / "adr" / "0001-graph-operations.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in record.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == ALLOWED_OPERATIONS
