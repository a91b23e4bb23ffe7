"""Passes that may not change a label: logits stay, but for rounding, at every size."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import pytest

from tests.convert.networks import CROP, Runner, fits, photo, raw_model, transformed
from toolkit.catalog import INPUT, LOGITS, OUTPUT
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes import PASSES
from toolkit.convert.profiles import PROFILES
from toolkit.errors import ConversionError

pytestmark = pytest.mark.tensorflow

SIZES = [(1, 1), (97, 97), (54, 97), (97, 40), (7, 300), (300, 1), (55, 96), (200, 190)]
EXACT = PROFILES["exact"].network_passes


@functools.cache
def runner(*names: str, residual: bool = False) -> Runner:
    return Runner(transformed(raw_model(residual=residual), *names))


def operations(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("lean_input",),
        ("pooled_bias",),
        ("pooled_bias", "compose_linear"),
        ("pooled_bias", "photo_area_head", "labels_on_photo"),
        ("labels_on_photo",),
        EXACT,
    ],
    ids="+".join,
)
def test_logits_of_the_photos_area_stay(names: tuple[str, ...], residual: bool) -> None:
    before, after = runner(residual=residual), runner(*names, residual=residual)
    for height, width in SIZES:
        image = photo(height, width)
        rows, columns = fits(height, width)
        wanted = before.enlarged_logits(image)[:, :rows, :columns]
        found = after.enlarged_logits(image)[:, :rows, :columns]
        np.testing.assert_allclose(found, wanted, atol=2e-4)
        near = np.partition(wanted, -2, axis=0)[-2:]
        if (near[1] - near[0]).min() > 1e-3:
            np.testing.assert_array_equal(after.labels(image), before.labels(image))
        assert after.labels(image).shape == image.shape[:2]
        assert after.labels(image).dtype == before.labels(image).dtype


def test_lean_input_leaves_one_sub_and_one_pad_before_the_network() -> None:
    before, after = (
        operations(transformed(raw_model(), *names)) for names in ((), ("lean_input",))
    )
    before, after = (names[: names.index("Conv")] for names in (before, after))
    assert (before.count("Split"), after.count("Split")) == (1, 0)
    assert (after.count("Sub"), after.count("Pad"), after.count("Mul")) == (2, 1, 1)


def test_pooled_bias_takes_the_concatenation_of_maps_out() -> None:
    before, after = transformed(raw_model()), transformed(raw_model(), "pooled_bias")
    axes = [
        [node.attribute[0].i for node in model.graph.node if node.op_type == "Concat"].count(1)
        for model in (before, after)
    ]
    assert axes == [1, 0]
    assert "GlobalAveragePool" in operations(after)


def test_pooled_bias_refuses_a_graph_without_a_pooled_branch() -> None:
    net = DeepLab(raw_model(), (CROP, CROP))
    net.pool = None
    with pytest.raises(ConversionError, match="looked for a branch that pools the whole map"):
        PASSES["pooled_bias"](net)


def test_compose_linear_saves_a_convolution_over_the_map() -> None:
    before = DeepLab(raw_model(), (CROP, CROP))
    PASSES["pooled_bias"](before)
    features = before.features
    PASSES["compose_linear"](before)
    last = before.producer(features)
    assert last is not None
    assert before.features == last.input[0]
    assert before.consumers(features) == []


def test_compose_linear_leaves_a_residual_end_as_it_is() -> None:
    names = ("pooled_bias", "compose_linear")
    assert transformed(raw_model(residual=True), *names) == transformed(
        raw_model(residual=True), "pooled_bias"
    )


def test_only_the_photos_area_is_enlarged() -> None:
    image = photo(54, 97)
    assert runner().enlarged_logits(image).shape[1:] == (97, 97)
    assert runner("labels_on_photo").enlarged_logits(image).shape[1:] == (57, 97)


@pytest.mark.parametrize("names", [(), EXACT], ids=["plain", "exact"])
def test_logits_come_out_as_the_network_gives_them(names: tuple[str, ...]) -> None:
    image = photo(54, 97)
    model = transformed(raw_model(), *names, "logits_output")
    assert [value.name for value in model.graph.output] == [OUTPUT.name, LOGITS.name]
    after = Runner(model)
    (logits,) = after.session.run([LOGITS.name], {INPUT.name: image[np.newaxis]})
    enlarged = runner(*names).enlarged_logits(image)
    np.testing.assert_allclose(logits[0], enlarged[:, ::8, ::8], atol=2e-4)
    np.testing.assert_array_equal(after.labels(image), runner(*names).labels(image))
