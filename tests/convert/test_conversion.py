"""Conversion: verified before it is put in place, the same bytes in any process."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.conftest import ROOT, write_graph
from tests.graphs.conditional import conditional_graph
from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.tf import TfBackend
from toolkit.convert import read_manifest
from toolkit.convert.conversion import OPSETS, Export, export_graph
from toolkit.convert.profiles import PROFILES
from toolkit.errors import ConversionError, ExportError, UsageError
from toolkit.graphs import FrozenGraph
from toolkit.hub.publish import convert_model
from toolkit.hub.store import Store
from toolkit.parity import compare_label_maps
from toolkit.verify import verify_model

pytestmark = pytest.mark.tensorflow

PLAIN = PROFILES["plain"]


@pytest.fixture(scope="module")
def export(tiny_graph: FrozenGraph) -> bytes:
    return export_graph(tiny_graph, PLAIN).content


def test_the_export_lies_in_the_store_with_a_manifest_that_describes_it(
    tiny_graph: FrozenGraph,
) -> None:
    made = convert_model(tiny_graph)
    assert made.published
    assert made.path == Store.default().exported / "tiny.exact.opset18.onnx"
    manifest = read_manifest(made.path)
    assert manifest is not None
    assert manifest.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert manifest.source_graph_sha256 == tiny_graph.sha256
    assert manifest.verification["passed"]
    assert len(manifest.verification["inputs"]) == 7
    metadata = {entry.key: entry.value for entry in onnx.load(made.path).metadata_props}
    assert metadata["source_graph_sha256"] == tiny_graph.sha256
    assert json.loads(metadata["crop"]) == [65, 65]
    assert json.loads(metadata["labels"])[15] == "person"
    assert json.loads(metadata["passes"]) == list(PROFILES["exact"].passes)
    assert set(json.loads(metadata["tools"])) == {"toolkit", "onnx", "tensorflow", "tf2onnx"}


@pytest.mark.parametrize("opset", [OPSETS[0], 13, OPSETS[-1]])
def test_opsets_are_what_was_asked_for(tiny_graph: FrozenGraph, opset: int) -> None:
    content = export_graph(tiny_graph, PLAIN, opset).content
    assert [entry.version for entry in onnx.load_from_string(content).opset_import] == [opset]
    assert verify_model(tiny_graph, export=content).passed


@pytest.mark.parametrize("opset", [10, 19])
def test_other_opsets_are_a_usage_error(tiny_graph: FrozenGraph, opset: int) -> None:
    with pytest.raises(UsageError, match="choose 11 to 18"):
        convert_model(tiny_graph, opset=opset)


def test_another_process_with_another_hash_seed_gives_the_same_bytes(
    tiny_graph: FrozenGraph, export: bytes
) -> None:
    script = (
        "import hashlib, sys; from pathlib import Path\n"
        "from toolkit.graphs import read_graph\n"
        "from toolkit.convert.conversion import export_graph\n"
        "graph = read_graph(Path(sys.argv[1]))\n"
        "from toolkit.convert.profiles import PROFILES\n"
        "content = export_graph(graph, PROFILES['plain']).content\n"
        "print(hashlib.sha256(content).hexdigest())\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script, str(tiny_graph.source)],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "4711", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == hashlib.sha256(export).hexdigest()


def test_a_graph_of_another_width_and_label_count_converts(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "other.pb", crop=129, width=4, classes=5, seed=3)
    made = convert_model(graph, output=tmp_path / "other.onnx")
    with OnnxBackend(made.path, threads=1) as backend:
        assert backend.network.crop == (129, 129)
        assert backend.network.labels == tuple(f"label {number}" for number in range(5))


def test_an_export_that_disagrees_is_not_put_in_place(
    tiny_graph: FrozenGraph, export: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Export(with_other_bias(export), PROFILES["exact"], {})
    monkeypatch.setattr("toolkit.convert.conversion.export_graph", lambda *_, **__: broken)
    target = tmp_path / "bad.onnx"
    made = convert_model(tiny_graph, output=target)
    assert not made.published
    assert not made.report.passed
    assert list(tmp_path.glob("*bad*")) == []


def test_verify_fails_an_export_whose_logits_are_off(
    tiny_graph: FrozenGraph, export: bytes
) -> None:
    report = verify_model(tiny_graph, export=with_other_bias(export))
    assert not report.passed
    assert max(found.logit_difference or 0 for found in report.inputs) > 1


def test_verify_refuses_an_export_of_another_graph(tiny_graph: FrozenGraph, export: bytes) -> None:
    other = dataclasses.replace(tiny_graph, data=tiny_graph.data + b"\x1a\x00")
    with pytest.raises(ExportError, match="was made from graph"):
        verify_model(other, export=export)


def test_a_manifest_of_other_bytes_is_refused(tiny_graph: FrozenGraph) -> None:
    made = convert_model(tiny_graph)
    made.path.write_bytes(made.path.read_bytes() + b" ")
    with pytest.raises(ExportError, match="belongs to other bytes"):
        read_manifest(made.path)


@pytest.fixture(scope="module")
def other_graph(tmp_path_factory: pytest.TempPathFactory) -> FrozenGraph:
    """Another crop, width and label count, and no residual connections."""
    path = tmp_path_factory.mktemp("other") / "other.pb"
    return write_graph(path, crop=97, width=24, classes=17, seed=5, hand_set=True)


FLOAT_PROFILES = [name for name, profile in PROFILES.items() if not profile.quantized]


@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
@pytest.mark.parametrize("profile", [name for name in FLOAT_PROFILES if name != "plain"])
def test_every_profile_passes_its_own_verification(
    other_graph: FrozenGraph, profile: str, opset: int
) -> None:
    made = convert_model(other_graph, profile=profile, opset=opset)
    assert made.published
    assert made.path.name == f"other.{profile}.opset{opset}.onnx"
    manifest = read_manifest(made.path)
    assert manifest is not None
    assert manifest.profile == profile
    assert tuple(manifest.passes) == PROFILES[profile].passes
    assert manifest.verification["least_agreement"] == PROFILES[profile].least_agreement
    metadata = {entry.key: entry.value for entry in onnx.load(made.path).metadata_props}
    assert metadata["profile"] == profile
    assert json.loads(metadata["passes"]) == list(PROFILES[profile].passes)


def test_a_profile_that_does_not_recognize_the_graph_refuses_it(tiny_graph: FrozenGraph) -> None:
    with pytest.raises(ConversionError, match="residual connection") as caught:
        convert_model(tiny_graph, profile="stride16")
    assert "--profile plain" in caught.value.remedy
    assert list(Store.default().exported.glob("*")) == []


def test_a_profile_that_is_none_is_a_usage_error(tiny_graph: FrozenGraph) -> None:
    with pytest.raises(UsageError, match="choose from: plain, exact"):
        convert_model(tiny_graph, profile="quick")


def test_a_lossy_export_that_is_broken_is_not_put_in_place(
    other_graph: FrozenGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_well = export_graph(other_graph, PROFILES["stride16"])
    broken = dataclasses.replace(made_well, content=with_other_bias(made_well.content))
    monkeypatch.setattr("toolkit.convert.conversion.export_graph", lambda *_, **__: broken)
    made = convert_model(other_graph, profile="stride16", output=tmp_path / "bad.onnx")
    assert not made.published
    assert made.report.agreement is not None
    assert made.report.agreement < 0.5
    assert list(tmp_path.glob("*bad*")) == []


def with_other_bias(export: bytes) -> bytes:
    """Make one label win everywhere: what a wrong conversion would do."""
    model = onnx.load_from_string(export)
    head = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    bias = next(value for value in model.graph.initializer if value.name == head.input[2])
    wrong = onnx.numpy_helper.to_array(bias).copy()
    wrong[7] += 50
    bias.CopyFrom(onnx.numpy_helper.from_array(wrong, bias.name))
    return bytes(model.SerializeToString())


@pytest.mark.slow
def test_two_conversions_at_once_end_with_one_good_export(
    tiny_graph: FrozenGraph, home: Path
) -> None:
    line = [sys.executable, "-m", "toolkit", "convert", str(tiny_graph.source), "--quiet"]
    both = [subprocess.Popen(line, stdout=subprocess.DEVNULL, cwd=ROOT) for _ in range(2)]
    assert [child.wait() for child in both] == [0, 0]
    made = home / "exported" / "tiny.exact.opset18.onnx"
    assert sorted(path.name for path in made.parent.iterdir()) == [made.name, made.name + ".json"]
    assert read_manifest(made) is not None
    assert verify_model(tiny_graph, export=made).passed


@pytest.mark.slow
def test_exact_agrees_at_500_random_sizes_under_the_near_tie_rule(tiny_graph: FrozenGraph) -> None:
    """From 1x1 to 2000x2000, small ones as often as large ones."""
    generator = np.random.default_rng(2)
    exact = convert_model(tiny_graph, profile="exact").path
    with (
        TfBackend(tiny_graph, threads=2) as reference,
        OnnxBackend(exact, threads=2) as candidate,
    ):
        for _ in range(500):
            height, width = (2000 ** generator.uniform(0, 1, 2)).round().astype(int)
            image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
            found = reference.refer(image)
            compared = compare_label_maps(
                found.labels, candidate.infer(image).label_map, found.margins
            )
            assert compared.passed, (height, width, compared)


@pytest.mark.parametrize("control_flow", ["v1", "v2"])
def test_a_choice_between_images_is_exported_as_a_choice(tmp_path: Path, control_flow: str) -> None:
    graph = conditional_graph(tmp_path / "choosing.pb", control_flow=control_flow)
    made = convert_model(graph)
    assert made.published
    assert made.manifest.profile == "plain"
    kinds = [node.op_type for node in onnx.load(made.path).graph.node]
    assert "If" in kinds
    with pytest.raises(ConversionError, match="found control flow"):
        convert_model(graph, profile="exact")
