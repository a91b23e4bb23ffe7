"""What a MODEL argument means, and which file a backend opens for it."""

from __future__ import annotations

import io
import logging
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import onnx
import pytest

from tests.conftest import write_graph
from toolkit import resolve
from toolkit.catalog import load_catalog
from toolkit.convert import convert_model
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes import PASSES
from toolkit.errors import (
    ConversionError,
    GraphError,
    MissingDependencyError,
    ModelNotFoundError,
    UsageError,
)
from toolkit.graphs import FrozenGraph
from toolkit.resolve import ensure_export, find_export, open_backend, resolve_model
from toolkit.store import Source, Store

BUNDLED = load_catalog().bundled
OFFICIAL = load_catalog().default.name


def put_into_store(name: str, graph: FrozenGraph) -> None:
    source = Source(
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


@pytest.mark.tensorflow
def test_an_export_is_only_used_for_the_graph_it_was_made_from(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "net.pb", crop=65, width=4)
    model = resolve_model(str(graph.source))
    assert find_export(model) is None
    made = convert_model(graph, opset=13)
    assert find_export(model) == made.path
    write_graph(graph.source, crop=65, width=4, seed=5)
    assert find_export(model) is None


@pytest.mark.tensorflow
def test_logits_are_given_where_they_are_asked_for_and_an_export_has_them(tmp_path: Path) -> None:
    model = resolve_model(str(write_graph(tmp_path / "net.pb", crop=65, width=4).source))
    with_logits = convert_model(model.graph(), profile="exact-logits").path
    assert find_export(model) == with_logits  # it serves where none are asked for
    without = convert_model(model.graph(), profile="exact").path
    assert find_export(model) == without
    assert find_export(model, logits=True) == with_logits
    with_logits.unlink()
    assert find_export(model, logits=True) == without
    without.unlink()
    assert ensure_export(model, logits=True) == with_logits


@pytest.mark.tensorflow
def test_the_onnx_backend_converts_first_where_there_is_no_export(
    tiny_graph: FrozenGraph, caplog: pytest.LogCaptureFixture
) -> None:
    model = resolve_model(str(tiny_graph.source))
    with caplog.at_level(logging.INFO), open_backend(model, "onnx", threads=1) as backend:
        assert backend.network.crop == (65, 65)
    assert "converting it first" in caplog.text
    assert find_export(model) == Store.default().export_path("tiny", "exact", 18)


def made_by_other_passes(path: Path) -> Path:
    """Put the bundled export there as one from before passes were written down."""
    model = onnx.load(BUNDLED.onnx)
    kept = [entry for entry in model.metadata_props if entry.key != "passes"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def test_an_export_of_another_converter_is_passed_over_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    model = resolve_model(str(tmp_path / "net.pb"))
    old = made_by_other_passes(Store.default().export_path("net", "plain", 18))
    with caplog.at_level(logging.INFO):
        assert find_export(model) is None
    (line,) = caplog.messages
    assert line == f"passing over {old}: another version of the converter made it"
    shutil.copy(BUNDLED.onnx, old.with_name("net.plain-logits.opset13.onnx"))
    assert find_export(model) == old.with_name("net.plain-logits.opset13.onnx")
    named = resolve_model(str(old))  # whoever names the file gets it
    assert find_export(named) == old


@pytest.mark.tensorflow
def test_an_export_of_another_converter_is_made_anew_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    old = made_by_other_passes(Store.default().export_path("net", "plain", 18))
    model = resolve_model(f"{tmp_path / 'net.pb'}+plain")
    with caplog.at_level(logging.INFO, "toolkit"):
        assert ensure_export(model) == old
    said = [line for line in caplog.messages if str(old) in line]
    assert said == [f"another version of the converter made {old}: converting net anew"]
    assert find_export(model) == old


def test_without_the_converter_an_export_of_another_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    made_by_other_passes(Store.default().export_path("net", "plain", 18))
    without_converter(monkeypatch)
    with pytest.raises(
        MissingDependencyError,
        match=r"opset18\.onnx was made by another version of the converter and can't be made here",
    ):
        ensure_export(resolve_model(str(tmp_path / "net.pb")))


def without_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingDependencyError("no TensorFlow", "install the extra")

    monkeypatch.setattr(resolve, "convert_model", missing)


def test_without_the_converter_the_missing_file_and_extra_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    without_converter(monkeypatch)
    with pytest.raises(
        MissingDependencyError, match=r"net\.exact\.opset18\.onnx is missing.*install the extra"
    ):
        ensure_export(resolve_model(str(tmp_path / "net.pb")))


def test_an_onnx_file_finds_the_graph_it_was_made_from(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.onnx, tmp_path / "copy.onnx")
    model = resolve_model(str(tmp_path / "copy.onnx"))
    assert find_export(model) == tmp_path / "copy.onnx"
    assert model.graph().sha256 == resolve_model(BUNDLED.name).graph().sha256


def test_a_broken_export_in_the_store_is_passed_over_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = Store.default().export_path(BUNDLED.name, "plain", 18)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"broken")
    assert find_export(resolve_model()) == BUNDLED.onnx
    assert str(path) in caplog.text


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


def test_a_profile_behind_the_models_name_chooses_its_export() -> None:
    model = resolve_model(f"{BUNDLED.name}+fit")
    assert (model.name, model.profile) == (BUNDLED.name, "fit")
    assert find_export(model) is None  # the bundled one is of another profile
    assert resolve_model("+fit") == model
    assert find_export(resolve_model(f"{BUNDLED.name}+plain")) == BUNDLED.onnx


@pytest.mark.tensorflow
def test_a_graph_that_exact_does_not_recognise_is_converted_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(net: DeepLab) -> None:
        net.refuse("a branch that pools the whole map", "none")

    monkeypatch.setitem(PASSES, "pooled_bias", refuse)
    graph = write_graph(tmp_path / "net.pb", crop=65, width=4)
    model = resolve_model(str(graph.source))
    assert ensure_export(model) == Store.default().export_path("net", "plain", 18)
    assert "profile exact: this graph is not taken: looked for a branch" in caplog.text
    assert "; taking plain" in caplog.text
    with pytest.raises(ConversionError):  # what is asked for by name is not replaced
        convert_model(graph, profile="exact")


@pytest.mark.tensorflow
def test_of_the_default_profiles_the_first_that_is_here_is_run(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "net.pb", crop=65, width=4)
    model = resolve_model(str(graph.source))
    plain = convert_model(graph, profile="plain").path
    assert ensure_export(model) == plain
    exact = convert_model(graph).path
    assert exact.name == "net.exact.opset18.onnx"
    assert ensure_export(model) == exact


def test_a_plus_that_no_profile_follows_is_part_of_a_name(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "a+b.pb")
    assert resolve_model(str(tmp_path / "a+b.pb")).name == "a+b"


def test_an_onnx_file_takes_no_profile(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.onnx, tmp_path / "copy.onnx")
    with pytest.raises(UsageError, match="is an ONNX file"):
        resolve_model(f"{tmp_path / 'copy.onnx'}+fit")


@pytest.mark.tensorflow
def test_exports_of_several_profiles_lie_beside_each_other(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    made = {
        profile: ensure_export(resolve_model(f"{tmp_path / 'net.pb'}+{profile}"))
        for profile in ("plain", "fast")
    }
    assert {path.name for path in made.values()} == {
        "net.plain.opset18.onnx",
        "net.fast.opset18.onnx",
    }
    assert find_export(resolve_model(str(tmp_path / "net.pb")), profile="fast") == made["fast"]
    named = resolve_model(f"{tmp_path / 'net.pb'}+plain")
    assert find_export(named, profile="fast") == made["plain"]  # what the user asked for goes first
