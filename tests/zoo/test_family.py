"""The family of made-up exports: what the tests of conversion may rely on."""

from __future__ import annotations

import collections
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.zoo import FAMILY, Export, build, member, serialize
from tests.zoo.running import run
from tests.zoo.scenes import scene
from toolkit.graphs import import_tensorflow

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.tensorflow

every_member = pytest.mark.parametrize("name", FAMILY)


def read(name: str) -> Any:
    return import_tensorflow().compat.v1.GraphDef.FromString(member(name))


def photos(export: Export, seed: int = 20) -> list[NDArray[np.uint8]]:
    """Return two photos that the export takes."""
    height, width = export.crop
    fits = export.min_resize is None and export.max_resize is None
    sizes = (
        [(height - 9, width - 5), (height * 3 // 4, width)] if fits else [(300, 400), (421, 333)]
    )
    return [scene(*size, seed + place) for place, size in enumerate(sizes)]


def operations(graph: Any) -> collections.Counter[str]:
    return collections.Counter(node.op for node in graph.node)


def constant(graph: Any, name: str) -> NDArray[Any]:
    """Return the value of a Const, also one behind its Identity."""
    node = next(node for node in graph.node if node.name == name.removesuffix("/read"))
    value: NDArray[Any] = import_tensorflow().make_ndarray(node.attr["value"].tensor)
    return value


def rates(graph: Any) -> set[int]:
    """Return the atrous rates of the graph's convolutions."""
    found = {
        int(constant(graph, node.input[1])[0]) for node in graph.node if node.op == "SpaceToBatchND"
    }
    for node in graph.node:
        if node.op == "Conv2D" and "dilations" in node.attr:
            found.add(int(node.attr["dilations"].list.i[1]))
    return found - {1}


@every_member
def test_labels_have_the_photos_size_and_areas(name: str) -> None:
    export = FAMILY[name]
    pictures = photos(export)
    for photo, (labels,) in zip(
        pictures, run(read(name), ["SemanticPredictions:0"], pictures), strict=True
    ):
        assert labels.shape == (1, *photo.shape[:2])
        assert labels.dtype == (np.int64 if export.layout == "2018" else np.int32)
        assert labels.max() < export.labels
        areas = np.sort(np.bincount(labels.ravel()) / labels.size)[::-1]
        assert areas[1] >= 0.05


@every_member
def test_near_ties_are_rare(name: str) -> None:
    graph = read(name)
    decision = next(node for node in graph.node if node.op == "ArgMax")
    ((scores,),) = run(graph, [f"{decision.input[0]}:0"], photos(FAMILY[name])[:1])
    best = np.partition(scores, -2, axis=-1)[..., -2:]
    # quantized logits have 256 values: some labels tie exactly
    share = 2e-2 if FAMILY[name].quantization_aware else 1e-3
    assert (best[..., 1] - best[..., 0] < 1e-5).mean() < share


@every_member
def test_input_and_outputs_have_the_contracts_names(name: str) -> None:
    nodes = {node.name: node for node in read(name).node}
    shape = [side.size for side in nodes["ImageTensor"].attr["shape"].shape.dim]
    assert nodes["ImageTensor"].op == "Placeholder"
    assert shape == [1, -1, -1, 3]
    assert nodes["SemanticPredictions"].op == "Identity"
    assert ("SemanticProbabilities" in nodes) == (FAMILY[name].layout == "2020")


@every_member
def test_four_assertions_are_tied_in_by_control_inputs(name: str) -> None:
    graph = read(name)
    assertions = {node.name for node in graph.node if node.op == "Assert"}
    tied = {link[1:] for node in graph.node for link in node.input if link.startswith("^")}
    assert len(assertions) == 4
    assert tied == assertions


@pytest.mark.parametrize("name", ["mnv2_257", "mnv2_stateless_if", "mnv2_quantized"])
def test_bytes_follow_from_the_arguments(name: str) -> None:
    assert serialize(build(FAMILY[name])) == member(name)


@pytest.mark.slow
@every_member
def test_bytes_of_every_member_follow_from_the_arguments(name: str) -> None:
    assert serialize(build(FAMILY[name])) == member(name)


@pytest.mark.slow
def test_another_process_builds_the_same_bytes() -> None:
    names = ["mnv2_stateless_if", "mnv3_small", "resnet_beta"]
    code = (
        "import hashlib; from tests.zoo import member\n"
        f"for name in {names}: print(hashlib.sha256(member(name)).hexdigest())"
    )
    hashes = [
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
        ).stdout
        for _ in range(2)
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0].split()) == len(names)


def test_another_seed_gives_other_weights() -> None:
    first, second = (build(Export(width=0.5), seed) for seed in (1, 2))
    layer = "MobilenetV2/Conv/weights"
    assert (constant(first, layer) != constant(second, layer)).all()


def test_both_layouts_label_a_photo_of_the_networks_size_alike() -> None:
    pictures = [scene(513, 513, 5), scene(513, 385, 6), scene(300, 513, 7)]
    older, newer = (
        run(read(name), ["SemanticPredictions:0"], pictures)
        for name in ("mnv2_513_os8_2018", "mnv2_513_os8")
    )
    for (before,), (after,) in zip(older, newer, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", ["mnv2_stateless_if", "mnv2_if", "mnv2_output_shapes"])
def test_labels_do_not_depend_on_how_the_graph_is_written(name: str) -> None:
    pictures = photos(FAMILY[name])
    tensors = ["SemanticPredictions:0"]
    for (labels,), (expected,) in zip(
        run(read(name), tensors, pictures), run(read("mnv2_257"), tensors, pictures), strict=True
    ):
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("name", "present", "absent"),
    [
        ("mnv2_257", {"Switch", "Merge", "FusedBatchNormV3", "AddV2"}, {"If", "StatelessIf"}),
        ("mnv2_stateless_if", {"StatelessIf"}, {"Switch", "Merge", "If"}),
        ("mnv2_if", {"If"}, {"Switch", "Merge", "StatelessIf"}),
        ("mnv2_no_resize", {"Assert"}, {"Switch", "Merge", "If", "StatelessIf"}),
        ("mnv2_513_os8_2018", {"FusedBatchNorm", "Add", "Slice"}, {"Switch", "AddV2", "Softmax"}),
        ("mnv2_resize_factor", {"FloorMod"}, set()),
        ("mnv2_flipped", {"ReverseV2", "Softmax", "Mean"}, set()),
        ("mnv2_multi_scale", {"Softmax", "Mean"}, {"ReverseV2"}),
        ("mnv2_mean_pooling", {"Mean"}, {"AvgPool"}),
        ("mnv2_no_pooling", set(), {"AvgPool", "Mean"}),
        ("mnv2_quantized", {"FakeQuantWithMinMaxVars", "Rsqrt"}, {"FusedBatchNormV3"}),
        ("mnv3_large_cityscapes", {"Mean", "AvgPool"}, {"SpaceToBatchND", "Sigmoid"}),
        ("mnv3_large_os16", {"Mean", "AvgPool", "Sigmoid", "SpaceToBatchND"}, set()),
        ("resnet_beta", {"MaxPool", "Pad", "SpaceToBatchND"}, set()),
    ],
)
def test_operations_are_those_of_the_options(
    name: str, present: set[str], absent: set[str]
) -> None:
    found = set(operations(read(name)))
    assert present <= found
    assert not absent & found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnv2_257", {2}),
        ("mnv2_513_os8", {2, 4}),
        ("mnv2_ade20k_aspp", {2, 6, 12, 18}),
        ("mnv3_small", set()),
        ("mnv3_small_os16", {2}),
        ("xception_65_os8", {2, 4, 12, 24, 36}),
        ("resnet_beta_os8", {2, 4, 12, 24, 36}),
        ("resnet_beta_dilations", {2, 4, 6, 12, 18}),
    ],
)
def test_rates_follow_from_the_stride_and_the_branches(name: str, expected: set[int]) -> None:
    assert rates(read(name)) == expected


def test_strided_separable_layers_are_padded_by_a_node() -> None:
    nodes = {node.name: node for node in read("xception_41").node}
    strided = [
        node
        for node in nodes.values()
        if node.op == "DepthwiseConv2dNative" and node.attr["strides"].list.i[1] == 2
    ]
    assert len(strided) == 3
    assert {nodes[node.input[0]].op for node in strided} == {"Pad"}


@pytest.mark.parametrize("name", ["mnv2_257", "xception_65_2018", "mnv3_small"])
def test_logits_are_resized_to_their_own_size(name: str) -> None:
    graph = read(name)
    nodes = {node.name: node for node in graph.node}
    large = nodes[next(node for node in graph.node if node.op == "ArgMax").input[0]]
    own = nodes[large.input[0]]
    ((logits, resized),) = run(
        graph, [f"{own.input[0]}:0", f"{own.name}:0"], photos(FAMILY[name])[:1]
    )
    np.testing.assert_array_equal(logits, resized)


def test_a_sum_of_two_layers_is_the_logits() -> None:
    nodes = {node.name: node for node in read("mnv3_large_cityscapes").node}
    total = nodes[nodes["semantic"].input[0]]
    assert total.op == "AddV2"
    assert "logits/semantic/Conv2D" not in nodes


def test_the_image_level_average_is_smaller_than_the_map() -> None:
    (pool,) = (node for node in read("mnv3_large_cityscapes").node if node.op == "AvgPool")
    assert list(pool.attr["ksize"].list.i) == [1, 13, 13, 1]
    assert list(pool.attr["strides"].list.i) == [1, 4, 5, 1]


def test_without_a_resize_a_photo_larger_than_the_crop_fails() -> None:
    errors = import_tensorflow().errors
    with pytest.raises(errors.InvalidArgumentError):
        run(read("mnv2_no_resize"), ["SemanticPredictions:0"], [scene(300, 200, 1)])


def test_resized_sides_are_multiples_of_the_factor_plus_one() -> None:
    graph = read("mnv2_resize_factor")
    pictures = [scene(*size, 1) for size in ((300, 401), (511, 97), (64, 64))]
    for (resized,) in run(graph, ["resize_to_range/Squeeze:0"], pictures):
        assert [(side - 1) % 16 for side in resized.shape[:2]] == [0, 0]
        assert max(resized.shape[:2]) <= 257


def test_a_side_that_float32_rounds_up_is_longer_than_the_crop() -> None:
    """The script's own flaw: ceil(600 * (321 / 600)) is 322, and the network sees 322 columns."""
    tensors = ["pad_to_bounding_box/add:0", "SemanticPredictions:0"]
    ((padded, labels),) = run(read("mnv3_large_os16"), tensors, [scene(400, 600, 1)])
    assert padded.shape == (321, 322, 3)
    assert labels.shape == (1, 400, 600)


def test_padding_becomes_zero_before_the_backbone() -> None:
    graph = read("resnet_mean_pixel")
    first = next(node for node in graph.node if node.op == "Conv2D")
    pad = next(node for node in graph.node if node.name == first.input[0])
    ((prepared,),) = run(graph, [f"{pad.input[0]}:0"], [scene(257, 100, 1)])
    np.testing.assert_allclose(prepared[:, :, 100:], 0, atol=1e-4)


@pytest.mark.parametrize("name", ["mnv2_quantized", "mnv2_quantized_os8"])
def test_ranges_contain_zero_and_those_of_relu6_are_its_own(name: str) -> None:
    graph = read(name)
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op == "FakeQuantWithMinMaxVars":
            low, high = (float(constant(graph, link)) for link in node.input[1:])
            assert low <= 0 <= high
            assert high - low > 1e-3
            assert node.attr["narrow_range"].b == ("weights_quant" in node.name)
            if nodes[node.input[0]].op == "Relu6":
                assert (low, high) == (0, 6)


@pytest.mark.parametrize("name", ["mnv2_quantized", "mnv2_quantized_os8"])
def test_quantization_keeps_the_logits(name: str) -> None:
    export = FAMILY[name]
    pictures = photos(export)
    plain = run(
        build(replace(export, quantization_aware=False)), ["logits/semantic/BiasAdd:0"], pictures
    )
    rounded = run(read(name), ["logits/semantic/act_quant/FakeQuantWithMinMaxVars:0"], pictures)
    for (before,), (after,) in zip(plain, rounded, strict=True):
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
