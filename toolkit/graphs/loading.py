"""TensorFlow imported quietly, and a GraphDef parsed and held against the operation policy."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from toolkit.errors import GraphError, MissingDependencyError
from toolkit.graphs.frozen import FrozenGraph
from toolkit.graphs.operations import refuse_forbidden

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef


def import_tensorflow() -> Any:
    """Import TensorFlow without its start-up chatter.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        with _stderr_held():
            import tensorflow as tf
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"reading or running a frozen graph needs TensorFlow ({error})",
            "convert",
        ) from error
    return tf


@contextlib.contextmanager
def _stderr_held() -> Iterator[None]:
    """Keep what native code writes to stderr; let it go only if the block fails.

    TensorFlow's C++ writes lines about GPUs before its own log level is read.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)


def parse_graph(graph: FrozenGraph) -> GraphDef:
    """Parse the bytes and check the operations.

    Raises
    ------
    GraphError
        Not a GraphDef, empty, or it uses operations outside the allowlist.
    """
    tf = import_tensorflow()
    from google.protobuf.message import DecodeError

    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(graph.data)
    except DecodeError as error:
        raise GraphError(
            graph.source, "is not a serialized GraphDef", "give a frozen_inference_graph.pb"
        ) from error
    if not graph_def.node:
        raise GraphError(
            graph.source, "holds no operations", "give a frozen TF1 graph, not a checkpoint"
        )
    if not graph.trusted:
        refuse_forbidden(graph_def, graph.source)
    return graph_def
