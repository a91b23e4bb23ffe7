"""Freeze a trained checkpoint: the TF1 graph, its ONNX export and the curve as a picture.

    python -m models.training.freeze person.npz [--output models/mnv2_dm05_person]

The same checkpoint gives the same graph and export, byte for byte.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.training.layers import EPSILON
from models.training.network import CROP, logits
from toolkit.files.atomic import write_atomically
from toolkit.graphs import import_tensorflow
from training.deeplab_graph import (
    build_deeplab,
    convolution,
    depthwise,
    enlarge,
    normalization,
    pool,
    serialize,
)

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

FROZEN_CROP = 385
"""Pixels; larger than what it is trained on: people in the street are small, and it finds more."""

FOLDER = Path(__file__).resolve().parent.parent / "mnv2_dm05_person"
EXPORT = "mnv2_dm05_person.plain-logits.opset18.onnx"
LABELS, BACKGROUND, PERSON = 21, 0, 15
"""PASCAL VOC's; the other labels are there, and never win."""

NEVER = -40.0

Weights = dict[str, NDArray[np.float32]]


class FrozenLayers:
    """The network's layers as constants of the current TF1 graph.

    Parameters
    ----------
    weights : dict of str to array
        By the names of `TrainedLayers`.
    """

    def __init__(self, weights: Weights) -> None:
        self._tf = import_tensorflow()
        self._weights = weights

    def conv(self, x: Any, channels: int, kernel: int, name: str, *, stride: int = 1) -> Any:
        """Add a convolution, and its normalization."""
        weights = self._weights[f"{name}/weights"]
        self._check(name, weights, (kernel, kernel, int(x.shape[-1]), channels))
        return self._norm(convolution(x, weights, name, stride), name)

    def depthwise(self, x: Any, name: str, *, stride: int, dilation: int) -> Any:
        """Add a depthwise convolution, and its normalization."""
        weights = self._weights[f"{name}/weights"]
        return self._norm(depthwise(x, weights, name, stride=stride, rate=dilation), name)

    def relu6(self, x: Any) -> Any:
        """Clip to 0..6."""
        return self._tf.nn.relu6(x)

    def add(self, x: Any, y: Any) -> Any:
        """Add a residual connection."""
        return x + y

    def pooled(self, x: Any, channels: int, name: str) -> Any:
        """Add the pooled branch."""
        weights = self._weights[f"{name}/weights"]
        self._check(name, weights, (1, 1, int(x.shape[-1]), channels))
        point = convolution(pool(x), weights, name)
        return enlarge(self._tf.nn.relu(point), int(x.shape[1]))

    def joined(self, x: Any, y: Any) -> Any:
        """Concatenate channels."""
        return self._tf.concat([x, y], 3)

    def scores(self, x: Any, name: str, labels: int) -> Any:
        """Add the logits of VOC's labels, of which background and person are trained."""
        trained, offsets = self._weights[f"{name}/weights"], self._weights[f"{name}/bias"]
        self._check(name, trained, (1, 1, int(x.shape[-1]), labels))
        weights = np.zeros((*trained.shape[:3], LABELS), np.float32)
        bias = np.full(LABELS, NEVER, np.float32)
        weights[..., [BACKGROUND, PERSON]] = trained
        bias[[BACKGROUND, PERSON]] = offsets
        return self._tf.nn.bias_add(convolution(x, weights, name), bias, name=f"{name}/BiasAdd")

    def _norm(self, x: Any, name: str) -> Any:
        gamma, beta, mean, variance = (
            self._weights[f"{name}/{part}"] for part in ("gamma", "beta", "mean", "variance")
        )
        return normalization(x, gamma, beta, mean, variance, name, epsilon=EPSILON)

    def _check(self, name: str, weights: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        if weights.shape != shape:
            raise ValueError(f"{name} of the checkpoint is {weights.shape}, the network's {shape}")


def freeze(weights: Weights, crop: int = CROP) -> GraphDef:
    """Return the graph of a trained network: the official one's contract."""
    return build_deeplab(crop, lambda x: logits(FrozenLayers(weights), x))


def main() -> None:
    """Read the command line and write the files."""
    from toolkit.graphs import read_graph
    from toolkit.hub.publish import convert_model

    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder to write to")
    parser.add_argument("--crop", type=int, default=FROZEN_CROP, help="8k + 1")
    asked = parser.parse_args()
    folder: Path = asked.output
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(asked.checkpoint) as kept:
        weights = {name: kept[name] for name in kept.files if not name.startswith("adam_")}
    curve = json.loads(str(weights.pop("curve")))
    path = folder / "frozen_inference_graph.pb"
    write_atomically(path, serialize(freeze(weights, asked.crop)))
    graph = read_graph(path, name=FOLDER.name)
    convert_model(graph, profile="plain-logits", output=folder / EXPORT)
    write_atomically(folder / "curve.png", picture(curve))


def picture(curve: list[tuple[int, float, float | None]]) -> bytes:
    """Draw loss and IoU over the steps; PNG."""
    import io

    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    left = figure.subplots()
    left.plot([step for step, _, _ in curve], [loss for _, loss, _ in curve], color="tab:gray")
    left.set(xlabel="step", ylabel="loss on samples")
    right = left.twinx()
    judged = [(step, iou) for step, _, iou in curve if iou is not None]
    right.plot(*zip(*judged, strict=True), color="tab:blue", marker=".")
    right.set(ylabel="mean person IoU, kept-back photos", ylim=(0, 1))
    right.yaxis.label.set_color("tab:blue")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, metadata={"Software": None})
    return buffer.getvalue()


if __name__ == "__main__":
    main()
