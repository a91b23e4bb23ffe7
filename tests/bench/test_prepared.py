"""Variants made ready: what a variant's model means beside the measurement's."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.bench.prepared import prepare, profile_variants
from toolkit.bench.variants import Variant
from toolkit.convert import PROFILES
from toolkit.errors import UsageError
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model

BUNDLED = load_catalog().bundled


def test_every_profile_but_the_default_is_a_variant_of_the_measured_model() -> None:
    variants = profile_variants(resolve_model(BUNDLED.name))
    assert [str(variant) for variant in variants] == [
        f"onnx:+{name}" for name in PROFILES if name != "exact"
    ]
    assert profile_variants(resolve_model(f"{BUNDLED.name}+fast")) == ()
    assert profile_variants(resolve_model(str(BUNDLED.onnx))) == ()


@pytest.mark.tensorflow
def test_a_profile_alone_means_the_measured_models_export(tmp_path: Path) -> None:
    graph = resolve_model(str(BUNDLED.graph))
    (found,), skipped = prepare(graph, [Variant("onnx", "+plain")], folder=tmp_path)
    assert not skipped
    assert found.name == "onnx:+plain"
    assert found.artifact.name == f"{graph.name}.plain.opset18.onnx"
    assert found.model.name == graph.name


def test_a_profile_that_is_none_and_one_of_an_onnx_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile 'quick'"):
        prepare(resolve_model(BUNDLED.name), [Variant("onnx", "+quick")], folder=tmp_path)
    _, skipped = prepare(
        resolve_model(str(BUNDLED.onnx)), [Variant("onnx", "+fast")], folder=tmp_path
    )
    assert "is an ONNX file" in skipped[0].reason
