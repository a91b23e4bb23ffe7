"""The layout report: landmarks, profiles and why not, and what can be said of a refused graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_graph
from tests.support import made_up
from tests.zoo.family import member
from toolkit.convert import PROFILES, conversion, profiles
from toolkit.convert.inspection import LayoutReport, inspect_layout
from toolkit.errors import GraphError
from toolkit.graphs import FrozenGraph, import_tensorflow

pytestmark = pytest.mark.tensorflow


def inspected(
    change: Callable[[Any], None] | None = None, *, trusted: bool = False
) -> LayoutReport:
    """The report of a made-up graph after a change."""
    graph_def = made_up.build_graph(97, 24, 17, seed=5, hand_set=True)
    if change:
        change(graph_def)
    return inspect_layout(
        FrozenGraph("g", Path("g.pb"), graph_def.SerializeToString(), trusted=trusted)
    )


@pytest.fixture(scope="module")
def plain() -> LayoutReport:
    """The report of a made-up graph as it is."""
    return inspected()


def test_the_landmarks_of_a_known_layout_are_numbers(plain: LayoutReport) -> None:
    found = plain.landmarks
    assert found is not None
    assert found.resizes
    assert found.scale == pytest.approx((1 / 127.5,) * 3)
    assert found.padding == pytest.approx((127.5,) * 3)
    assert (found.stem_kernel, found.stem_stride, found.stem_channels) == ((3, 3), 2, 24)
    assert (found.output_stride, found.logits_stride, found.logits_size) == (8, 8, (13, 13))
    assert found.pooled
    assert found.feature_channels == 24
    assert found.backbone_rates == (2, 4)
    assert found.head_rates == ()
    assert found.enlargements == ()
    assert (found.labels, found.label_dtype) == (17, "uint8")
    # the stem alone: 24 kernels of 3x3x3 on 49x49 pixels
    assert found.multiply_adds > 24 * 27 * 49 * 49


def test_every_profile_applies_to_a_known_layout(plain: LayoutReport) -> None:
    assert [profile.name for profile in plain.profiles] == list(PROFILES)
    assert all(profile.applies and not profile.skipped for profile in plain.profiles)
    assert plain.refusal is None
    assert plain.unrecognized is None
    assert plain.contract is not None
    assert plain.contract.network.crop == (97, 97)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of tf2onnx and of profiles, in order."""
    made: list[str] = []
    convert, apply = conversion.onnx_model, profiles.Profile.apply

    def applied(self: Any, *arguments: Any) -> Any:
        made.append(self.name)
        return apply(self, *arguments)

    def converted(*arguments: Any, **options: Any) -> Any:
        made.append("tf2onnx" if options.get("rounding", True) else "tf2onnx, not rounded")
        return convert(*arguments, **options)

    monkeypatch.setattr(profiles.Profile, "apply", applied)
    monkeypatch.setattr("toolkit.convert.inspection.onnx_model", converted)
    return made


def test_each_profiles_passes_run_once_and_tf2onnx_too(calls: list[str]) -> None:
    found = inspected()
    assert calls == ["tf2onnx", *(name for name in PROFILES if name != "int8")]
    assert found.profiles[-1].name == "int8"


def test_of_fake_quantization_int8_starts_from_maps_that_are_not_rounded(
    calls: list[str],
) -> None:
    def round_maps(graph_def: Any) -> None:
        for node in [node for node in graph_def.node if node.op == "Relu6"]:
            name, node.name = node.name, f"{node.name}/exact"
            rounded = graph_def.node.add(name=name, op="FakeQuantWithMinMaxArgs")
            rounded.input.append(node.name)
            rounded.attr["min"].f, rounded.attr["max"].f = 0.0, 6.0

    found = inspected(round_maps)
    assert calls == ["tf2onnx", "tf2onnx, not rounded", *PROFILES]
    assert found.normal_form is not None
    assert found.normal_form.fake_quantization_expanded > 0


def test_a_crop_that_stride_16_does_not_divide_is_a_reason_in_one_line(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "g.pb", crop=105, width=8)
    profiles = {profile.name: profile for profile in inspect_layout(graph).profiles}
    assert profiles["exact"].applies
    assert not profiles["stride16"].applies
    reason = profiles["stride16"].reason
    assert reason is not None
    assert reason.startswith("looked for output stride 8 and a crop of 16k + 1; found ")
    assert "\n" not in reason
    assert profiles["fast"].applies
    assert profiles["fast"].skipped == {"output_stride_16": reason}


@pytest.mark.slow
def test_a_decoder_and_its_branches_are_told_by_strides_and_rates() -> None:
    data = member("xception_65_os8")
    found = inspect_layout(FrozenGraph("x", Path("x.pb"), data))
    assert found.landmarks is not None
    assert found.landmarks.head_rates == (12, 24, 36)
    assert found.landmarks.enlargements == ((8, 4),)
    assert (found.landmarks.output_stride, found.landmarks.logits_stride) == (8, 4)
    assert found.normal_form is not None
    assert found.normal_form.checks_removed == 4
    assert found.normal_form.choices_folded == 1


def without_aligned_corners(graph_def: Any) -> None:
    for node in graph_def.node:
        if node.op == "ResizeBilinear":
            node.attr["align_corners"].b = False


def test_a_layout_that_is_not_recognized_says_why_and_what_still_applies() -> None:
    found = inspected(without_aligned_corners)
    assert found.landmarks is None
    assert found.unrecognized is not None
    assert found.unrecognized.startswith("looked for ")
    applies = [profile.name for profile in found.profiles if profile.applies]
    assert applies == ["plain"]
    assert found.refusal is None


def forbidden(graph_def: Any) -> None:
    name = graph_def.node.add(name="name", op="Const")
    name.attr["dtype"].type = name.attr["value"].tensor.dtype = 7
    name.attr["value"].tensor.string_val.append(b"/etc/passwd")
    graph_def.node.add(name="steal", op="ReadFile", input=["name"])


def test_a_forbidden_graph_is_counted_and_never_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    def loaded(*_: Any, **__: Any) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(tf, "import_graph_def", loaded)
    found = inspected(forbidden)
    assert found.refusal is not None
    assert "ReadFile" in found.refusal.problem
    assert "--trust-graph" in found.refusal.remedy
    assert found.layout.forbidden == ("ReadFile",)
    assert found.layout.operations["ArgMax"] == 1
    assert found.contract is None
    assert found.normal_form is None
    assert found.landmarks is None
    assert found.profiles == ()


def test_a_forbidden_graph_that_is_trusted_is_inspected_to_the_end() -> None:
    found = inspected(forbidden, trusted=True)
    assert found.refusal is None
    assert found.layout.forbidden == ("ReadFile",)
    assert all(profile.applies for profile in found.profiles)


def other_names(graph_def: Any) -> None:
    next(node for node in graph_def.node if node.name == "SemanticPredictions").name = "Labels"


def test_of_other_tensors_the_candidates_are_named() -> None:
    found = inspected(other_names)
    assert found.refusal is not None
    assert "has no tensor SemanticPredictions:0" in found.refusal.problem
    assert [tensor.name for tensor in found.layout.inputs] == ["ImageTensor:0"]
    assert [tensor.name for tensor in found.layout.outputs] == ["Labels:0"]


def test_a_graph_that_tf2onnx_refuses_is_described_all_the_same() -> None:
    tf = import_tensorflow()
    with tf.Graph().as_default() as loaded:  # its label map does not depend on the photo
        tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        tf.argmax(tf.zeros([1, 65, 65, 5]), 3, name="SemanticPredictions")
    data = loaded.as_graph_def().SerializeToString()
    found = inspect_layout(FrozenGraph("g", Path("g.pb"), data))
    assert found.contract is not None
    assert found.normal_form is not None
    assert found.unrecognized is not None
    assert "tf2onnx does not convert" in found.unrecognized
    assert {profile.reason for profile in found.profiles} == {found.unrecognized}


def test_bytes_that_are_no_graph_are_an_error() -> None:
    with pytest.raises(GraphError, match="not a serialized GraphDef"):
        inspect_layout(FrozenGraph("g", Path("g.pb"), b"\xff\xff"))
