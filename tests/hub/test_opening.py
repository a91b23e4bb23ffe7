"""A backend opened for a model, or a line that says why not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from toolkit.errors import GraphError, UsageError
from toolkit.graphs import FrozenGraph
from toolkit.hub.exports import find_export
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.hub.store import Store


def test_an_unknown_backend_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="choose from: onnx, tf"):
        open_backend(resolve_model(), "cuda")


@pytest.mark.tensorflow
def test_a_graph_outside_the_allowlist_needs_trust(tmp_path: Path, tiny_graph: FrozenGraph) -> None:
    from toolkit.graphs import parse_graph

    graph_def = parse_graph(tiny_graph)
    graph_def.node.add(name="log", op="ReadFile", input=["name"])
    name = graph_def.node.add(name="name", op="Const")
    name.attr["dtype"].type = 7  # DT_STRING
    name.attr["value"].tensor.dtype = 7
    name.attr["value"].tensor.tensor_shape.SetInParent()
    name.attr["value"].tensor.string_val.append(b"/etc/hostname")
    path = tmp_path / "reads.pb"
    path.write_bytes(graph_def.SerializeToString())
    with pytest.raises(GraphError, match="ReadFile"):
        open_backend(resolve_model(str(path)), "tf", threads=1)
    with open_backend(resolve_model(str(path), trusted=True), "tf", threads=1) as backend:
        assert backend.name == "tf"


@pytest.mark.tensorflow
def test_the_onnx_backend_converts_first_where_there_is_no_export(
    tiny_graph: FrozenGraph, caplog: pytest.LogCaptureFixture
) -> None:
    model = resolve_model(str(tiny_graph.source))
    with caplog.at_level(logging.INFO), open_backend(model, "onnx", threads=1) as backend:
        assert backend.network.crop == (65, 65)
    assert "converting it first" in caplog.text
    assert find_export(model) == Store.default().export_path("tiny", "exact", 18)
