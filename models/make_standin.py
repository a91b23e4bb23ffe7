"""Make the bundled stand-in network, and small DeepLab-shaped graphs for the tests.

The graph has the shape of the zoo's DeepLabV3 on MobileNetV2: in-graph resize and padding to its
own crop, a strided stem, inverted residual blocks of which the last run atrous by SpaceToBatchND, a
pooled branch, a projection, logits at stride 8, bilinear upsampling and ArgMax. Nothing in it is
trained. The stand-in's first channels carry hand-set colour filters (warm against cold, light
against dark) through the blocks to the person logit; the rest are seeded random features.

    python -m models.make_standin            # writes models/standin/ again, the same bytes

Needs the ``convert`` extra.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs import import_tensorflow

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

SEED = 20261125
CROP = 257
WIDTH = 16
CLASSES = 21
PERSON = 15
FOLDER = Path(__file__).resolve().parent / "standin"


class _Builder:
    """Adds layers to the current TF1 graph with weights from a seeded generator."""

    def __init__(self, tf: Any, seed: int, *, hand_set: bool) -> None:
        self.tf = tf
        self.generator = np.random.default_rng(seed)
        self.hand_set = hand_set

    def weights(self, *shape: int, fan_in: int) -> NDArray[np.float32]:
        scale = np.sqrt(2.0 / fan_in)
        return np.asarray(self.generator.standard_normal(shape) * scale, np.float32)

    def norm(self, x: Any, channels: int, name: str) -> Any:
        """Batch normalisation as the zoo freezes it; the identity on hand-set channels."""
        scale = self.generator.uniform(0.8, 1.2, channels).astype(np.float32)
        offset = self.generator.uniform(-0.1, 0.1, channels).astype(np.float32)
        if self.hand_set:
            scale[:2], offset[:2] = 1.0, 0.0
        out, *_ = self.tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=scale,
            offset=offset,
            mean=np.zeros(channels, np.float32),
            variance=np.ones(channels, np.float32),
            epsilon=0.0 if self.hand_set else 1e-3,
            is_training=False,
            name=f"{name}/FusedBatchNormV3",
        )
        return out

    def conv(self, x: Any, kernel: NDArray[np.float32], name: str, stride: int = 1) -> Any:
        return self.tf.nn.conv2d(
            x, kernel, strides=[1, stride, stride, 1], padding="SAME", name=f"{name}/Conv2D"
        )

    def pointwise(self, x: Any, inputs: int, outputs: int, name: str) -> Any:
        kernel = self.weights(1, 1, inputs, outputs, fan_in=inputs)
        if self.hand_set:
            kernel[..., :2, :] = 0.0
            kernel[..., :, :2] = 0.0
            kernel[0, 0, 0, 0] = kernel[0, 0, 1, 1] = 1.0
        return self.norm(self.conv(x, kernel, name), outputs, name)

    def depthwise(self, x: Any, channels: int, name: str, *, stride: int, rate: int) -> Any:
        kernel = self.weights(3, 3, channels, 1, fan_in=9)
        if self.hand_set:
            # smooth while the map shrinks; wider taps would wash the colours out
            kernel[:, :, :2, 0] = 1 / 9 if rate == 1 else 0
            kernel[1, 1, :2, 0] = 1 / 9 if rate == 1 else 1
        if rate > 1:  # as TF1 wrote atrous depthwise layers: space to batch and back
            size = x.shape[1]
            total = -(-(size + 2 * rate) // rate) * rate
            pad = [[rate, total - size - rate]] * 2
            x = self.tf.raw_ops.SpaceToBatchND(
                input=x, block_shape=[rate, rate], paddings=pad, name=f"{name}/SpaceToBatchND"
            )
        x = self.tf.raw_ops.DepthwiseConv2dNative(
            input=x,
            filter=kernel,
            strides=[1, stride, stride, 1],
            padding="VALID" if rate > 1 else "SAME",
            name=name,
        )
        if rate > 1:
            spare = int(x.shape[1]) * rate - size
            x = self.tf.raw_ops.BatchToSpaceND(
                input=x,
                block_shape=[rate, rate],
                crops=[[0, spare]] * 2,
                name=f"{name}/BatchToSpaceND",
            )
        return self.tf.nn.relu6(self.norm(x, channels, name), name=f"{name}/Relu6")

    def block(self, x: Any, inputs: int, outputs: int, name: str, *, stride: int, rate: int) -> Any:
        inner = inputs * 2
        y = self.tf.nn.relu6(self.pointwise(x, inputs, inner, f"{name}/expand"))
        y = self.depthwise(y, inner, f"{name}/depthwise", stride=stride, rate=rate)
        y = self.pointwise(y, inner, outputs, f"{name}/project")
        if stride == 1 and inputs == outputs and not self.hand_set:
            y = self.tf.add(x, y, name=f"{name}/add")
        return y


def build_graph(
    crop: int = CROP,
    width: int = WIDTH,
    classes: int = CLASSES,
    seed: int = SEED,
    *,
    hand_set: bool = False,
) -> GraphDef:
    """Build a DeepLab-shaped GraphDef with seeded random weights.

    Parameters
    ----------
    crop : int
        Side of the square the graph resizes and pads to, pixels; 8k + 1.
    width : int
        Channels of the blocks; at least 4.
    classes : int
        Number of labels; at least 2, and at least 16 with `hand_set`.
    seed : int
        Of the random weights.
    hand_set : bool
        Put the stand-in's colour filters in, so that warm areas become label 15.

    Returns
    -------
    GraphDef
        With ``ImageTensor:0`` and ``SemanticPredictions:0``; the same for the same arguments.
    """
    tf = import_tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        photo = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        size, fitted, padded = _preprocess(tf, photo, crop)
        logits = _network(_Builder(tf, seed, hand_set=hand_set), padded, width, classes)
        large = tf.raw_ops.ResizeBilinear(
            images=logits, size=[crop, crop], align_corners=True, name="ResizeLogits"
        )
        labels = tf.argmax(large, 3, name="ArgMax", output_type=tf.int32)
        cut = tf.slice(labels, [0, 0, 0], tf.stack([1, fitted[0], fitted[1]]))
        full = tf.raw_ops.ResizeNearestNeighbor(
            images=tf.expand_dims(cut, 3), size=size, align_corners=True
        )
        tf.cast(tf.squeeze(full, 3), tf.int64, name="SemanticPredictions")
    graph_def = graph.as_graph_def()
    graph_def.versions.producer = 2474  # a constant, so that the bytes do not follow the runtime
    return graph_def


def _preprocess(tf: Any, photo: Any, crop: int) -> tuple[Any, Any, Any]:
    """Resize so that the longer side is `crop`, pad with mid-grey, scale to -1..1."""
    size = tf.shape(photo)[1:3]
    ratio = tf.constant(float(crop)) / tf.cast(tf.reduce_max(size), tf.float32)
    fitted = tf.maximum(tf.cast(tf.floor(tf.cast(size, tf.float32) * ratio + 0.5), tf.int32), 1)
    resized = tf.raw_ops.ResizeBilinear(
        images=tf.cast(photo, tf.float32), size=fitted, align_corners=True
    )
    centred = resized / 127.5 - 1.0
    spare = crop - fitted
    padded = tf.pad(centred, [[0, 0], [0, spare[0]], [0, spare[1]], [0, 0]])
    padded.set_shape([1, crop, crop, 3])
    return size, fitted, padded


def _network(layers: _Builder, x: Any, width: int, classes: int) -> Any:
    tf = layers.tf
    stem = layers.weights(3, 3, 3, width, fan_in=27)
    if layers.hand_set:
        stem[:, :, :, :2] = 0.0
        stem[:, :, :, 0] = np.array([1.5, -0.2, -1.6], np.float32) / 9  # warm: red over blue
        stem[:, :, :, 1] = np.array([-0.6, -0.6, -0.6], np.float32) / 9  # dark
    x = tf.nn.relu6(layers.norm(layers.conv(x, stem, "stem", stride=2), width, "stem"))
    for place, (stride, rate) in enumerate([(2, 1), (2, 1), (1, 1), (1, 2), (1, 4)]):
        x = layers.block(x, width, width, f"block_{place}", stride=stride, rate=rate)
    side = int(x.shape[1])
    pooled = tf.nn.avg_pool2d(x, ksize=side, strides=side, padding="VALID", name="pool")
    pooled = tf.nn.relu(layers.pointwise(pooled, width, width, "pool_projection"))
    pooled = tf.raw_ops.ResizeBilinear(images=pooled, size=[side, side], align_corners=True)
    branch = tf.nn.relu(layers.pointwise(x, width, width, "aspp0"))
    x = tf.concat([branch, pooled], 3)
    x = tf.nn.relu(layers.pointwise(x, 2 * width, 2 * width, "concat_projection"))
    head = layers.weights(1, 1, 2 * width, classes, fan_in=2 * width)
    bias = layers.generator.uniform(-0.2, 0.2, classes).astype(np.float32)
    if layers.hand_set:
        head *= 0.1
        bias[:] = -40.0
        bias[0], bias[PERSON] = 0.0, -2.5
        head[0, 0, 0, PERSON] = 10.0
        head[0, 0, 1, PERSON] = -5.0
    return tf.nn.bias_add(layers.conv(x, head, "logits"), bias, name="logits/BiasAdd")


def serialise(graph_def: GraphDef) -> bytes:
    """Return the GraphDef's bytes, the same in every process."""
    return bytes(graph_def.SerializeToString(deterministic=True))


def main() -> None:
    """Write the stand-in's frozen graph and its ONNX export."""
    from toolkit.convert import convert_model
    from toolkit.graphs import read_graph
    from toolkit.store import write_atomically

    parser = argparse.ArgumentParser(description="Make the bundled stand-in network again.")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder to write to")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "frozen_inference_graph.pb"
    write_atomically(path, serialise(build_graph(hand_set=True)))
    graph = read_graph(path, name="standin")
    convert_model(graph, profile="plain", output=folder / "standin.plain.opset18.onnx")


if __name__ == "__main__":
    main()
