"""The normal form: the same label map from fewer kinds of nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from toolkit.errors import GraphError
from toolkit.graphs.loading import import_tensorflow
from toolkit.graphs.normal_form import normal_form

pytestmark = pytest.mark.tensorflow

SOURCE = Path("some.pb")
CROP = (33, 33)
SIZES = ((1, 1), (9, 30), (40, 21), (33, 33))


def graph_of(make: Callable[[Any, Any], Any], *, control_flow: str = "v1") -> Any:
    """A GraphDef that gives what `make` makes of the photo, (1, h, w, 3) uint8."""
    tf = import_tensorflow()
    with tf.Graph().as_default() as graph:
        photo = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        if control_flow == "v1":
            tf.compat.v1.disable_control_flow_v2()
        else:
            tf.compat.v1.enable_control_flow_v2()
        try:
            tf.identity(make(tf, photo), name="SemanticPredictions")
        finally:
            tf.compat.v1.enable_control_flow_v2()
    return graph.as_graph_def()


def run(graph_def: Any, photo: NDArray[np.uint8]) -> NDArray[Any]:
    tf = import_tensorflow()
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    with tf.compat.v1.Session(graph=graph) as session:
        found = session.run("SemanticPredictions:0", {"ImageTensor:0": photo[np.newaxis]})
    return np.asarray(found)


def operations(graph_def: Any) -> set[str]:
    return {node.op for node in graph_def.node}


def check(graph_def: Any) -> set[str]:
    """Check that the normal form gives the same bytes; return its operations."""
    normal = normal_form(graph_def, CROP, SOURCE)
    generator = np.random.default_rng(3)
    for height, width in SIZES:
        photo = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        np.testing.assert_array_equal(run(normal, photo), run(graph_def, photo))
    return operations(normal)


def resized(tf: Any, image: Any, size: Any) -> Any:
    return tf.raw_ops.ResizeBilinear(images=image, size=size, align_corners=True)


def is_large(tf: Any, photo: Any) -> Any:
    return tf.reduce_max(tf.shape(photo)) > 30


CONTROL_FLOW = pytest.mark.parametrize("control_flow", ["v1", "v2"])
BRANCHING = {"Switch", "Merge", "If", "StatelessIf"}


@CONTROL_FLOW
def test_a_choice_between_sizes_becomes_a_selection(control_flow: str) -> None:
    def make(tf: Any, photo: Any) -> Any:
        sides = tf.shape(photo)[1:3]
        size = tf.cond(is_large(tf, photo), lambda: sides // 2 + 1, lambda: sides * 2)
        return resized(tf, tf.cast(photo, tf.float32), size)

    found = check(graph_of(make, control_flow=control_flow))
    assert not found & BRANCHING
    assert "SelectV2" in found


@CONTROL_FLOW
def test_a_choice_within_a_choice_becomes_two_selections(control_flow: str) -> None:
    def make(tf: Any, photo: Any) -> Any:
        sides = tf.shape(photo)[1:3]
        size = tf.cond(
            is_large(tf, photo),
            lambda: tf.cond(sides[0] > sides[1], lambda: sides + 1, lambda: sides + 2),
            lambda: sides + 3,
        )
        return resized(tf, tf.cast(photo, tf.float32), size)

    assert not check(graph_of(make, control_flow=control_flow)) & BRANCHING


@CONTROL_FLOW
def test_a_resize_on_a_condition_becomes_a_resize_to_a_chosen_size(control_flow: str) -> None:
    def make(tf: Any, photo: Any) -> Any:
        image = tf.cast(photo, tf.float32)
        return tf.cond(is_large(tf, photo), lambda: resized(tf, image, [17, 9]), lambda: image)

    assert not check(graph_of(make, control_flow=control_flow)) & BRANCHING


@CONTROL_FLOW
def test_a_resize_of_an_image_without_batch_on_a_condition_is_folded(control_flow: str) -> None:
    def make(tf: Any, photo: Any) -> Any:
        image = tf.cast(tf.squeeze(photo, [0]), tf.float32)

        def small() -> Any:
            return tf.squeeze(resized(tf, tf.expand_dims(image, 0), [17, 9]), [0])

        return tf.cond(is_large(tf, photo), small, lambda: image)

    assert not check(graph_of(make, control_flow=control_flow)) & BRANCHING


@CONTROL_FLOW
def test_a_choice_between_two_resizes_is_one_resize(control_flow: str) -> None:
    def make(tf: Any, photo: Any) -> Any:
        image = tf.cast(photo, tf.float32)
        return tf.cond(
            is_large(tf, photo),
            lambda: resized(tf, image, [17, 9]),
            lambda: resized(tf, image, tf.shape(image)[1:3] + 4),
        )

    normal = graph_of(make, control_flow=control_flow)
    assert not check(normal) & BRANCHING
    kinds = [node.op for node in normal_form(normal, CROP, SOURCE).node]
    assert kinds.count("ResizeBilinear") == 1


@CONTROL_FLOW
def test_a_choice_between_images_stays_a_choice(control_flow: str) -> None:
    def make(tf: Any, photo: Any) -> Any:
        image = tf.cast(photo, tf.float32)
        return tf.cond(is_large(tf, photo), lambda: image * 2, lambda: image[:, ::2])

    assert check(graph_of(make, control_flow=control_flow)) & BRANCHING


def test_functions_are_inlined_however_they_call_each_other() -> None:
    def make(tf: Any, photo: Any) -> Any:
        inner = tf.function(lambda x: x * 2 + 1)
        outer = tf.function(lambda x: inner(x) - inner(x * 3))
        return outer(tf.cast(photo, tf.float32))

    assert not {"PartitionedCall", "StatefulPartitionedCall"} & check(graph_of(make))


def test_asserts_and_what_waits_for_them_leave_no_trace() -> None:
    def make(tf: Any, photo: Any) -> Any:
        check_size = tf.compat.v1.assert_greater(tf.shape(photo)[1], 0)
        check_rank = tf.debugging.Assert(tf.equal(tf.rank(photo), 4), ["rank", photo])
        with tf.control_dependencies([op for op in (check_size, check_rank) if op is not None]):
            return tf.identity(tf.cast(photo, tf.float32) + 1.0)

    graph_def = graph_of(make)
    assert "Assert" in operations(graph_def)
    normal = normal_form(graph_def, CROP, SOURCE)
    assert check(graph_def) == {"Placeholder", "Cast", "Const", "AddV2", "Identity"}
    assert not any(name.startswith("^") for node in normal.node for name in node.input)
    assert [node.name for node in normal.node if node.op == "Identity"] == ["SemanticPredictions"]


def test_asserts_in_branches_that_stay_are_gone_too() -> None:
    def make(tf: Any, photo: Any) -> Any:
        image = tf.cast(photo, tf.float32)

        def checked() -> Any:
            with tf.control_dependencies([tf.debugging.Assert(image[0, 0, 0, 0] >= 0, ["x"])]):
                return image * 2

        return tf.cond(is_large(tf, photo), checked, lambda: image[:, ::2])

    graph_def = graph_of(make, control_flow="v2")
    normal = normal_form(graph_def, CROP, SOURCE)
    check(graph_def)
    assert not any(
        node.op == "Assert" for item in normal.library.function for node in item.node_def
    )


def test_devices_and_hints_are_gone() -> None:
    graph_def = graph_of(lambda tf, photo: tf.cast(photo, tf.float32))
    for node in graph_def.node:
        node.device = "/job:far_away/task:0"
        node.attr["_output_shapes"].list.shape.add().dim.add(size=7)
    normal = normal_form(graph_def, CROP, SOURCE)
    assert all(not node.device and "_output_shapes" not in node.attr for node in normal.node)


def test_nodes_that_read_each_other_in_a_circle_are_refused() -> None:
    graph_def = graph_of(lambda tf, photo: tf.cast(photo, tf.float32) + 1.0)
    added = next(node for node in graph_def.node if node.op == "AddV2")
    added.input[0] = "SemanticPredictions"
    with pytest.raises(GraphError, match="reads itself"):
        normal_form(graph_def, CROP, SOURCE)


def test_a_merge_that_no_condition_explains_is_refused() -> None:
    graph_def = graph_of(lambda tf, photo: tf.cast(photo, tf.float32) + 1.0)
    added = next(node for node in graph_def.node if node.op == "AddV2")
    added.op = "Merge"
    added.attr["N"].i = 2
    with pytest.raises(GraphError, match="no condition explains its Merge"):
        normal_form(graph_def, CROP, SOURCE)


def test_a_merge_can_not_bring_its_own_predicate() -> None:
    graph_def = graph_of(lambda tf, photo: tf.cast(photo, tf.float32) + 1.0)
    added = next(node for node in graph_def.node if node.op == "AddV2")
    added.op = "Merge"
    added.attr["N"].i = 2
    added.attr["_predicate"].s = b"ImageTensor"
    with pytest.raises(GraphError, match="no condition explains its Merge"):
        normal_form(graph_def, CROP, SOURCE)
