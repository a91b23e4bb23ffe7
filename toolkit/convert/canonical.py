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
        A model without control flow. Not changed.

    Returns
    -------
    ModelProto
        The same computation. Nodes are named by operation and place (``Conv_12``), equal constants
        are shared, what no output needs is gone, and intermediate shapes are left out.

    Raises
    ------
    BackendError
        The model has control flow: its subgraphs read outer names.
    """
    import onnx

    graph = model.graph
    walk = _Walk(graph)
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


class _Walk:
    """A depth-first walk that emits each node after everything it reads."""

    def __init__(self, graph: GraphProto) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[bytes, TensorProto] = {}
        self._fixed = {value.name for value in (*graph.input, *graph.output)}
        self._names = {value.name: value.name for value in graph.input}
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
            waiting = [read for read in reversed(node.input) if read and read not in self._names]
            if waiting:
                stack.extend(waiting)
            else:
                self._emit(node)
                stack.pop()

    def _emit_constant(self, tensor: TensorProto) -> None:
        from onnx import numpy_helper

        plain = numpy_helper.from_array(numpy_helper.to_array(tensor))  # one way of storing values
        key = plain.SerializeToString(deterministic=True)
        plain.name = f"constant_{len(self.constants)}"
        self._names[tensor.name] = self.constants.setdefault(key, plain).name

    def _emit(self, node: NodeProto) -> None:
        from onnx import NodeProto

        if any(entry.HasField("g") or entry.graphs for entry in node.attribute):
            raise BackendError(
                f"tf2onnx made control flow ({node.op_type}) of this graph",
                "control flow has no canonical form here; export with tf2onnx itself",
            )
        name = f"{node.op_type}_{len(self.nodes)}"
        outputs = []
        for place, output in enumerate(node.output):
            if output and output not in self._fixed:
                self._names[output] = name if place == 0 else f"{name}_{place}"
            elif output:
                self._names[output] = output
            outputs.append(self._names[output] if output else "")
        self.nodes.append(
            NodeProto(
                name=name,
                op_type=node.op_type,
                domain=node.domain,
                input=[self._names[read] if read else "" for read in node.input],
                output=outputs,
                attribute=sorted(node.attribute, key=attrgetter("name")),
            )
        )
