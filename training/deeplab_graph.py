"""Frozen graphs of the zoo's DeepLabV3 kind, around whatever network is given.

    ImageTensor ─ resize to fit the crop ─ scale, pad ─ network ─ logits
    logits ─ enlarge to the crop ─ ArgMax ─ cut ─ nearest ─ SemanticPredictions

Needs the ``convert`` extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from toolkit.graphs import import_tensorflow

if TYPE_CHECKING:
    import numpy as np
    from tensorflow.compat.v1 import GraphDef


def build_deeplab(crop: int, network: Callable[[Any], Any]) -> GraphDef:
    """Build a graph with the official one's contract.

    Parameters
    ----------
    crop : int
        Side of the square the graph resizes and pads to, pixels; 8k + 1.
    network : callable
        Adds the network to the current graph: (1, crop, crop, 3) float32, -1..1, in;
        (1, rows, columns, labels) float32 logits out.

    Returns
    -------
    GraphDef
        With ``ImageTensor:0`` and ``SemanticPredictions:0``; the same for the same network.
    """
    tf = import_tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        photo = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        size, fitted, padded = _preprocess(tf, photo, crop)
        large = tf.raw_ops.ResizeBilinear(
            images=network(padded), size=[crop, crop], align_corners=True, name="ResizeLogits"
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
    """Resize so that the longer side is `crop`, pad with mid-gray, scale to -1..1."""
    size = tf.shape(photo)[1:3]
    ratio = tf.constant(float(crop)) / tf.cast(tf.reduce_max(size), tf.float32)
    fitted = tf.maximum(tf.cast(tf.floor(tf.cast(size, tf.float32) * ratio + 0.5), tf.int32), 1)
    resized = tf.raw_ops.ResizeBilinear(
        images=tf.cast(photo, tf.float32), size=fitted, align_corners=True
    )
    centerd = resized / 127.5 - 1.0
    spare = crop - fitted
    padded = tf.pad(centerd, [[0, 0], [0, spare[0]], [0, spare[1]], [0, 0]])
    padded.set_shape([1, crop, crop, 3])
    return size, fitted, padded


def convolution(x: Any, kernel: NDArray[np.float32], name: str, stride: int = 1) -> Any:
    """Add a convolution."""
    tf = import_tensorflow()
    return tf.nn.conv2d(
        x, kernel, strides=[1, stride, stride, 1], padding="SAME", name=f"{name}/Conv2D"
    )


def depthwise(
    x: Any, kernel: NDArray[np.float32], name: str, *, stride: int = 1, rate: int = 1
) -> Any:
    """Add a 3x3 depthwise convolution; where dilated, as TF1 wrote it: space to batch and back."""
    raw = import_tensorflow().raw_ops
    if rate == 1:
        return raw.DepthwiseConv2dNative(
            input=x, filter=kernel, strides=[1, stride, stride, 1], padding="SAME", name=name
        )
    size = int(x.shape[1])
    total = -(-(size + 2 * rate) // rate) * rate
    x = raw.SpaceToBatchND(
        input=x,
        block_shape=[rate, rate],
        paddings=[[rate, total - size - rate]] * 2,
        name=f"{name}/SpaceToBatchND",
    )
    x = raw.DepthwiseConv2dNative(
        input=x, filter=kernel, strides=[1, 1, 1, 1], padding="VALID", name=name
    )
    spare = int(x.shape[1]) * rate - size
    return raw.BatchToSpaceND(
        input=x, block_shape=[rate, rate], crops=[[0, spare]] * 2, name=f"{name}/BatchToSpaceND"
    )


def normalization(
    x: Any,
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
    name: str,
    *,
    epsilon: float,
) -> Any:
    """Add batch normalization as the zoo freezes it."""
    out, *_ = import_tensorflow().raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=False,
        name=f"{name}/FusedBatchNormV3",
    )
    return out


def pool(x: Any) -> Any:
    """Add the mean of the map, one pixel."""
    side = int(x.shape[1])
    tf = import_tensorflow()
    return tf.nn.avg_pool2d(x, ksize=side, strides=side, padding="VALID", name="pool")


def enlarge(x: Any, side: int) -> Any:
    """Add a bilinear resize to a square map."""
    raw = import_tensorflow().raw_ops
    return raw.ResizeBilinear(images=x, size=[side, side], align_corners=True)


def serialize(graph_def: GraphDef) -> bytes:
    """Return the GraphDef's bytes, the same in every process."""
    return bytes(graph_def.SerializeToString(deterministic=True))
