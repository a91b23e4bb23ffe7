"""The canonical form of an ONNX model: the same computation gives the same bytes in any process.

tf2onnx names and orders what it makes differently from process to process, with `PYTHONHASHSEED`
set or not, and may or may not share equal constants. Here names and order follow from the graph's
structure alone: a walk from the outputs, inputs before the nodes that read them.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from toolkit.errors import BackendError

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        GraphProto,
        ModelProto,
        NodeProto,
        TensorProto,
    )


def canonical_form(model: ModelProto) -> ModelProto:
    """Rename and reorder everything but the model's own inputs and outputs.

    Parameters
    ----------
    model : ModelProto
        Not changed.

    Returns
    -------
    ModelProto
        The same computation. Nodes are named by operation and place (``Conv_12``), equal constants
        are shared, what no output needs is gone, and intermediate shapes are left out. The same
        goes for the branches of an ``If``, whose nodes are named after it.

    Raises
    ------
    BackendError
        The model has a loop.
    """
    import onnx

    graph = model.graph
    walk = _Walk(graph, {value.name: value.name for value in (*graph.input, *graph.output)})
    for output in graph.output:
        walk.visit(output.name)
    result = onnx.GraphProto(name="toolkit")
    result.node.extend(walk.nodes)
    result.initializer.extend(walk.constants.values())
    result.input.extend(graph.input)
    result.output.extend(graph.output)
    domains = {node.domain for node in walk.nodes}
    return onnx.ModelProto(
        ir_version=model.ir_version,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
        graph=result,
        opset_import=sorted(
            (entry for entry in model.opset_import if entry.domain in domains),
            key=attrgetter("domain"),
        ),
    )


def captured(graph: GraphProto) -> list[str]:
    """Return the names that a branch reads from around it, in the order in which it reads them."""
    own = {value.name for value in graph.input} | {each.name for each in graph.initializer}
    found: dict[str, None] = {}
    for node in graph.node:
        found.update((name, None) for name in reads(node) if name not in own)
        own.update(node.output)
    for value in graph.output:
        if value.name not in own:
            found[value.name] = None
    return list(found)


def reads(node: NodeProto) -> list[str]:
    """Return the names that a node reads, in its branches too."""
    inner = (name for branch in branches(node) for name in captured(branch))
    return [name for name in (*node.input, *inner) if name]


def branches(node: NodeProto) -> list[GraphProto]:
    """Return the graphs in a node's attributes."""
    return [entry.g for entry in node.attribute if entry.HasField("g")]


class _Walk:
    """A depth-first walk that emits each node after everything it reads.

    Parameters
    ----------
    graph : GraphProto
    fixed : dict of str to str
        New names that are not made here: of inputs and outputs.
    outer : dict of str to str, optional
        Of a branch, the new names of what lies around it.
    prefix : str
        Before the names of a branch's nodes.
    """

    def __init__(
        self,
        graph: GraphProto,
        fixed: dict[str, str],
        outer: dict[str, str] | None = None,
        prefix: str = "",
    ) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[bytes, TensorProto] = {}
        self._prefix = prefix
        self._fixed = fixed
        self._names = {**(outer or {}), **{value.name: fixed[value.name] for value in graph.input}}
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._producers = {name: node for node in graph.node for name in node.output if name}

    def visit(self, wanted: str) -> None:
        # A stack of its own: the chain is deeper than Python's recursion limit allows for.
        stack = [wanted]
        while stack:
            name = stack[-1]
            if name in self._names or not name:
                stack.pop()
                continue
            if name in self._initializers:
                self._emit_constant(self._initializers[name])
                stack.pop()
                continue
            node = self._producers[name]
            waiting = [each for each in reversed(reads(node)) if each not in self._names]
            if waiting:
                stack.extend(waiting)
            else:
                self._emit(node)
                stack.pop()

    def _emit_constant(self, tensor: TensorProto) -> None:
        from onnx import numpy_helper

        plain = numpy_helper.from_array(numpy_helper.to_array(tensor))  # one way of storing values
        key = plain.SerializeToString(deterministic=True)
        plain.name = f"{self._prefix}constant_{len(self.constants)}"
        self._names[tensor.name] = self.constants.setdefault(key, plain).name

    def _emit(self, node: NodeProto) -> None:
        from onnx import NodeProto

        if branches(node) and node.op_type != "If":
            raise BackendError(
                f"tf2onnx made a loop ({node.op_type}) of this graph",
                "loops have no canonical form here; export with tf2onnx itself",
            )
        name = f"{self._prefix}{node.op_type}_{len(self.nodes)}"
        attributes = [self._renamed(entry, name) for entry in node.attribute]
        outputs = []
        for place, output in enumerate(node.output):
            if output:
                new = name if place == 0 else f"{name}_{place}"
                self._names[output] = self._fixed.get(output, new)
            outputs.append(self._names[output] if output else "")
        self.nodes.append(
            NodeProto(
                name=name,
                op_type=node.op_type,
                domain=node.domain,
                input=[self._names[read] if read else "" for read in node.input],
                output=outputs,
                attribute=sorted(attributes, key=attrgetter("name")),
            )
        )

    def _renamed(self, entry: AttributeProto, owner: str) -> AttributeProto:
        """Return an attribute; a branch in it in canonical form."""
        from onnx import AttributeProto, GraphProto, helper

        if not entry.HasField("g"):
            return entry
        prefix = f"{owner}/{entry.name}/"
        names = [f"{prefix}output_{place}" for place in range(len(entry.g.output))]
        walk = _Walk(entry.g, {}, self._names, prefix)
        result = GraphProto(name=f"{owner}/{entry.name}")
        for value, name in zip(entry.g.output, names, strict=True):
            walk.visit(value.name)
            # an output may be what the branch captures, so each gets a node of its own
            walk.nodes.append(
                helper.make_node("Identity", [walk._names[value.name]], [name], name=name)
            )
            described = result.output.add()
            described.CopyFrom(value)
            described.name = name
        result.node.extend(walk.nodes)
        result.initializer.extend(walk.constants.values())
        return AttributeProto(name=entry.name, type=entry.type, g=result)
