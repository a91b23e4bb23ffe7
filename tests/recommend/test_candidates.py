"""What is tried: profiles by runtimes by thread counts, and why the rest is not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from toolkit.backends import BACKENDS
from toolkit.convert.profiles import PROFILES
from toolkit.errors import ConversionError
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import Model, resolve_model
from toolkit.recommend import candidates
from toolkit.recommend.candidates import find_candidates, thread_counts


@pytest.fixture(autouse=True)
def three_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime, TensorFlow, and one that is not installed; two profiles, one that refuses."""
    absent = dataclasses.replace(BACKENDS["openvino"], packages=("no_such_runtime",))
    registry = {"onnx": BACKENDS["onnx"], "tf": BACKENDS["tf"], "openvino": absent}
    monkeypatch.setattr(candidates, "BACKENDS", registry)
    monkeypatch.setitem(BACKENDS, "openvino", absent)
    profiles = {name: PROFILES[name] for name in ("plain", "fast")}
    monkeypatch.setattr(candidates, "PROFILES", profiles)

    def convert(model: Model, *, store: object) -> Path:
        if model.profile == "fast":
            raise ConversionError("no atrous layer found", "leave the profile out")
        return load_catalog().bundled.onnx

    monkeypatch.setattr(candidates, "ensure_artifact", convert)


@pytest.mark.tensorflow
def test_profiles_runtimes_and_threads_are_crossed_and_the_rest_has_its_reason(
    tmp_path: Path,
) -> None:
    found, skipped = find_candidates(resolve_model("mnv2_dm05_person"), 3, folder=tmp_path)
    assert [(one.name, one.profile, one.threads) for one in found] == [
        *((f"onnx:mnv2_dm05_person+plain@threads={n}", "plain", n) for n in (1, 2, 3)),
        *((f"tf:mnv2_dm05_person@threads={n}", None, n) for n in (1, 2, 3)),
    ]
    assert {one.judged_as for one in found} == {
        "onnx:mnv2_dm05_person+plain",
        "tf:mnv2_dm05_person",
    }
    assert {one.masks for one in found} == {"TF1's"}
    assert [(item.variant, item.reason.partition(";")[0]) for item in skipped] == [
        (
            "openvino:mnv2_dm05_person+plain",
            "backend openvino needs no_such_runtime, which is not installed",
        ),
        ("fast", "no atrous layer found"),
    ]


def test_of_a_model_with_a_profile_only_that_is_tried(tmp_path: Path) -> None:
    found, _ = find_candidates(resolve_model("mnv2_dm05_person+plain"), 1, folder=tmp_path)
    assert [one.name for one in found] == ["onnx:mnv2_dm05_person+plain@threads=1"]


def test_an_onnx_file_is_tried_as_it_is_and_nothing_vouches_for_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(load_catalog().bundled.onnx.read_bytes())
    found, _ = find_candidates(resolve_model(str(path)), 2, folder=tmp_path)
    assert [one.name for one in found] == [f"onnx:{path}@threads={n}" for n in (1, 2)]
    assert {(one.profile, one.same_labels) for one in found} == {(None, False)}


def test_thread_counts_end_with_all_cores() -> None:
    for cores in range(1, 70):
        counts = thread_counts(cores)
        assert counts[-1] == cores
        assert list(counts) == sorted(set(counts))
