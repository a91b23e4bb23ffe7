"""The bundled stand-in is what its script makes."""

from __future__ import annotations

import pytest

from models import make_standin
from toolkit.catalog import load_catalog
from toolkit.convert.conversion import DEFAULT_OPSET, export_graph
from toolkit.convert.manifest import read_manifest
from toolkit.convert.profiles import PROFILES
from toolkit.graphs import inspect_graph, read_graph

LIMIT = 3_000_000
"""Bytes a bundled file may take."""


@pytest.mark.tensorflow
def test_the_committed_files_are_the_scripts_bytes() -> None:
    bundled = load_catalog().bundled
    graph = read_graph(bundled.graph, name=bundled.name)
    assert graph.data == make_standin.serialise(make_standin.build_graph(hand_set=True))
    network = inspect_graph(graph).network
    assert network == bundled.network
    made = export_graph(graph, network, DEFAULT_OPSET, PROFILES["plain"])
    assert made.content == bundled.onnx.read_bytes()


def test_the_files_are_small_and_their_manifest_is_theirs() -> None:
    bundled = load_catalog().bundled
    assert bundled.graph.stat().st_size < LIMIT
    assert bundled.onnx.stat().st_size < LIMIT
    manifest = read_manifest(bundled.onnx)
    assert manifest is not None
    assert manifest.verification["passed"]
    assert manifest.source_graph_sha256 == read_graph(bundled.graph).sha256
