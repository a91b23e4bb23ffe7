"""Run a frozen graph in a TF1 session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs import import_tensorflow

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef


def run(
    graph: GraphDef, tensors: list[str], photos: Iterable[NDArray[np.uint8]]
) -> list[list[NDArray[Any]]]:
    """Run a graph on photos and return the named tensors for each."""
    tf = import_tensorflow()
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=2, inter_op_parallelism_threads=1
        )
        config.graph_options.rewrite_options.disable_meta_optimizer = True  # a few runs each
        with tf.compat.v1.Session(graph=imported, config=config) as session:
            return [session.run(tensors, {"ImageTensor:0": photo[None]}) for photo in photos]
