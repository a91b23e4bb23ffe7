"""SavedModels: frozen to the same network without running anything that they bring along."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.graphs.saved_models import edit, freeze, make_net, photo, run, write_tf1, write_tf2
from toolkit.errors import GraphError
from toolkit.graphs.saved_model import freeze_saved_model
from toolkit.graphs.saved_model_files import SavedModelFiles
from toolkit.hub.archive import read_saved_model_folder

pytestmark = pytest.mark.tensorflow


def operations(data: bytes) -> set[str]:
    from tensorflow.compat.v1 import GraphDef

    graph_def = GraphDef.FromString(data)
    bodies = [function.node_def for function in graph_def.library.function]
    return {node.op for body in [graph_def.node, *bodies] for node in body}


@pytest.mark.parametrize("resource", [False, True])
def test_a_tf1_saved_model_gives_the_labels_of_its_session(tmp_path: Path, resource: bool) -> None:
    expected = write_tf1(tmp_path / "net", resource=resource)
    frozen = freeze(tmp_path / "net")
    assert frozen.form == "TF1 SavedModel"
    assert (frozen.input, frozen.output) == ("photo:0", "labels:0")
    found = run(frozen.data, frozen.output, frozen.input, photo(40, 30))
    assert np.array_equal(found, expected)
    assert len(np.unique(found)) > 1


def test_a_tf2_saved_model_with_branches_and_batch_norm_gives_its_scores(tmp_path: Path) -> None:
    net = write_tf2(tmp_path / "net")
    frozen = freeze(tmp_path / "net")
    assert frozen.form == "TF2 SavedModel"
    assert "If" in operations(frozen.data)
    assert not {"ReadVariableOp", "StatefulPartitionedCall"} & operations(frozen.data)
    for size in ((50, 20), (20, 30)):  # one for each branch
        found = run(frozen.data, frozen.output, frozen.input, photo(*size))
        assert np.allclose(found, net(photo(*size))["scores"].numpy(), atol=1e-4)


def test_bytes_are_the_same_in_every_process(tmp_path: Path) -> None:
    write_tf2(tmp_path / "net")
    script = (
        "import hashlib, pathlib, sys\n"
        "from toolkit.hub.archive import read_saved_model_folder\n"
        "from toolkit.graphs import adopt\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "print(adopt(read_saved_model_folder(path), 'net', path).graph.sha256)\n"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "net")],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


def writing(path: Path) -> Callable[[Any], Any]:
    """An operation that leaves a file."""
    return lambda tf: tf.io.write_file(str(path), "written")


@pytest.mark.parametrize("trusted", [False, True])
def test_a_file_written_by_an_initializer_is_never_written(tmp_path: Path, trusted: bool) -> None:
    victim = tmp_path / "victim"
    write_tf1(tmp_path / "net", initializer=writing(victim))
    if trusted:
        assert "WriteFile" not in operations(freeze(tmp_path / "net", trusted=True).data)
    else:
        with pytest.raises(GraphError, match=r"does not need: WriteFile; .*--trust-graph"):
            freeze(tmp_path / "net")
    assert not victim.exists()


def hidden(kind: str, victim: Path) -> Callable[[Any], None]:
    """Put a WriteFile into a function of a TF2 SavedModel."""

    def change(meta: Any) -> None:
        functions = meta.graph_def.library.function
        if kind == "unused":
            body = functions.add()
            body.signature.name = "unused"
        else:
            body = next(each for each in functions if kind in each.signature.name)
        for name, text in (("path", str(victim)), ("text", "written")):
            node = body.node_def.add(name=name, op="Const")
            node.attr["dtype"].type = 7
            node.attr["value"].tensor.dtype = 7
            node.attr["value"].tensor.string_val.append(text.encode())
        write = body.node_def.add(name="write", op="WriteFile")
        write.input.extend(["path:output:0", "text:output:0"])
        body.control_ret["write"] = "write"
        body.signature.control_output.append("write")

    return change


@pytest.mark.parametrize("kind", ["traced_restore", "signature_wrapper", "cond_true", "unused"])
def test_a_file_written_by_a_function_is_never_written(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    write_tf2(tmp_path / "net")
    edit(tmp_path / "net", hidden(kind, victim))
    with pytest.raises(GraphError, match="WriteFile"):
        freeze(tmp_path / "net")
    assert not victim.exists()


def test_what_saving_may_do_is_refused_on_the_way_to_the_labels(tmp_path: Path) -> None:
    """The saver's own operations write files: they may be there, but not where a photo goes."""
    victim = str(tmp_path / "victim")
    write_tf1(
        tmp_path / "net",
        before=lambda tf: tf.raw_ops.SaveV2(
            prefix=victim, tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
        ),
    )
    with pytest.raises(GraphError, match="does not need: SaveV2"):
        freeze(tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_variable_that_changes_in_use_is_refused(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    net = make_net()
    count = tf.Variable(0.0)
    net.count = count

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def counting(image: Any) -> Any:
        count.assign_add(1.0)
        return net.scores(image) * count

    write_tf2(tmp_path / "net", module=net, signatures=counting)
    with pytest.raises(GraphError, match="does not need: AssignAddVariableOp"):
        freeze(tmp_path / "net")


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("name", ["signature_wrapper", "traced_restore"])
def test_a_function_that_calls_itself_is_refused(tmp_path: Path, name: str, trusted: bool) -> None:
    write_tf2(tmp_path / "net")

    def change(meta: Any) -> None:
        functions = meta.graph_def.library.function
        function = next(each for each in functions if name in each.signature.name)
        call = function.node_def.add(name="again", op="PartitionedCall")
        call.attr["f"].func.name = function.signature.name

    edit(tmp_path / "net", change)
    with pytest.raises(GraphError, match="calls itself"):
        freeze(tmp_path / "net", trusted=trusted)


def test_two_functions_of_one_name_are_refused(tmp_path: Path) -> None:
    """One might be checked, and the other one run."""
    write_tf2(tmp_path / "net")
    edit(
        tmp_path / "net",
        lambda meta: meta.graph_def.library.function.add().CopyFrom(
            meta.graph_def.library.function[0]
        ),
    )
    with pytest.raises(GraphError, match="two functions of one name"):
        freeze(tmp_path / "net")


def test_operations_that_read_each_other_are_refused(tmp_path: Path) -> None:
    write_tf1(tmp_path / "net")

    def change(meta: Any) -> None:
        nodes = {node.name: node for node in meta.graph_def.node}
        nodes["labels"].input[0] = "labels"

    edit(tmp_path / "net", change)
    with pytest.raises(GraphError, match="labels reads itself"):
        freeze(tmp_path / "net")


@given(changes=st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 255)), min_size=1))
@settings(deadline=None)
def test_damaged_bytes_are_frozen_or_refused(
    any_files: SavedModelFiles, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(any_files.graph)
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(GraphError):
        freeze_saved_model(SavedModelFiles(bytes(data), any_files.variables), Path("net"))


@pytest.fixture(scope="module")
def any_files(tmp_path_factory: pytest.TempPathFactory) -> SavedModelFiles:
    folder = tmp_path_factory.mktemp("any")
    write_tf2(folder)
    return read_saved_model_folder(folder)


@pytest.mark.parametrize(
    ("data", "message"), [(b"\xff\xff no", "is not a SavedModel"), (b"", "holds no graph")]
)
def test_bytes_that_are_no_saved_model_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "saved_model.pb").write_bytes(data)
    with pytest.raises(GraphError, match=message):
        freeze(tmp_path)


def test_the_graph_for_serving_is_taken_and_others_are_named(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    write_tf1(tmp_path / "net")
    path = tmp_path / "net" / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    saved.meta_graphs.add().CopyFrom(saved.meta_graphs[0])
    saved.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    path.write_bytes(saved.SerializeToString())
    assert freeze(tmp_path / "net").output == "labels:0"
    saved.meta_graphs[1].meta_info_def.tags[:] = ["gpu"]
    path.write_bytes(saved.SerializeToString())
    with pytest.raises(GraphError, match="holds 2 graphs, tagged 'train; gpu'"):
        freeze(tmp_path / "net")
