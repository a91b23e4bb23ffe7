"""Frozen TF1 graphs: read one, check its contract and its operations.

A GraphDef is a program. TensorFlow's kernels include ones that read and write files, open sockets
and call back into Python, so a graph is refused unless every operation in it is known to be plain
arithmetic on tensors. TensorFlow is imported inside functions: looking at a graph costs the import,
serving an exported one must not.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.catalog import INPUT, OUTPUT, Network, TensorSpec, generic_labels
from toolkit.errors import GraphError, MissingDependencyError

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

GRAPH_LIMIT = 2**31 - 1
"""Bytes; protobuf reads no larger message."""

ALLOWED_OPERATIONS = frozenset(
    # what DeepLab exports consist of, and what the other zoo networks add to it
    """
    Add AddN AddV2 ArgMax AvgPool BatchToSpaceND BiasAdd Cast Ceil ClipByValue Concat ConcatV2 Const
    Conv2D DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput Div Elu Equal Exp ExpandDims
    Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd
    GatherV2 Greater GreaterEqual Identity IdentityN LeakyRelu Less LessEqual LogicalAnd LogicalNot
    LogicalOr LogSoftmax MatMul Max MaxPool Maximum Mean Min MirrorPad Minimum Mod Mul Neg NoOp
    NotEqual OneHot Pack Pad PadV2 Placeholder PlaceholderWithDefault Pow Prod RealDiv Reciprocal
    Range Rank Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    Reverse ReverseV2 Round Rsqrt Select SelectV2 Shape ShapeN Sigmoid Size Slice Softmax Softplus
    SpaceToBatchND SpaceToDepth DepthToSpace Split SplitV Sqrt Square SquaredDifference Squeeze
    StopGradient StridedSlice Sub Sum Tanh Tile TopKV2 Transpose TruncateDiv Unpack Where ZerosLike
    OnesLike
    """.split()
)


@dataclass(frozen=True)
class FrozenGraph:
    """The bytes of a frozen graph, known by hash.

    Attributes
    ----------
    name : str
        The model's name; exports are called after it.
    source : Path
        The file it was read from, for messages.
    data : bytes
        A serialised GraphDef.
    labels : tuple of str or None
        Label names where they are known from elsewhere; None: named by their count.
    trusted : bool
        Whether the user vouched for operations outside the allowlist.
    """

    name: str
    source: Path
    data: bytes
    labels: tuple[str, ...] | None = None
    trusted: bool = False

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class GraphContract:
    """What a graph that keeps the contract was found to have.

    Attributes
    ----------
    network : Network
        Crop and labels.
    logits : str
        The tensor at the ArgMax's input, ``node:index``, [1, crop height, crop width, labels].
    argmax : str
        The ArgMax's output tensor, [1, crop height, crop width].
    output_dtype : str
        NumPy dtype name of the label map.
    operations : dict of str to int
        How often each operation occurs.
    """

    network: Network
    logits: str
    argmax: str
    output_dtype: str
    operations: dict[str, int]


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
            graph.source, "is not a serialised GraphDef", "give a frozen_inference_graph.pb"
        ) from error
    if not graph_def.node:
        raise GraphError(
            graph.source, "holds no operations", "give a frozen TF1 graph, not a checkpoint"
        )
    if not graph.trusted:
        _refuse_forbidden(graph_def, graph.source)
    return graph_def


def _refuse_forbidden(graph_def: GraphDef, source: Path) -> None:
    nodes = list(graph_def.node)
    for function in graph_def.library.function:
        nodes.extend(function.node_def)
    forbidden = sorted({node.op for node in nodes} - ALLOWED_OPERATIONS)
    if forbidden:
        raise GraphError(
            source,
            f"uses operations that inference does not need: {', '.join(forbidden[:5])}"
            + (f" and {len(forbidden) - 5} more" if len(forbidden) > 5 else ""),
            "a graph is a program; pass --trust-graph only if you trust its origin",
        )


def inspect_graph(graph: FrozenGraph) -> GraphContract:
    """Check that a graph has the two tensors and find its crop, labels and logits.

    Parameters
    ----------
    graph : FrozenGraph

    Returns
    -------
    GraphContract

    Raises
    ------
    GraphError
        Unreadable, forbidden operations, other tensors, or no ArgMax over logits.
    MissingDependencyError
        TensorFlow is not installed.
    """
    tf = import_tensorflow()
    graph_def = parse_graph(graph)
    loaded = tf.Graph()
    with loaded.as_default():
        try:
            tf.import_graph_def(graph_def, name="")
        except (ValueError, TypeError) as error:  # what TensorFlow raises for a malformed graph
            reason = str(error).splitlines()[0]
            raise GraphError(graph.source, f"TensorFlow does not load it: {reason}") from error
    _check_tensor(loaded, INPUT, graph.source)
    output_dtype = _check_tensor(loaded, OUTPUT, graph.source)
    argmax = _find_argmax(loaded, graph.source)
    logits = argmax.inputs[0]
    shape = _logits_shape(tf, loaded, logits)
    if len(shape) != 4:
        raise GraphError(
            graph.source, f"its ArgMax reads a tensor of rank {len(shape)}, not [1, h, w, labels]"
        )
    _, height, width, count = shape
    labels = graph.labels if graph.labels and len(graph.labels) == count else generic_labels(count)
    operations: dict[str, int] = {}
    for node in graph_def.node:
        operations[node.op] = operations.get(node.op, 0) + 1
    return GraphContract(
        network=Network((height, width), labels),
        logits=logits.name,
        argmax=argmax.outputs[0].name,
        output_dtype=output_dtype,
        operations=dict(sorted(operations.items())),
    )


def _check_tensor(loaded: Any, spec: TensorSpec, source: Path) -> str:
    try:
        tensor = loaded.get_tensor_by_name(spec.name)
    except KeyError as error:
        raise GraphError(
            source, f"has no tensor {spec.name}", "a DeepLab frozen inference graph is needed"
        ) from error
    dtype: str = tensor.dtype.base_dtype.name
    rank = tensor.shape.rank
    if dtype not in spec.dtypes or rank not in (None, spec.rank):
        raise GraphError(
            source,
            f"{spec.name} is {dtype} of rank {rank}, not {'/'.join(spec.dtypes)} {spec.layout}",
            "a DeepLab frozen inference graph is needed",
        )
    return dtype


def _find_argmax(loaded: Any, source: Path) -> Any:
    """Walk back from the label map to the ArgMax nearest to it."""
    start = loaded.get_tensor_by_name(OUTPUT.name).op
    seen = {start.name}
    queue = deque([start])
    while queue:
        operation = queue.popleft()
        if operation.type == "ArgMax":
            return operation
        for tensor in operation.inputs:
            if tensor.op.name not in seen:
                seen.add(tensor.op.name)
                queue.append(tensor.op)
    raise GraphError(source, f"no ArgMax leads to {OUTPUT.name}")


def _logits_shape(tf: Any, loaded: Any, logits: Any) -> list[int]:
    """Return the logits' shape: from the graph where it is static, else by running one pixel."""
    if logits.shape.is_fully_defined():
        return list(logits.shape.as_list())
    import numpy as np

    with tf.compat.v1.Session(graph=loaded) as session:
        pixel = np.zeros((1, 1, 1, 3), np.uint8)
        return list(session.run(logits, {INPUT.name: pixel}).shape)


def read_graph(
    path: Path,
    *,
    name: str | None = None,
    labels: tuple[str, ...] | None = None,
    trusted: bool = False,
) -> FrozenGraph:
    """Read a ``.pb`` file; nothing in it is parsed yet.

    Parameters
    ----------
    path : Path
    name : str, optional
        The model's name; by default the file's stem, or its folder's name where the stem is the
        zoo's ``frozen_inference_graph``.
    labels : tuple of str, optional
        Label names.
    trusted : bool
        Skip the operation allowlist.

    Raises
    ------
    GraphError
        The file is missing, unreadable or too large for a GraphDef.
    """
    try:
        if path.stat().st_size > GRAPH_LIMIT:
            raise GraphError(path, "is larger than 2 GiB", "a GraphDef can't be")
        data = path.read_bytes()
    except OSError as error:
        raise GraphError(path, f"can't be read ({error.strerror})") from error
    if name is None:
        name = path.stem
        if name == "frozen_inference_graph":
            name = path.resolve().parent.name or name
    return FrozenGraph(name=name, source=path, data=data, labels=labels, trusted=trusted)
