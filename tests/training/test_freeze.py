"""A frozen graph computes what was trained, and the same weights freeze to the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.weights import made_up_weights
from toolkit.graphs import inspect_graph, read_graph
from training.curve import draw
from training.deeplab_graph import serialize
from training.freeze import BACKGROUND, LABELS, NEVER, PERSON, freeze

CROP = 65

CURVE: list[dict[str, Any]] = [
    {"step": 100, "loss": 1.0},
    {"step": 200, "loss": 0.5, "iou": {"portraits": 0.6}, "false_share": 0.1},
]


def run(photo: NDArray[np.uint8], crop: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the logits and the label map of the frozen graph of made-up weights."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(freeze(made_up_weights(5), crop), name="")
        fetched = ["logits/BiasAdd:0", "SemanticPredictions:0"]
        logits, labels = session.run(fetched, {"ImageTensor:0": photo[np.newaxis]})
    return logits, labels


@pytest.mark.tensorflow
@pytest.mark.parametrize("crop", [65, 97])
def test_the_frozen_graph_computes_what_was_trained(crop: int) -> None:
    torch = pytest.importorskip("torch", reason="comparing with the trained network needs PyTorch")
    from training.network import Network

    network = Network()
    weights = made_up_weights(5)
    assert set(weights) == {n for n in network.state_dict() if "num_batches_tracked" not in n}
    state = {name: torch.from_numpy(value) for name, value in weights.items()}
    network.load_state_dict(state, strict=False)
    network.eval()
    photo = np.random.default_rng(0).integers(0, 256, (crop, crop, 3), dtype=np.uint8)
    scaled = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        expected = network(scaled)[0, 0].numpy()
    logits, labels = run(photo, crop)
    assert logits.shape == (1, (crop - 1) // 4 + 1, (crop - 1) // 4 + 1, LABELS)
    margin = logits[0, :, :, PERSON] - logits[0, :, :, BACKGROUND]
    assert np.ptp(expected) > 0.5  # there is something to compare
    np.testing.assert_allclose(margin, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert set(np.unique(labels)) <= {BACKGROUND, PERSON}


@pytest.mark.tensorflow
def test_the_other_labels_never_win() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (40, 65, 3), dtype=np.uint8)
    logits, labels = run(photo, CROP)
    others = np.delete(logits, [BACKGROUND, PERSON], axis=3)
    assert (others == NEVER).all()
    assert logits.max(axis=3).min() >= 0
    assert labels.shape == (1, 40, 65)


@pytest.mark.tensorflow
def test_the_graph_keeps_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_bytes(serialize(freeze(made_up_weights(1), CROP)))
    network = inspect_graph(read_graph(path)).network
    assert network.crop == (CROP, CROP)
    assert len(network.labels) == LABELS


@pytest.mark.tensorflow
def test_the_same_weights_freeze_to_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    weights = made_up_weights(2)
    path = tmp_path / "person.npz"
    np.savez(path, done=200, curve=json.dumps(CURVE), **weights)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "training.freeze", str(path), "--output", str(tmp_path)]
    subprocess.run([*command, "--crop", str(CROP)], check=True, capture_output=True)
    backwards = dict(reversed(weights.items()))
    frozen = (tmp_path / "frozen_inference_graph.pb").read_bytes()
    assert frozen == serialize(freeze(backwards, CROP))
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.tensorflow
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_is_symmetric_at_the_sizes_that_are_frozen(kernel: int) -> None:
    import tensorflow as tf

    random = np.random.default_rng(kernel)
    filters = random.normal(size=(kernel, kernel, 2, 3)).astype(np.float32)
    edge = [kernel // 2] * 2
    for side in (33, 97, 321):
        x = random.normal(size=(1, side, side, 2)).astype(np.float32)
        same = tf.nn.conv2d(x, filters, 2, "SAME").numpy()
        padded = np.pad(x, [[0, 0], edge, edge, [0, 0]])
        np.testing.assert_allclose(same, tf.nn.conv2d(padded, filters, 2, "VALID"), atol=1e-4)


@pytest.mark.parametrize("crop", [320, 305, 337])
def test_a_crop_of_another_kind_is_refused(crop: int) -> None:
    with pytest.raises(ValueError, match="32k \\+ 1"):
        freeze({}, crop)


def test_the_curve_is_a_picture() -> None:
    pytest.importorskip("matplotlib")
    assert draw(CURVE).startswith(b"\x89PNG")
    assert draw(CURVE[:1]).startswith(b"\x89PNG")
