"""Passes that may not change a label: logits stay, but for rounding, at every size."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import pytest

from tests.convert.networks import CROP, LABELS, Runner, fits, photo, raw_model, transformed
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.evaluate_tensors import evaluate_tensors
from toolkit.convert.passes import PASSES
from toolkit.convert.profiles import PROFILES
from toolkit.errors import ConversionError
from toolkit.graphs.network import INPUT, LOGITS, OUTPUT

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
        ("pooled_bias", "pool_first"),
        ("pooled_bias", "pool_first", "compose_linear"),
        ("lean_input", "settled_padding"),
        ("labels_on_photo", "possible_labels"),
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


def test_pool_first_moves_the_pool_before_the_last_convolution() -> None:
    net = DeepLab(raw_model(), (CROP, CROP))
    PASSES["pooled_bias"](net)
    last = net.maker(net.features)
    PASSES["pool_first"](net)
    assert net.features == last.input[0]
    assert net.maker(str(net.pool)).input[0] == net.features
    assert {node.op_type for node in net.consumers(last.output[0])} == {"Conv"}


def test_compose_linear_saves_a_convolution_over_the_map() -> None:
    net = DeepLab(raw_model(), (CROP, CROP))
    for name in ("pooled_bias", "pool_first"):
        PASSES[name](net)
    (last,) = (node for node in net.consumers(net.features) if node.op_type == "Conv")
    PASSES["compose_linear"](net)
    assert last not in net.live()


@pytest.mark.parametrize("name", ["pool_first", "compose_linear"])
def test_a_residual_end_stays_as_it_is(name: str) -> None:
    model = raw_model(residual=True)
    assert transformed(model, "pooled_bias", name) == transformed(model, "pooled_bias")


@pytest.mark.parametrize("residual", [False, True])
def test_only_the_photos_surroundings_are_computed(residual: bool) -> None:
    """A wide photo's first map has as many rows as its pixels and what early layers see of it."""
    model = transformed(raw_model(residual=residual), "lean_input", "settled_padding")
    stem = next(node.output[0] for node in model.graph.node if node.op_type == "Conv")
    rows = {
        height: evaluate_tensors(model, [stem], [{INPUT.name: photo(height, 97)[np.newaxis]}])[0][
            0
        ].shape[2]
        for height in (1, 30, 97)
    }
    assert rows[1] < rows[30] < rows[97] == (CROP + 1) // 2


@pytest.mark.parametrize("residual", [False, True])
def test_logits_stay_where_stage_follows_stage(
    monkeypatch: pytest.MonkeyPatch, residual: bool
) -> None:
    """Stages end at the last map of each width; here every map passes for one of its own."""
    monkeypatch.setattr(DeepLab, "channels", lambda _self, name: name)
    model = transformed(raw_model(residual=residual), "lean_input", "settled_padding")
    joined = [node for node in model.graph.node if node.op_type == "Concat"]
    assert sum(node.attribute[0].i == 2 for node in joined) >= 3
    before, after = runner(residual=residual), Runner(model)
    for height, width in SIZES:
        image = photo(height, width)
        np.testing.assert_allclose(
            after.enlarged_logits(image), before.enlarged_logits(image), atol=2e-4
        )


def test_padding_that_the_photo_is_not_seen_from_is_a_constant() -> None:
    model = transformed(raw_model(), "lean_input", "settled_padding")
    maps = [node for node in model.graph.node if node.op_type == "Concat"]
    names = [node.output[0] for node in maps if node.attribute[0].i == 2]
    feeds = [{INPUT.name: photo(20, 97, seed)[np.newaxis]} for seed in (1, 2)]
    for one, other in zip(*evaluate_tensors(model, names, feeds), strict=True):
        assert one.shape[3] == other.shape[3] > 1
        alike = (one == other).all(axis=(0, 1, 3))
        assert alike[-1]
        assert not alike[0]
    assert len(names) == 1


def test_labels_that_cannot_win_are_not_enlarged() -> None:
    names = ("labels_on_photo", "possible_labels")
    model = transformed(raw_model(), *names)
    (choice,) = (node for node in model.graph.node if node.op_type == "ArgMax")
    image = photo(54, 97)
    ((enlarged,),) = evaluate_tensors(model, [choice.input[0]], [{INPUT.name: image[np.newaxis]}])
    present = np.unique(runner(*names).labels(image))
    assert len(present) <= enlarged.shape[1] < LABELS


def test_possible_labels_asks_for_enlarged_logits() -> None:
    net = DeepLab(raw_model(), (CROP, CROP))
    net.maker(net.nodes("ArgMax")[0].input[0]).op_type = "Identity"
    with pytest.raises(ConversionError, match="labels_on_photo before possible_labels"):
        PASSES["possible_labels"](net)


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
