"""Which operations a frozen graph may consist of, and why: docs/adr/0001-graph-operations.md.

TensorFlow's kernels include ones that read and write files, open sockets and call back into Python.
A graph is refused unless every operation in it, in the bodies of its functions too, is known to be
arithmetic on tensors, a check without effect on them, or a choice between such computations.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import GraphError

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef, NodeDef

ARITHMETIC = frozenset(
    # what DeepLab exports consist of, and what the other zoo networks add to it
    """
    Abs Add AddN AddV2 All Any ArgMax AvgPool BatchToSpaceND BiasAdd BroadcastTo Cast Ceil
    ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropInput DepthToSpace DepthwiseConv2dNative
    DepthwiseConv2dNativeBackpropInput Div DivNoNan Elu EnsureShape Equal Exp ExpandDims Fill Floor
    FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2
    Greater GreaterEqual Identity IdentityN LeakyRelu Less LessEqual Log LogSoftmax LogicalAnd
    LogicalNot LogicalOr MatMul Max MaxPool Maximum Mean Min Minimum MirrorPad Mod Mul Neg NoOp
    NotEqual OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault Pow PreventGradient
    Prod Range Rank RealDiv Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear
    ResizeNearestNeighbor Reverse ReverseV2 Round Rsqrt Select SelectV2 Shape ShapeN Sigmoid Sign
    Size Slice Snapshot Softmax Softplus SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square
    SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Tanh Tile TopKV2 Transpose
    TruncateDiv Unpack Where ZerosLike
    """.split()
)
"""A tensor in, a tensor out, nothing else; of these most exports use a third."""

FAKE_QUANTIZATION = frozenset(
    """
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
    """.split()
)
"""Arithmetic that quantization-aware training leaves behind."""

CHECKS = frozenset({"Assert", "CheckNumerics"})
"""They compare and may stop a run; no tensor depends on what they do."""

BRANCHES = frozenset({"If", "Merge", "StatelessIf", "Switch"})
"""What `tf.cond` leaves: one of two computations, each made of allowed operations. Without
``NextIteration``, which is refused, no loop can be made of them."""

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
"""A function of the graph's own library; its body is checked like the graph."""

ALLOWED_OPERATIONS = ARITHMETIC | FAKE_QUANTIZATION | CHECKS | BRANCHES | CALLS

BODIES = {
    "If": ("then_branch", "else_branch"),
    "StatelessIf": ("then_branch", "else_branch"),
    "PartitionedCall": ("f",),
    "StatefulPartitionedCall": ("f",),
}
"""By operation, the attributes that name the functions it runs."""

VARIABLES = frozenset({"ReadVariableOp", "VarHandleOp", "Variable", "VariableV2"})
"""What a SavedModel has in the place of weights; they become constants."""

SAVED_MODEL = VARIABLES | frozenset(
    """
    Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp
    DisableCopyOnRead IsVariableInitialized MergeV2Checkpoints RandomStandardNormal RandomUniform
    RestoreV2 SaveV2 ShardedFilename StatelessRandomGetAlg StatelessRandomGetKeyCounter
    StatelessRandomNormalV2 StatelessRandomUniformV2 StatelessTruncatedNormalV2 StaticRegexFullMatch
    StringJoin TruncatedNormal VarIsInitializedOp
    """.split()
)
"""What a SavedModel has around the network: how variables are made, trained, saved and restored.
It may be there, but is never run: not for loading, and nothing of it may lead to the label map."""

MOST_NODES = 200_000
"""Nodes after every call is replaced by its function's body; the largest zoo graph has 3,000."""


def refuse_forbidden(
    graph_def: GraphDef, source: Path, *, also: frozenset[str] = frozenset()
) -> None:
    """Refuse a graph that has an operation outside the policy anywhere.

    Parameters
    ----------
    graph_def : GraphDef
    source : Path
        For the message.
    also : frozenset of str
        Operations allowed besides those of the policy.

    Raises
    ------
    GraphError
        It names the operations, or the function that is missing, calls itself or grows without
        bounds.
    """
    bodies = [item.node_def for item in graph_def.library.function]
    nodes = [*graph_def.node, *(node for body in bodies for node in body)]
    forbidden = sorted({node.op for node in nodes} - ALLOWED_OPERATIONS - also)
    if forbidden:
        raise GraphError(
            source,
            f"uses operations that inference does not need: {', '.join(forbidden[:5])}"
            + (f" and {len(forbidden) - 5} more" if len(forbidden) > 5 else ""),
            "a graph is a program; pass --trust-graph only if you trust its origin",
        )
    refuse_endless(graph_def, source)


def called(node: NodeDef) -> list[str]:
    """Return the names of the functions that a node runs."""
    return [node.attr[key].func.name for key in BODIES.get(node.op, ())]


def refuse_endless(graph_def: GraphDef, source: Path) -> None:
    """Refuse functions that call themselves, or each other beyond all bounds.

    Parameters
    ----------
    graph_def : GraphDef
    source : Path
        For the message.

    Raises
    ------
    GraphError
        It names the function that is missing or calls itself.
    """
    library = {item.signature.name: item.node_def for item in graph_def.library.function}
    if len(library) != len(graph_def.library.function):
        raise GraphError(source, "holds two functions of one name")
    sizes: dict[str, int] = {}

    def size_of(body: Iterable[NodeDef], above: tuple[str, ...]) -> int:
        total = 0
        for node in body:
            total += 1
            for name in called(node):
                if name in above:
                    raise GraphError(source, f"its function {name!a} calls itself")
                if name not in library:
                    raise GraphError(source, f"calls a function that it does not hold: {name!a}")
                if len(above) > 50:
                    raise GraphError(source, "its functions call each other too deeply")
                if name not in sizes:
                    sizes[name] = size_of(library[name], (*above, name))
                total += sizes[name]
            if total > MOST_NODES:
                raise GraphError(source, f"has more than {MOST_NODES:,} operations")
        return total

    size_of(graph_def.node, ())
