"""A backend opened for a model, on an export of its graph and of this converter, or a new one."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import onnx
import pytest

from tests.conftest import write_graph
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes import PASSES
from toolkit.errors import ConversionError, GraphError, MissingDependencyError, UsageError
from toolkit.graphs import FrozenGraph
from toolkit.hub import opening
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import ensure_artifact, find_export, open_backend
from toolkit.hub.publish import convert_model
from toolkit.hub.store import Store

BUNDLED = load_catalog().bundled


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
    assert ensure_artifact(model, logits=True) == with_logits


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
        assert ensure_artifact(model) == old
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
        ensure_artifact(resolve_model(str(tmp_path / "net.pb")))


def without_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingDependencyError("no TensorFlow", "install the extra")

    monkeypatch.setattr(opening, "convert_model", missing)


def test_without_the_converter_the_missing_file_and_extra_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    without_converter(monkeypatch)
    with pytest.raises(
        MissingDependencyError, match=r"net\.exact\.opset18\.onnx is missing.*install the extra"
    ):
        ensure_artifact(resolve_model(str(tmp_path / "net.pb")))


def test_a_broken_export_in_the_store_is_passed_over_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = Store.default().export_path(BUNDLED.name, "plain", 18)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"broken")
    assert find_export(resolve_model()) == BUNDLED.onnx
    assert str(path) in caplog.text


@pytest.mark.tensorflow
def test_a_graph_that_exact_does_not_recognize_is_converted_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(net: DeepLab) -> None:
        net.refuse("a crop of another kind", "none")

    monkeypatch.setitem(PASSES, "labels_on_photo", refuse)
    graph = write_graph(tmp_path / "net.pb", crop=65, width=4)
    model = resolve_model(str(graph.source))
    assert ensure_artifact(model) == Store.default().export_path("net", "plain", 18)
    assert "profile exact: unsupported graph: looked for a crop" in caplog.text
    assert "; taking plain" in caplog.text
    with pytest.raises(ConversionError):  # what is asked for by name is not replaced
        convert_model(graph, profile="exact")


@pytest.mark.tensorflow
def test_of_the_default_profiles_the_first_that_is_here_is_run(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "net.pb", crop=65, width=4)
    model = resolve_model(str(graph.source))
    plain = convert_model(graph, profile="plain").path
    assert ensure_artifact(model) == plain
    exact = convert_model(graph).path
    assert exact.name == "net.exact.opset18.onnx"
    assert ensure_artifact(model) == exact


@pytest.mark.tensorflow
def test_exports_of_several_profiles_lie_beside_each_other(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    made = {
        profile: ensure_artifact(resolve_model(f"{tmp_path / 'net.pb'}+{profile}"))
        for profile in ("exact", "plain", "fast")
    }
    assert made == {
        profile: Store.default().export_path("net", profile, 18)
        for profile in ("exact", "plain", "fast")
    }


@pytest.mark.tensorflow
def test_a_profile_asked_for_comes_before_the_backends_own(tmp_path: Path) -> None:
    shutil.copy(BUNDLED.graph, tmp_path / "net.pb")
    made = {
        profile: convert_model(resolve_model(str(tmp_path / "net.pb")).graph(), profile=profile)
        for profile in ("exact", "plain")
    }
    model = resolve_model(str(tmp_path / "net.pb"))
    assert ensure_artifact(model, "onnx") == made["exact"].path
    assert ensure_artifact(model, "opencv") == made["plain"].path
    named = resolve_model(f"{tmp_path / 'net.pb'}+exact")
    assert ensure_artifact(named, "opencv") == made["exact"].path


@pytest.mark.tensorflow
def test_what_runs_the_graph_is_given_the_graph(tiny_graph: FrozenGraph) -> None:
    model = resolve_model(str(tiny_graph.source))
    assert ensure_artifact(model, "tf") == model.graph()
    assert find_export(model) is None
