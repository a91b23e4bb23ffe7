"""A DeepLab graph that chooses between two images before the network, by `tf.cond`."""

from __future__ import annotations

from pathlib import Path

from tests.support import made_up
from toolkit.graphs import FrozenGraph, import_tensorflow
from training import deeplab_graph


def conditional_graph(path: Path, *, control_flow: str) -> FrozenGraph:
    """Write a graph that sees wide photos mirrored: a choice that no selection of sizes can be.

    Parameters
    ----------
    path : Path
    control_flow : {"v1", "v2"}
        Switch and Merge, or StatelessIf.
    """
    tf = import_tensorflow()
    inner = made_up.build_graph(65, 8, 5, seed=7)
    for node in inner.node:  # its own photo becomes the chosen one
        if node.name == "ImageTensor":
            inner.node.remove(node)
            break
    with tf.Graph().as_default() as graph:
        photo = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        if control_flow == "v1":
            tf.compat.v1.disable_control_flow_v2()
        try:
            shape = tf.shape(photo)
            chosen = tf.cond(
                shape[2] > shape[1], lambda: tf.reverse(photo, [2]), lambda: photo[:, :, ::1]
            )
        finally:
            tf.compat.v1.enable_control_flow_v2()
        (labels,) = tf.import_graph_def(
            inner, {"ImageTensor:0": chosen}, ["SemanticPredictions:0"], name="inner"
        )
        tf.identity(labels, name="SemanticPredictions")
    data: bytes = deeplab_graph.serialize(graph.as_graph_def())
    path.write_bytes(data)
    return FrozenGraph(path.stem, path, data)
