"""The normal form of a frozen graph: the same label map from fewer kinds of nodes.

Exporters of different years write the same network differently. Here what says nothing about the
label map goes, so that the converter and its passes see one layout:

- functions are inlined, and what `tf.cond` chooses is made arithmetic (`branches`);
- Asserts, control inputs, Identities, devices and unused outputs are gone;
- a resize to the size that a map has already is gone;
- fake quantization is written out as the arithmetic that TensorFlow does (`fake_quantization`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import GraphError
from toolkit.graphs.anatomy import find_anatomy
from toolkit.graphs.branches import PREDICATE, fold_choices, inline_functions
from toolkit.graphs.fake_quantization import expand_fake_quantization
from toolkit.graphs.loading import import_tensorflow
from toolkit.graphs.network import OUTPUT
from toolkit.graphs.operations import BODIES
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs

if TYPE_CHECKING:
    from collections.abc import Collection

    from tensorflow.compat.v1 import GraphDef, NodeDef

TRANSPARENT = frozenset(
    {
        "CheckNumerics",
        "EnsureShape",
        "Identity",
        "IdentityN",
        "PlaceholderWithDefault",
        "PreventGradient",
        "Snapshot",
        "StopGradient",
    }
)
"""They give what they read."""

RESULT = OUTPUT.name.partition(":")[0]
"""The node that everything is needed for."""

Shape = tuple[int | None, ...] | None


def normal_form(
    graph_def: GraphDef, crop: tuple[int, int], source: Path, *, rounding: bool = True
) -> GraphDef:
    """Return the normal form of a graph that keeps the contract.

    Parameters
    ----------
    graph_def : GraphDef
        Of allowed operations. Not changed.
    crop : (int, int)
        Height and width of the network's crop.
    source : Path
        For messages.
    rounding : bool
        Whether fake quantization of maps is kept; without it their ranges alone are.

    Returns
    -------
    GraphDef
        With the two tensors; what else it gave is gone.

    Raises
    ------
    GraphError
        Its nodes read each other in a circle, or no condition explains a choice in it.
    """
    graph = simplify(graph_def, source, rounding=rounding)
    _drop_equal_resizes(graph, crop)
    return graph.graph_def([RESULT])


def simplify(graph_def: GraphDef, source: Path, *, rounding: bool = True) -> Rewiring:
    """Return the normal form but for resizes that only the crop tells to be of no effect.

    Parameters
    ----------
    graph_def, source, rounding
        As in `normal_form`.

    Raises
    ------
    GraphError
        As in `normal_form`.
    """
    graph = Rewiring(graph_def)
    for node in graph.nodes.values():
        node.device = ""
        for key in ("_class", "_output_shapes", PREDICATE):
            node.attr.pop(key, None)
    try:
        graph = _without_branches(graph, source)
        _strip(graph)
        expand_fake_quantization(graph, rounding=rounding)
        return Rewiring(graph.graph_def([RESULT]))
    except ValueError as error:  # a circle, or a node that is not there
        reason = str(error).splitlines()[0]
        raise GraphError(source, f"its nodes can't be followed: {reason}") from error


def _without_branches(graph: Rewiring, source: Path) -> Rewiring:
    """Return the graph with every choice folded that can be; an If that can't be stays an If."""
    kept: set[str] = set()
    if not any(node.op in {*BODIES, "Merge"} for node in graph.nodes.values()):
        return graph
    while True:
        trial = Rewiring(graph.graph_def([RESULT]))
        origin = inline_functions(trial, source, keep=kept)
        shapes = static_shapes(trial.graph_def([RESULT]))
        remaining = fold_choices(trial, shapes, [RESULT], source)
        again = {origin[name] for name in remaining if name in origin} - kept
        if not again:
            return trial
        kept |= again


def _strip(graph: Rewiring) -> None:
    """Take out what no tensor depends on, and what gives what it reads."""
    chosen = any(node.op in ("Merge", "Switch") for node in _read_by(graph, RESULT))
    # a Switch that stays tells by control inputs what belongs to its branches
    dropped = {name for name in graph.nodes if _is_check(graph, name)} if chosen else None
    changes = {}
    for node in graph.nodes.values():
        _drop_control_inputs(node, dropped)
        if node.op in TRANSPARENT and node.name != RESULT:
            inputs = data_inputs(node)
            if not (chosen and any(graph.nodes[each.node].op == "Switch" for each in inputs)):
                changes.update(
                    {Tensor(node.name, index): each for index, each in enumerate(inputs)}
                )
    graph.redirect_all(changes)
    for body in graph.library.function:
        checks = {node.name for node in body.node_def if node.op == "Assert"}
        for node in body.node_def:
            _drop_control_inputs(node, checks)
        kept = [node for node in body.node_def if node.op != "Assert"]
        del body.node_def[:]
        body.node_def.extend(kept)
        for key in [key for key, name in body.control_ret.items() if name in checks]:
            del body.control_ret[key]


def _read_by(graph: Rewiring, name: str) -> list[NodeDef]:
    """Return what a node's value is made of: everything but what only has to run before."""
    found = {name: graph.nodes[name]}
    queue = [name]
    while queue:
        for tensor in data_inputs(found[queue.pop()]):
            if tensor.node not in found:
                found[tensor.node] = graph.nodes[tensor.node]
                queue.append(tensor.node)
    return list(found.values())


def _is_check(graph: Rewiring, name: str) -> bool:
    return graph.nodes[name].op in ("Assert", "NoOp", "CheckNumerics")


def _drop_control_inputs(node: NodeDef, names: Collection[str] | None = None) -> None:
    """Take control inputs from a node: all of them, or those on some nodes."""
    kept = [
        name
        for name in node.input
        if name[0] != "^" or (names is not None and name[1:] not in names)
    ]
    del node.input[:]
    node.input.extend(kept)


def _drop_equal_resizes(graph: Rewiring, crop: tuple[int, int]) -> None:
    """Take out bilinear resizes with aligned corners to the size that a map has already."""
    entries = find_anatomy(graph, RESULT).entries
    if len(entries) != 1:
        return
    shapes = static_shapes(graph.graph_def([RESULT]), entries[0], (1, *crop, 3))
    changes = {}
    for node in graph.nodes.values():
        if node.op == "ResizeBilinear" and node.attr["align_corners"].b:
            read = data_inputs(node)[0]
            before, behind = shapes.get(read), shapes.get(Tensor(node.name))
            if before is not None and before == behind and None not in before[1:3]:
                changes[Tensor(node.name)] = read
    graph.redirect_all(changes)


def static_shapes(
    graph_def: GraphDef, known: Tensor | None = None, shape: Shape = None
) -> dict[Tensor, Shape]:
    """Return the shapes that TensorFlow infers without running a graph.

    Parameters
    ----------
    graph_def : GraphDef
    known : Tensor, optional
        One whose shape is known from elsewhere.
    shape : tuple of int, optional
        That shape.

    Returns
    -------
    dict of Tensor to tuple or None
        None where not even the rank is known.
    """
    tf = import_tensorflow()
    loaded = tf.Graph()
    with loaded.as_default():
        given = {}
        if known is not None:
            given[f"{known.node}:{known.output}"] = tf.compat.v1.placeholder(
                tf.float32, shape, name="known"
            )
        tf.import_graph_def(graph_def, given, name="shapes")
    found: dict[Tensor, Shape] = {}
    for operation in loaded.get_operations():
        name = operation.name.removeprefix("shapes/")
        for index, tensor in enumerate(operation.outputs):
            rank = tensor.shape.rank
            found[Tensor(name, index)] = None if rank is None else tuple(tensor.shape.as_list())
    if known is not None:
        found[known] = shape
    return found
