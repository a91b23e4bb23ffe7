"""tf2onnx's models of small DeepLab graphs, and ways to run them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from tests.support import made_up
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes import PASSES
from toolkit.convert.profiles import ALWAYS
from toolkit.graphs.network import INPUT, OUTPUT, SUBJECT

CROP = 97
LABELS = 17


@functools.cache
def raw_model(
    crop: int = CROP, width: int = 24, classes: int = LABELS, *, residual: bool = False
) -> onnx.ModelProto:
    """What tf2onnx makes of a graph; with residual connections where asked for."""
    import tf2onnx

    graph = made_up.build_graph(crop, width, classes, seed=5, hand_set=not residual)
    model: onnx.ModelProto
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=[INPUT.name], output_names=[OUTPUT.name], opset=18
    )
    return model


def transformed(model: onnx.ModelProto, *names: str, crop: int = CROP) -> onnx.ModelProto:
    """The model after some passes, checked."""
    net = DeepLab(model, (crop, crop))
    for name in names:
        PASSES[name](net)
    return finished(net.model)


def finished(model: onnx.ModelProto) -> onnx.ModelProto:
    for transform in ALWAYS.values():
        model = transform(model)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(inferred, full_check=True)
    return model


class Runner:
    """A session, and the logits beside its label map."""

    def __init__(self, model: onnx.ModelProto) -> None:
        probed = onnx.ModelProto()
        probed.CopyFrom(model)
        for node in probed.graph.node:
            if node.op_type == "Compress":  # all labels
                node.CopyFrom(onnx.helper.make_node("Identity", node.input[:1], node.output))
        choice = [node for node in model.graph.node if node.op_type == "ArgMax"]
        self.logits = choice[0].input[0] if choice else None
        if self.logits:
            probed.graph.output.append(onnx.ValueInfoProto(name=self.logits))
        self.session = onnxruntime.InferenceSession(
            probed.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def labels(self, image: NDArray[np.uint8], subject: int | None = None) -> NDArray[Any]:
        """The label map of an (h, w, 3) image."""
        return np.asarray(self._run(OUTPUT.name, image, subject)[0])

    def enlarged_logits(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the ArgMax reads: (labels, rows, columns)."""
        assert self.logits is not None
        return np.asarray(self._run(self.logits, image, None)[0], np.float32)

    def _run(self, output: str, image: NDArray[np.uint8], subject: int | None) -> NDArray[Any]:
        feed: dict[str, NDArray[Any]] = {INPUT.name: image[np.newaxis]}
        if subject is not None:
            feed[SUBJECT.name] = np.array(subject, np.int64)
        return np.asarray(self.session.run([output], feed)[0])


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Coarse blobs of color, so that several labels win."""
    generator = np.random.default_rng(seed)
    rows, columns = -(-height // 12), -(-width // 12)
    coarse = generator.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return coarse.repeat(12, axis=0).repeat(12, axis=1)[:height, :width].copy()


def fits(height: int, width: int, crop: int = CROP) -> tuple[int, int]:
    """The size the graph resizes to."""
    ratio = crop / max(height, width)
    return max(int(height * ratio + 0.5), 1), max(int(width * ratio + 0.5), 1)
