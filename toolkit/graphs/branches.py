"""`tf.cond` without control flow: functions inlined, choices between sizes made arithmetic.

A condition in an exported graph chooses between two computations without side effects, mostly
between two sizes to resize the photo to. Both are computed, and the result is selected:

    Merge(Switch(a, p):0, Switch(b, p):1)              SelectV2(p, b, a)
    If(p, ...)                                         SelectV2(p, then, else)
    Merge(resize(image, a), resize(image, b))          resize(image, SelectV2(p, b, a))
    Merge(image, resize(image, b))                     resize(image, SelectV2(p, b, shape(image)))

A choice between anything larger stays a choice: it would cost what both branches cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import GraphError
from toolkit.graphs.operations import BODIES
from toolkit.graphs.rewiring import (
    Rewiring,
    Tensor,
    control_inputs,
    data_inputs,
    function_body,
    tensor_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tensorflow.compat.v1 import NodeDef

BOOL, INT32 = 10, 3
"""TensorFlow's numbers of the types."""

PREDICATE = "_predicate"
"""An attribute of a Merge made of an If; one of its own has its predicate from its Switches."""

RESIZES = frozenset({"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"})


class _Guard(NamedTuple):
    """What has to hold for a tensor to be computed."""

    predicate: Tensor
    value: bool


@dataclass(frozen=True)
class _Choice:
    """A tensor that is one of two."""

    result: Tensor
    predicate: Tensor
    if_true: Tensor
    if_false: Tensor


def inline_functions(
    graph: Rewiring,
    source: Path,
    *,
    keep: Iterable[str] = (),
    operations: Iterable[str] = tuple(BODIES),
) -> dict[str, str]:
    """Put the bodies of functions in the place of what runs them.

    Of an ``If`` both bodies are put there, and a ``Merge`` of each pair of results.

    Parameters
    ----------
    graph : Rewiring
        Changed in place.
    source : Path
        For messages.
    keep : iterable of str
        Nodes that stay.
    operations : iterable of str
        What runs functions; others stay.

    Returns
    -------
    dict of str to str
        By Merge made, the ``If`` that it came from.
    """
    kept = set(keep)
    replaced = set(operations)
    origin: dict[str, str] = {}
    while True:
        calls = [
            node
            for node in graph.nodes.values()
            if node.op in replaced and node.name not in kept and _is_plain(node)
        ]
        if not calls:
            return origin
        for node in calls:
            outer = origin.get(node.name, node.name)
            _inline(graph, node, source, origin, outer)


def _is_plain(node: NodeDef) -> bool:
    """Whether a call is unconditional, or its condition a bool and not a number."""
    return "Tcond" not in node.attr or node.attr["Tcond"].type == BOOL


def _inline(
    graph: Rewiring, node: NodeDef, source: Path, origin: dict[str, str], outer: str
) -> None:
    inputs = data_inputs(node)
    condition = None
    if node.op in ("If", "StatelessIf"):
        condition, *inputs = inputs
    results = [
        _body(graph, node.attr[key].func.name, inputs, f"{node.name}/{key}", source, origin, outer)
        for key in BODIES[node.op]
    ]
    changes = {}
    for index, found in enumerate(zip(*results, strict=True)):
        old = Tensor(node.name, index)
        if condition is None:
            changes[old] = found[0]
            continue
        if_true, if_false = found
        merge = graph.add("Merge", f"{node.name}/merge_{index}", (if_false, if_true))
        merged = graph.nodes[merge.node]
        merged.attr["T"].type = node.attr["Tout"].list.type[index]
        merged.attr["N"].i = 2
        merged.input.append(f"^{condition.node}")
        merged.attr[PREDICATE].s = str(condition).encode()
        origin[merge.node] = outer
        changes[old] = merge
    del graph.nodes[node.name]
    graph.redirect_all(changes)
    for other in graph.nodes.values():
        if PREDICATE in other.attr:
            tensor = tensor_of(other.attr[PREDICATE].s.decode())
            other.attr[PREDICATE].s = str(changes.get(tensor, tensor)).encode()


def _body(
    graph: Rewiring,
    function: str,
    arguments: list[Tensor],
    prefix: str,
    source: Path,
    origin: dict[str, str],
    outer: str,
) -> list[Tensor]:
    """Add a function's nodes and return its results."""
    definition = next(
        (item for item in graph.library.function if item.signature.name == function), None
    )
    if definition is None or len(definition.signature.input_arg) != len(arguments):
        raise GraphError(source, f"calls a function that it does not hold: {function!a}")
    body, flat = function_body(definition)
    places = {
        argument.name: tensor
        for argument, tensor in zip(definition.signature.input_arg, arguments, strict=True)
    }

    def outside(tensor: Tensor) -> Tensor:
        return places.get(tensor.node) or Tensor(f"{prefix}/{tensor.node}", tensor.output)

    for node in body:
        inputs = [outside(tensor) for tensor in data_inputs(node)]
        before = [name for name in control_inputs(node) if name not in places]
        node.name = f"{prefix}/{node.name}"
        del node.input[:]
        node.input.extend(str(tensor) for tensor in inputs)
        node.input.extend(f"^{prefix}/{name}" for name in before)
        graph.adopt(node)
        if node.op in BODIES:
            origin[node.name] = outer
    return [
        outside(flat(definition.ret[argument.name])) for argument in definition.signature.output_arg
    ]


def fold_choices(
    graph: Rewiring,
    shapes: Mapping[Tensor, tuple[int | None, ...] | None],
    wanted: Iterable[str],
    source: Path,
) -> list[str]:
    """Make the choices of a graph arithmetic.

    Parameters
    ----------
    graph : Rewiring
        Changed in place.
    shapes : mapping of Tensor to tuple or None
        Static shapes, None where not even the rank is known.
    wanted : iterable of str
        The nodes that are needed in the end.
    source : Path
        For messages.

    Returns
    -------
    list of str
        The Merges that stay, as what they choose between is larger than a size.

    Raises
    ------
    GraphError
        A Merge that no condition explains.
    """
    remaining = []
    changes: dict[Tensor, Tensor] = {}
    for choice in _choices(graph, wanted, source):
        folded = _resized(graph, choice) or _selected(graph, choice, shapes)
        if folded is None:
            remaining.append(choice)
        else:
            changes[choice.result] = folded
    predicates = {choice.predicate for choice in remaining}
    for node in graph.nodes.values():
        if node.op == "Switch":
            data, predicate = data_inputs(node)
            if _behind_identities(graph, predicate) not in predicates:
                changes[Tensor(node.name)] = changes[Tensor(node.name, 1)] = data
    graph.redirect_all(changes)
    return [choice.result.node for choice in remaining]


def _choices(graph: Rewiring, wanted: Iterable[str], source: Path) -> list[_Choice]:
    """Find every choice, inner ones before those that are made of them."""
    guards: dict[str, frozenset[_Guard]] = {}
    found = []
    for node in graph.ordered(wanted):
        inputs = data_inputs(node)
        given = [_guard_of(graph, guards, tensor) for tensor in inputs]
        given += [guards[name] for name in control_inputs(node)]
        if node.op != "Merge":
            guards[node.name] = frozenset[_Guard]().union(*given)
            continue
        if PREDICATE in node.attr:
            predicate = tensor_of(node.attr[PREDICATE].s.decode())
            if_false, if_true = inputs
            guards[node.name] = frozenset[_Guard]().union(*given)
        else:
            choice = _explained(inputs, given)
            if choice is None:
                raise GraphError(source, f"no condition explains its {node.op} {node.name!a}")
            predicate, if_true, if_false, guards[node.name] = choice
        result = Tensor(node.name)
        found.append(_Choice(result, predicate, if_true, if_false))
    return found


def _guard_of(
    graph: Rewiring, guards: Mapping[str, frozenset[_Guard]], tensor: Tensor
) -> frozenset[_Guard]:
    node = graph.nodes[tensor.node]
    if node.op != "Switch":
        return guards[tensor.node]
    predicate = _behind_identities(graph, data_inputs(node)[1])
    return guards[tensor.node] | {_Guard(predicate, tensor.output == 1)}


def _explained(
    inputs: list[Tensor], given: list[frozenset[_Guard]]
) -> tuple[Tensor, Tensor, Tensor, frozenset[_Guard]] | None:
    """Return predicate, the two tensors and what else has to hold; None where it is not plain."""
    if len(inputs) != 2:
        return None
    first, second = given[0], given[1]
    opposed = [guard for guard in first if _Guard(guard.predicate, not guard.value) in second]
    if len(opposed) != 1:
        return None
    (guard,) = opposed
    rest = (first | second) - {guard, _Guard(guard.predicate, not guard.value)}
    if_true, if_false = inputs if guard.value else inputs[::-1]
    return guard.predicate, if_true, if_false, rest


def _behind_identities(graph: Rewiring, tensor: Tensor) -> Tensor:
    while graph.nodes[tensor.node].op == "Identity":
        (tensor,) = data_inputs(graph.nodes[tensor.node])
    return tensor


def _selected(
    graph: Rewiring,
    choice: _Choice,
    shapes: Mapping[Tensor, tuple[int | None, ...] | None],
) -> Tensor | None:
    """Add the selection of two numbers or two lists of them; None where they are larger."""
    one, other = (shapes.get(tensor) for tensor in (choice.if_true, choice.if_false))
    if one is None or other is None or len(one) != len(other) or len(one) > 1:
        return None
    kind = graph.nodes[choice.result.node].attr["T"].type
    return graph.add(
        "SelectV2",
        f"{choice.result.node}/select",
        (choice.predicate, choice.if_true, choice.if_false),
        T=kind,
    )


class _Resize(NamedTuple):
    """A resize of an image, with what takes its batch dimension away and gives it back."""

    image: Tensor
    node: NodeDef | None
    size: Tensor | None
    squeezed: NodeDef | None


def _resized(graph: Rewiring, choice: _Choice) -> Tensor | None:
    """Add the resize to one of two sizes; None where the choice is between other things."""
    one, other = _as_resize(graph, choice.if_true), _as_resize(graph, choice.if_false)
    model = other if one.node is None else one
    if model.node is None or one.image != other.image or not _alike(one, other):
        return None
    name = f"{choice.result.node}/resize"
    rows = 1 if model.squeezed is None else 0
    sizes = [each.size or _size_of(graph, model.image, rows, name) for each in (one, other)]
    size = graph.add("SelectV2", f"{name}/size", (choice.predicate, *sizes), T=INT32)
    resize = _copy(graph, model.node, f"{name}/image")
    resize.input[1] = str(size)
    if model.squeezed is None:
        return Tensor(resize.name)
    squeeze = _copy(graph, model.squeezed, f"{name}/squeezed")
    squeeze.input[0] = resize.name
    return Tensor(squeeze.name)


def _as_resize(graph: Rewiring, tensor: Tensor) -> _Resize:
    """Take a tensor apart: ``[Squeeze of] a resize of [ExpandDims of] an image``."""
    image = _behind_choices(graph, tensor)
    node = graph.nodes[image.node]
    squeezed = node if node.op == "Squeeze" else None
    if squeezed is not None:
        node = graph.nodes[_behind_choices(graph, data_inputs(squeezed)[0]).node]
    if node.op not in RESIZES:
        return _Resize(image, None, None, None)
    inner, size = data_inputs(node)
    inner = _behind_choices(graph, inner)
    if squeezed is not None:
        expanded = graph.nodes[inner.node]
        if expanded.op != "ExpandDims":
            return _Resize(image, None, None, None)
        inner = _behind_choices(graph, data_inputs(expanded)[0])
    return _Resize(inner, node, size, squeezed)


def _behind_choices(graph: Rewiring, tensor: Tensor) -> Tensor:
    """Return what a tensor is behind Identities and Switches."""
    while graph.nodes[tensor.node].op in ("Identity", "Switch"):
        tensor = data_inputs(graph.nodes[tensor.node])[0]
    return tensor


def _alike(one: _Resize, other: _Resize) -> bool:
    """Whether two resizes are of one kind; no resize is like any."""
    if one.node is None or other.node is None:
        return True
    keys = ("align_corners", "half_pixel_centers", "T")
    return (
        one.node.op == other.node.op
        and (one.squeezed is None) == (other.squeezed is None)
        and all(one.node.attr[key] == other.node.attr[key] for key in keys)
    )


def _size_of(graph: Rewiring, image: Tensor, rows: int, name: str) -> Tensor:
    """Add height and width of an image; `rows` is the dimension that counts its rows."""
    import numpy as np

    source = graph.nodes[image.node]
    kinds = (source.attr[key].type for key in ("DstT", "T", "dtype") if key in source.attr)
    shape = graph.add("Shape", f"{name}/shape", (image,), T=next(kinds), out_type=INT32)
    begin = graph.add_constant(np.array([rows], np.int32), f"{name}/begin")
    count = graph.add_constant(np.array([2], np.int32), f"{name}/count")
    return graph.add("Slice", f"{name}/own_size", (shape, begin, count), T=INT32, Index=INT32)


def _copy(graph: Rewiring, node: NodeDef, name: str) -> NodeDef:
    mine = type(node)()
    mine.CopyFrom(node)
    mine.name = graph.free_name(name)
    return graph.adopt(mine)
