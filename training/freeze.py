"""Freeze trained weights: the TF1 graph and the curve as a picture.

    python -m training.freeze person.npz --output models/person_lite0

Reads what `training.train` writes beside its checkpoint; needs TensorFlow, but not PyTorch. The
same weights give the same graph, byte for byte.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.files.atomic import write_atomically
from toolkit.graphs import import_tensorflow
from training.architecture import BLOCKS, EPSILON, FINE_BLOCK, FINER_BLOCK
from training.curve import draw
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

CROP = 321

LABELS, BACKGROUND, PERSON = 21, 0, 15
"""PASCAL VOC's; the other labels are there, and never win."""

NEVER = -12.0
"""Their logit: of background and person one is at least 0."""

Weights = Mapping[str, NDArray[np.float32]]


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--crop", type=int, default=CROP, help="32k + 1, default: %(default)s")
    options = parser.parse_args()
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(options.weights) as saved:
        arrays = {name: saved[name] for name in saved.files}
    curve = json.loads(str(arrays.pop("curve")))
    graph = freeze(arrays, options.crop)
    write_atomically(folder / "frozen_inference_graph.pb", serialize(graph))
    write_atomically(folder / "curve.png", draw(curve))


def freeze(weights: Weights, crop: int = CROP) -> GraphDef:
    """Return the graph of a trained network, with the official one's contract.

    Parameters
    ----------
    weights : mapping of str to array
        By the names of the PyTorch module's state.
    crop : int
        32k + 1: there TensorFlow pads as PyTorch does.

    Raises
    ------
    ValueError
        The crop is another.
    """
    if crop % 32 != 1:
        raise ValueError(f"crop must be 32k + 1, got {crop}")
    return build_deeplab(crop, lambda x: _Layers(weights).logits(x))


class _Layers:
    """The network's layers as constants of the current TF1 graph."""

    def __init__(self, weights: Weights) -> None:
        self._tf = import_tensorflow()
        self._weights = weights

    def logits(self, x: Any) -> Any:
        """Add the whole network: pixels in -1..1 to the logits of VOC's labels at stride 4."""
        x = self._relu6(self._conv(x, "stem", stride=2))
        maps = {}
        for place, block in enumerate(BLOCKS):
            name = f"blocks.{place}"
            y = x if block.expansion == 1 else self._relu6(self._conv(x, f"{name}.expand"))
            y = self._relu6(self._depthwise(y, f"{name}.depthwise", stride=block.stride))
            y = self._conv(y, f"{name}.project")
            x = maps[place] = x + y if block.residual else y
        side = int(x.shape[1])
        pooled = enlarge(self._relu6(self._biased(pool(x), "pool")), side)
        x = self._tf.concat([self._relu6(self._conv(x, "branch")), pooled], 3)
        x = self._relu6(self._conv(x, "projection"))
        x += self._separable(x, "context")
        for name, place in (("fine", FINE_BLOCK), ("finer", FINER_BLOCK)):
            skip = self._relu6(self._conv(maps[place], f"{name}_skip"))
            x = self._tf.concat([enlarge(x, int(skip.shape[1])), skip], 3)
            x = self._separable(x, name)
        return self._scores(x)

    def _scores(self, x: Any) -> Any:
        """Add the logits: half the trained margin for the person, minus that for the background."""
        trained, offset = self._kernel("logit"), self._weights["logit.bias"]
        kernel = np.zeros((*trained.shape[:3], LABELS), np.float32)
        bias = np.full(LABELS, NEVER, np.float32)
        for label, share in ((BACKGROUND, -0.5), (PERSON, 0.5)):
            kernel[..., label] = share * trained[..., 0]
            bias[label] = share * offset[0]
        return self._tf.nn.bias_add(convolution(x, kernel, "logits"), bias, name="logits/BiasAdd")

    def _separable(self, x: Any, name: str) -> Any:
        x = self._relu6(self._depthwise(x, f"{name}.depthwise"))
        return self._relu6(self._conv(x, f"{name}.pointwise"))

    def _conv(self, x: Any, name: str, *, stride: int = 1) -> Any:
        kernel = self._kernel(f"{name}.conv")
        return self._norm(convolution(x, kernel, _scope(name), stride), name)

    def _depthwise(self, x: Any, name: str, *, stride: int = 1) -> Any:
        kernel = np.ascontiguousarray(self._kernel(f"{name}.conv").transpose(0, 1, 3, 2))
        return self._norm(depthwise(x, kernel, _scope(name), stride=stride), name)

    def _biased(self, x: Any, name: str) -> Any:
        x = convolution(x, self._kernel(name), name)
        return self._tf.nn.bias_add(x, self._weights[f"{name}.bias"], name=f"{name}/BiasAdd")

    def _norm(self, x: Any, name: str) -> Any:
        scale, offset, mean, variance = (
            self._weights[f"{name}.norm.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return normalization(x, scale, offset, mean, variance, _scope(name), epsilon=EPSILON)

    def _relu6(self, x: Any) -> Any:
        return self._tf.nn.relu6(x)

    def _kernel(self, name: str) -> NDArray[np.float32]:
        """Return a kernel as TensorFlow has it: (rows, columns, in, out)."""
        return np.ascontiguousarray(self._weights[f"{name}.weight"].transpose(2, 3, 1, 0))


def _scope(name: str) -> str:
    return name.replace(".", "/")


if __name__ == "__main__":
    main()
