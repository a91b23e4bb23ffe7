"""Graphs: the contract, the allowlist, and what is found in a DeepLab-shaped graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import write_graph
from toolkit.errors import GraphError
from toolkit.graphs import (
    FrozenGraph,
    import_tensorflow,
    inspect_graph,
    load_graph,
    normal_form,
    parse_graph,
    read_graph,
)

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(("crop", "width", "classes"), [(65, 8, 21), (129, 4, 5)])
def test_crop_and_labels_are_read_from_the_graph(
    tmp_path: Path, crop: int, width: int, classes: int
) -> None:
    graph = write_graph(tmp_path / "g.pb", crop=crop, width=width, classes=classes)
    contract = inspect_graph(graph)
    assert contract.network.crop == (crop, crop)
    assert len(contract.network.labels) == classes
    assert contract.argmax == "ArgMax:0"
    assert contract.logits == "ResizeLogits:0"


def test_a_graph_that_writes_files_is_refused_unless_trusted(tmp_path: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as loaded:
        tf.io.write_file(str(tmp_path / "stolen"), "secret", name="SemanticPredictions")
    path = tmp_path / "evil.pb"
    path.write_bytes(loaded.as_graph_def().SerializeToString())
    with pytest.raises(GraphError, match=r"evil\.pb: uses operations.*WriteFile.*--trust-graph"):
        inspect_graph(read_graph(path))
    with pytest.raises(GraphError, match="has no tensor ImageTensor:0"):
        inspect_graph(read_graph(path, trusted=True))


def test_a_forbidden_operation_inside_a_function_is_found(tiny_graph: FrozenGraph) -> None:
    graph_def = parse_graph(tiny_graph)
    function = graph_def.library.function.add()
    function.signature.name = "hidden"
    function.node_def.add(name="read", op="ReadFile")
    poisoned = FrozenGraph("g", Path("g.pb"), graph_def.SerializeToString())
    with pytest.raises(GraphError, match="ReadFile"):
        inspect_graph(poisoned)


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"\xff\xff not a graph", "not a serialized GraphDef"), (b"", "holds no operations")],
)
def test_bytes_that_are_no_graph_are_named(data: bytes, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        inspect_graph(FrozenGraph("g", Path("some.pb"), data))


def test_other_tensors_are_refused(tiny_graph: FrozenGraph) -> None:
    graph_def = parse_graph(tiny_graph)
    next(n for n in graph_def.node if n.name == "SemanticPredictions").name = "Other"
    with pytest.raises(GraphError, match="has no tensor SemanticPredictions:0"):
        inspect_graph(FrozenGraph("g", Path("g.pb"), graph_def.SerializeToString()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"nowhere\.pb: can't be read"):
        read_graph(tmp_path / "nowhere.pb")


def test_the_zoo_file_name_gives_way_to_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "some_model" / "frozen_inference_graph.pb"
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert read_graph(path).name == "some_model"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crop_0.pb", "its crop is 0x0"),
        ("labels_0.pb", "it has 0 labels"),
        ("const_840GB.pb", "its crop is 100000x100000"),
        ("remote_device.pb", "it fails on an image of one pixel"),
    ],
)
def test_sizes_out_of_all_bounds_are_refused_at_once(shared: Path, name: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        inspect_graph(read_graph(shared / "cases" / "hostile" / name))


def test_more_values_than_memory_holds_are_refused_before_a_run() -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as loaded:
        tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        huge = tf.fill([1, 9, 9, 2**33], 0.0)
        tf.argmax(huge, 3, name="SemanticPredictions")
    graph = FrozenGraph("huge", Path("huge.pb"), loaded.as_graph_def().SerializeToString())
    with pytest.raises(GraphError, match="more than memory holds"):
        inspect_graph(graph)


def test_a_loaded_graph_stands_for_its_bytes_whatever_is_made_of_it(
    tiny_graph: FrozenGraph,
) -> None:
    loaded = load_graph(tiny_graph)
    assert load_graph(loaded) is loaded
    assert inspect_graph(loaded) is loaded.contract
    assert (loaded.name, loaded.sha256) == (tiny_graph.name, tiny_graph.sha256)
    for rounding in (True, False):
        normal_form(
            loaded.graph_def, loaded.contract.network.crop, loaded.source, rounding=rounding
        )
    assert loaded.graph_def == parse_graph(tiny_graph)
    with pytest.raises(RuntimeError, match="finalized"), loaded.tf_graph.as_default():
        import_tensorflow().constant(1)
