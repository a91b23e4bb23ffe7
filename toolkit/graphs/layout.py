"""What a GraphDef consists of: counted before anything is loaded, and what normal form made of it.

Nothing here runs a graph or hands it to TensorFlow, so that one that is refused can be described.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.graphs.anatomy import CONVOLUTIONS
from toolkit.graphs.branches import inline_functions
from toolkit.graphs.loading import import_tensorflow
from toolkit.graphs.network import INPUT
from toolkit.graphs.normal_form import RESULT, TRANSPARENT
from toolkit.graphs.operations import (
    ALLOWED_OPERATIONS,
    BODIES,
    CHECKS,
    FAKE_QUANTIZATION,
)
from toolkit.graphs.rewiring import Rewiring, data_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from tensorflow.compat.v1 import GraphDef, NodeDef

CONDITIONS = frozenset({"If", "Merge", "StatelessIf"})
"""One node for each choice; Switches only lead there."""

SILENT = CHECKS | {"Const", "NoOp", "Placeholder"}
"""What nothing reads of these is no output."""

TYPE_KEYS = ("output_type", "DstT", "out_type", "dtype", "T")
"""Attributes that hold the type of what a node gives, the most specific first."""


@dataclass(frozen=True)
class NamedTensor:
    """A tensor that a graph takes or gives.

    Attributes
    ----------
    name : str
        ``node:index``.
    operation : str
        What makes it.
    dtype : str or None
        NumPy dtype name; None where the file does not say.
    """

    name: str
    operation: str
    dtype: str | None


@dataclass(frozen=True)
class GraphLayout:
    """What a graph consists of, as written.

    Attributes
    ----------
    operations : dict of str to int
        How often each operation occurs, the bodies of functions included.
    functions : int
        How many functions it holds.
    forbidden : tuple of str
        Operations outside the policy.
    inputs, outputs : tuple of NamedTensor
        Placeholders, and what nothing reads.
    """

    operations: dict[str, int]
    functions: int
    forbidden: tuple[str, ...]
    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]


@dataclass(frozen=True)
class NormalFormReport:
    """What normal form made of a graph.

    Attributes
    ----------
    operations : dict of str to int
        How often each operation occurs in it.
    checks_removed : int
        Asserts and the like.
    identities_removed : int
        Nodes that give what they read.
    calls_inlined : int
        Calls of functions.
    choices_folded, choices_kept : int
        Of one of two computations: made arithmetic, and still there.
    equal_resizes_removed : int
        To the size that a map has already.
    fake_quantization_expanded, fake_quantization_kept : int
        Written out as arithmetic, and still there.
    before_network : tuple of str
        What leads from the input to the first convolution, sizes included, in order.
    behind_network : tuple of str
        What leads from the last convolution to the label map, in order.
    """

    operations: dict[str, int]
    checks_removed: int
    identities_removed: int
    calls_inlined: int
    choices_folded: int
    choices_kept: int
    equal_resizes_removed: int
    fake_quantization_expanded: int
    fake_quantization_kept: int
    before_network: tuple[str, ...]
    behind_network: tuple[str, ...]


def describe_graph(graph_def: GraphDef) -> GraphLayout:
    """Count what a graph consists of.

    Parameters
    ----------
    graph_def : GraphDef
        Any; it need not be allowed.
    """
    operations = _counted(graph_def)
    return GraphLayout(
        operations=operations,
        functions=len(graph_def.library.function),
        forbidden=tuple(sorted(set(operations) - ALLOWED_OPERATIONS)),
        inputs=tuple(_tensor(node) for node in graph_def.node if node.op == "Placeholder"),
        outputs=tuple(_tensor(node) for node in _unread(graph_def)),
    )


def describe_normal_form(before: GraphDef, after: GraphDef, source: Path) -> NormalFormReport:
    """Compare a graph with its normal form.

    Parameters
    ----------
    before : GraphDef
        Of allowed operations, or trusted.
    after : GraphDef
        From `toolkit.graphs.normal_form`.
    source : Path
        For messages.
    """
    old, new = Counter(_counted(before)), Counter(_counted(after))

    def gone(operations: Iterable[str]) -> int:
        return max(sum(old[each] - new[each] for each in operations), 0)

    inlined = Rewiring(before)
    inline_functions(inlined, source)
    way = Rewiring(after)
    leading, behind = _around_network(way)
    return NormalFormReport(
        operations=dict(sorted(new.items())),
        checks_removed=gone(CHECKS),
        identities_removed=gone(TRANSPARENT - CHECKS),
        calls_inlined=gone(set(BODIES) - CONDITIONS),
        choices_folded=gone(CONDITIONS),
        choices_kept=sum(new[each] for each in CONDITIONS),
        equal_resizes_removed=max(_resizes_inside(inlined) - _resizes_inside(way), 0),
        fake_quantization_expanded=gone(FAKE_QUANTIZATION),
        fake_quantization_kept=sum(new[each] for each in FAKE_QUANTIZATION),
        before_network=leading,
        behind_network=behind,
    )


def _counted(graph_def: GraphDef) -> dict[str, int]:
    found = Counter(node.op for node in graph_def.node)
    for body in graph_def.library.function:
        found.update(node.op for node in body.node_def)
    return dict(sorted(found.items()))


def _unread(graph_def: GraphDef) -> list[NodeDef]:
    read = {_maker(name) for node in graph_def.node for name in node.input}
    switches = {node.name for node in graph_def.node if node.op == "Switch"}

    def is_pivot(node: NodeDef) -> bool:  # what `tf.cond` ties its branches to
        return node.op == "Identity" and any(_maker(name) in switches for name in node.input)

    return [
        node
        for node in graph_def.node
        if node.name not in read and node.op not in SILENT and not is_pivot(node)
    ]


def _maker(name: str) -> str:
    """Return the node behind an input's name, parsed loosely: nobody checked these names."""
    return name.removeprefix("^").partition(":")[0]


def _tensor(node: NodeDef) -> NamedTensor:
    tf = import_tensorflow()
    number = next((node.attr[key].type for key in TYPE_KEYS if key in node.attr), 0)
    try:
        dtype = tf.as_dtype(number).base_dtype.name if number else None
    except TypeError:  # a number that is no type's
        dtype = None
    return NamedTensor(f"{node.name}:0", node.op, dtype)


def _order(graph: Rewiring) -> list[NodeDef]:
    """Return what the label map needs, each node behind all it reads."""
    return list(graph.ordered([RESULT]))


def _resizes_inside(graph: Rewiring) -> int:
    """Count the bilinear resizes behind a convolution."""
    behind = _behind_convolutions(_order(graph))
    return sum(graph.nodes[name].op == "ResizeBilinear" for name in behind)


def _behind_convolutions(order: list[NodeDef]) -> set[str]:
    """Return the nodes that depend on a convolution; convolutions are among them."""
    behind: set[str] = set()
    for node in order:
        if node.op in CONVOLUTIONS or any(each.node in behind for each in data_inputs(node)):
            behind.add(node.name)
    return behind


def _around_network(graph: Rewiring) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the operations before the first convolution and those behind the last."""
    order = _order(graph)
    behind = _behind_convolutions(order)
    computed = {INPUT.name.partition(":")[0]}
    for node in order:
        if any(each.node in computed for each in data_inputs(node)):
            computed.add(node.name)
    leads_on: set[str] = set()
    for node in reversed(order):
        if node.op in CONVOLUTIONS or node.name in leads_on:
            leads_on.update(each.node for each in data_inputs(node))
    before = (node.op for node in order if node.name in computed and node.name not in behind)
    after = (
        node.op
        for node in order
        if node.name in behind and node.name not in leads_on and node.op not in CONVOLUTIONS
    )
    return tuple(before), tuple(after)
