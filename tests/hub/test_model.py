"""What a MODEL argument means: names, paths, profiles; what is not here is named."""

from __future__ import annotations

import io
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from toolkit.errors import ModelNotFoundError, UsageError
from toolkit.graphs import FrozenGraph
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import find_export, open_backend
from toolkit.hub.store import ModelSource, Store

BUNDLED = load_catalog().bundled
OFFICIAL = load_catalog().default.name


def put_into_store(name: str, graph: FrozenGraph) -> None:
    source = ModelSource(
        name=name,
        origin="a test",
        archive=f"{name}.tar.gz",
        archive_sha256="0" * 64,
        archive_size=1,
        graph_sha256=graph.sha256,
        graph_size=len(graph.data),
        crop=(65, 65),
        labels=tuple(f"thing {number}" for number in range(21)),
        pin="first use",
        fetched_at=datetime.now(UTC).isoformat(),
    )
    Store.default().publish_model(source, graph.data)


def test_without_an_argument_the_bundled_model_is_taken() -> None:
    assert resolve_model().kind == "bundled"
    assert resolve_model().graph().sha256 == resolve_model(BUNDLED.name).graph().sha256


@pytest.mark.tensorflow
def test_without_an_argument_the_official_network_is_taken_once_it_is_in_the_store(
    tiny_graph: FrozenGraph,
) -> None:
    put_into_store(OFFICIAL, tiny_graph)
    found = resolve_model()
    assert (found.name, found.kind) == (OFFICIAL, "store")
    assert found.graph().data == tiny_graph.data


@pytest.mark.tensorflow
def test_labels_recorded_at_the_fetch_reach_the_backend(tiny_graph: FrozenGraph) -> None:
    put_into_store("mine", tiny_graph)
    with open_backend(resolve_model("mine"), "tf", threads=1) as backend:
        assert backend.network.labels[3] == "thing 3"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("no_such_model", "no model 'no_such_model'; here are: mnv2_dm05_person"),
        (OFFICIAL, f"{OFFICIAL} is not in the store; toolkit fetch {OFFICIAL}"),
        ("nowhere/graph.pb", r"nowhere/graph\.pb: no such file"),
    ],
)
def test_what_is_not_here_is_named_with_what_to_do(argument: str, message: str) -> None:
    with pytest.raises(ModelNotFoundError, match=message):
        resolve_model(argument)


@pytest.mark.tensorflow
def test_an_archive_and_the_graph_inside_are_one_model(
    tiny_graph: FrozenGraph, tmp_path: Path
) -> None:
    path = tmp_path / "my_network.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("folder/frozen_inference_graph.pb")
        member.size = len(tiny_graph.data)
        archive.addfile(member, io.BytesIO(tiny_graph.data))
    found = resolve_model(str(path))
    assert (found.name, found.kind) == ("my_network", "archive")
    assert found.graph().sha256 == tiny_graph.sha256


def test_an_onnx_file_finds_the_graph_it_was_made_from(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.onnx, tmp_path / "copy.onnx")
    model = resolve_model(str(tmp_path / "copy.onnx"))
    assert find_export(model) == tmp_path / "copy.onnx"
    assert model.graph().sha256 == resolve_model(BUNDLED.name).graph().sha256


def test_a_profile_behind_the_models_name_chooses_its_export() -> None:
    model = resolve_model(f"{BUNDLED.name}+fit")
    assert (model.name, model.profile) == (BUNDLED.name, "fit")
    assert find_export(model) is None  # the bundled one is of another profile
    assert resolve_model("+fit") == model
    assert find_export(resolve_model(f"{BUNDLED.name}+plain")) == BUNDLED.onnx


def test_a_plus_that_no_profile_follows_is_part_of_a_name(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "a+b.pb")
    assert resolve_model(str(tmp_path / "a+b.pb")).name == "a+b"


def test_an_onnx_file_takes_no_profile(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.onnx, tmp_path / "copy.onnx")
    with pytest.raises(UsageError, match="is an ONNX file"):
        resolve_model(f"{tmp_path / 'copy.onnx'}+fit")
