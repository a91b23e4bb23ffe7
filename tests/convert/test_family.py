"""Every layout of the DeepLab family through every profile: what applies, and that labels agree.

The networks have random weights, so that profiles which may change labels change many of them.
They are judged on photos that fill the crop, where `fit` changes nothing.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import ROOT
from tests.zoo import FAMILY, member
from tests.zoo.scenes import scene
from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.tf import Reference, TfBackend
from toolkit.convert.conversion import onnx_model
from toolkit.convert.profiles import PROFILES
from toolkit.errors import ConversionError
from toolkit.graphs import FrozenGraph, GraphContract, LoadedGraph, load_graph
from toolkit.parity import compare_label_maps

pytestmark = pytest.mark.tensorflow

FLOAT = [name for name, profile in PROFILES.items() if not profile.quantized]

QUICK = {
    "mnv2_257",
    "mnv2_no_resize",
    "mnv2_if",
    "mnv3_small",
    "xception_65_os8",
    "resnet_mean_pixel",
}
"""One of each kind; the others are run by `make test-slow`."""

STRIDE_16 = "output stride 8"
SCALES = "before the ArgMax; found ReduceMean"
REFUSED: dict[str, dict[str, str]] = {
    "mnv2_flipped": dict.fromkeys(("exact", "stride16", "fit", "fast"), SCALES),
    "mnv2_multi_scale": dict.fromkeys(("exact", "stride16", "fit", "fast"), SCALES),
    "mnv2_labels_enlarged": dict.fromkeys(
        ("exact", "stride16", "fit", "fast"), "before the ArgMax; found Conv"
    ),
    "mnv3_large_cityscapes": dict.fromkeys(("fit", "fast"), "resizes from one stride to another"),
    "xception_65_os8": {"stride16": "without a residual connection"},
    "resnet_beta_os8": {"stride16": "without a residual connection"},
    "resnet_beta_dilations": {"stride16": "without a residual connection"},
}
"""What does not apply, and why, as far as the layout's stride does not say it."""


SMALLER = {"mnv2_shorter_side", "mnv2_resize_factor"}
"""Graphs that resize every photo to less than the crop."""


def members() -> list[Any]:
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FAMILY]


@functools.cache
def loaded(name: str) -> LoadedGraph:
    return load_graph(FrozenGraph(name, Path(f"{name}.pb"), member(name)))


def photos(contract: GraphContract) -> dict[str, NDArray[np.uint8]]:
    """Photos that fill the crop, lie in it, and where the graph resizes are larger than it."""
    height, width = contract.network.crop
    found = {
        "whole": scene(height, width, seed=70),
        "wide": scene(height * 9 // 16, width, seed=71),
        "pixel": scene(1, 1, seed=72),
    }
    if contract.network.resizes:
        found["large"] = scene(height + 90, width // 2 + 31, seed=73)
    return found


def expected_reason(name: str, profile: str) -> str | None:
    reasons = REFUSED.get(name, {})
    if profile == "stride16" and FAMILY[name].output_stride != 8:
        return reasons.get(profile, STRIDE_16)
    return reasons.get(profile)


@pytest.mark.parametrize("name", members())
def test_every_profile_that_applies_gives_tf1s_labels(name: str) -> None:
    graph = loaded(name)
    contract = graph.contract
    assert contract.network.crop == FAMILY[name].crop
    assert len(contract.network.labels) == FAMILY[name].labels
    assert contract.network.resizes == (FAMILY[name].max_resize is not None)
    base = onnx_model(graph)
    images = photos(contract)
    with TfBackend(graph, threads=2) as reference:
        expected = {key: reference.refer(image) for key, image in images.items()}
    for profile in FLOAT:
        reason = expected_reason(name, profile)
        if reason is not None:
            with pytest.raises(ConversionError, match=reason):
                PROFILES[profile].apply(base, contract.network.crop)
            continue
        model, skipped = PROFILES[profile].apply(base, contract.network.crop)
        assert all(skipped.values())
        backend = OnnxBackend(model.SerializeToString(), threads=2)
        strided = profile == "fast" and "output_stride_16" not in skipped
        same = name not in SMALLER and profile in ("fit", "fast") and not strided
        judge(profile, contract, backend, images, expected, same_when_filled=same)


def judge(
    profile: str,
    contract: GraphContract,
    backend: OnnxBackend,
    images: dict[str, NDArray[np.uint8]],
    expected: dict[str, Reference],
    *,
    same_when_filled: bool,
) -> None:
    """Hold an export to what its profile promises."""
    exact = profile in ("plain", "exact")
    for key, image in images.items():
        labels, margins = expected[key].labels, expected[key].margins
        subject = int(np.bincount(labels.ravel()).argmax())
        found = backend.infer(image, subject=subject).label_map
        assert found.shape == labels.shape
        if profile == "fast":
            labels = np.where(labels == subject, subject, int(subject == 0))
        comparison = compare_label_maps(labels, found, margins)
        if exact and not contract.fake_quantized:
            assert comparison.passed, (profile, key, comparison)
        elif exact or (same_when_filled and key == "whole"):
            assert comparison.agreement > 0.9, (profile, key, comparison)


def test_the_table_in_the_docs_says_what_applies() -> None:
    text = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    said = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 2 + len(FLOAT):
            for name in re.findall(r"`(\w+)`", cells[1]):
                said[name] = dict(zip(FLOAT, cells[2:], strict=True))
    assert set(said) == set(FAMILY)
    for name, answers in said.items():
        for profile, cell in answers.items():
            expected = "yes" if expected_reason(name, profile) is None else "no"
            assert cell.split()[0] == expected, (name, profile)
