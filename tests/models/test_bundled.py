"""The bundled network is small, its export is its own, and it finds people."""

from __future__ import annotations

import pytest

from toolkit.convert.conversion import export_graph
from toolkit.convert.manifest import read_manifest
from toolkit.convert.profiles import find_profile
from toolkit.graphs import inspect_graph, read_graph
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import demo_photo
from toolkit.portrait import make_portrait

LIMIT = 3_000_000
"""Bytes a bundled file may take."""


@pytest.mark.tensorflow
def test_the_committed_export_is_what_the_committed_graph_converts_to() -> None:
    bundled = load_catalog().bundled
    graph = read_graph(bundled.graph, name=bundled.name)
    assert inspect_graph(graph).network == bundled.network
    made = export_graph(graph, find_profile("plain-logits"))
    assert made.content == bundled.onnx.read_bytes()


def test_the_files_are_small_and_their_manifest_is_theirs() -> None:
    bundled = load_catalog().bundled
    assert bundled.graph.stat().st_size < LIMIT
    assert bundled.onnx.stat().st_size < LIMIT
    manifest = read_manifest(bundled.onnx)
    assert manifest is not None
    assert manifest.verification["passed"]
    assert manifest.source_graph_sha256 == read_graph(bundled.graph).sha256


def test_it_finds_the_astronaut_and_not_the_room() -> None:
    photo = demo_photo()
    with open_backend(resolve_model(load_catalog().bundled.name), "onnx") as backend:
        found = make_portrait(photo, backend, stages=True).stages
    assert found is not None
    mask = found.alpha == 255
    # face, an arm, the chest, the suit; the wall left, right and above, and the rocket's tail
    people = [(150, 220), (400, 130), (450, 350), (360, 250)]
    room = [(90, 100), (180, 340), (20, 300), (60, 505)]
    assert [bool(mask[y, x]) for y, x in people] == [True] * 4
    assert [bool(mask[y, x]) for y, x in room] == [False] * 4
