"""The variables of a graph made constants: read directly, by handles, and in functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import GraphError
from toolkit.graphs.checkpoint import Checkpoint
from toolkit.graphs.operations import BODIES, called
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs

if TYPE_CHECKING:
    from tensorflow.compat.v1 import NodeDef


def freeze_variables(
    graph: Rewiring, keys: Mapping[str, str], values: Checkpoint, source: Path
) -> None:
    """Make constants of a graph's variables, and let what reads them read their values.

    Parameters
    ----------
    graph : Rewiring
        Calls are inlined already.
    keys : mapping of str to str
        The checkpoint's key of each variable, by its node.
    values : Checkpoint
    source : Path
        For messages.

    Raises
    ------
    GraphError
        A variable has no value, or one of another type or shape; or a function runs on variables of
        two types.
    """
    _Freezing(graph, keys, values, source).run()


def behind_identities(graph: Rewiring, tensor: Tensor) -> Tensor:
    """Return the tensor that Identities pass on."""
    for _ in graph.nodes:
        node = graph.nodes.get(tensor.node)
        if node is None or node.op != "Identity":
            break
        (tensor,) = data_inputs(node)
    return tensor


class _Freezing:
    """Variables of a graph on their way to constants."""

    def __init__(
        self, graph: Rewiring, keys: Mapping[str, str], values: Checkpoint, source: Path
    ) -> None:
        self.graph = graph
        self.keys = keys
        self.values = values
        self.source = source
        self.functions = {item.signature.name: item for item in graph.library.function}
        self.done: dict[str, tuple[int, ...]] = {}

    def run(self) -> None:
        handles = {}
        for node in self.graph.nodes.values():
            if node.op in ("Variable", "VariableV2"):
                self._make_constant(node)
            elif node.op == "VarHandleOp":
                self._make_constant(node)
                handles[Tensor(node.name)] = node.attr["dtype"].type
        self._replace_reads(handles)

    def _make_constant(self, node: NodeDef) -> None:
        from tensorflow.compat.v1 import make_tensor_proto

        variable = node.name
        if variable not in self.keys:
            raise GraphError(
                self.source,
                f"nothing restores its variable {variable!a}",
                "save it with its variables",
            )
        value = self.values.read(self.keys[variable])
        shape = node.attr["shape"].shape
        sides = tuple(side.size for side in shape.dim)
        proto = make_tensor_proto(value)
        if proto.dtype != node.attr["dtype"].type or (
            not shape.unknown_rank
            and (
                len(sides) != value.ndim
                or any(a not in (-1, b) for a, b in zip(sides, value.shape, strict=True))
            )
        ):
            raise GraphError(
                self.source,
                f"its variable {variable!a} has another type or shape in the checkpoint",
                "get the SavedModel again",
            )
        node.op = "Const"
        node.attr.clear()
        node.attr["dtype"].type = proto.dtype
        node.attr["value"].tensor.CopyFrom(proto)

    def _replace_reads(self, handles: Mapping[Tensor, int]) -> None:
        """Make what reads a variable, directly or in a branch, read its value."""
        changes = {}
        for node in self.graph.nodes.values():
            inputs = [behind_identities(self.graph, tensor) for tensor in data_inputs(node)]
            if node.op == "ReadVariableOp" and inputs and inputs[0] in handles:
                changes[Tensor(node.name)] = inputs[0]
            elif node.op in BODIES:
                types = {place: handles[it] for place, it in enumerate(inputs) if it in handles}
                for place in types:
                    node.input[place] = str(inputs[place])
                self._retype(node, types)
        self.graph.redirect_all(changes)

    def _retype(self, node: NodeDef, types: Mapping[int, int]) -> None:
        """Have a call take values in the place of handles, by the number of its input."""
        if not types:
            return
        shift = 1 if node.op in ("If", "StatelessIf") else 0  # the condition comes first
        arguments = {place - shift: kind for place, kind in types.items()}
        for place, kind in arguments.items():
            node.attr["Tin"].list.type[place] = kind
        for name in called(node):
            self._specialize(name, arguments)

    def _specialize(self, name: str, types: Mapping[int, int]) -> None:
        """Rewrite a function so that some arguments are values and no longer handles."""
        function = self.functions[name]
        for place, kind in types.items():
            function.signature.input_arg[place].type = kind
        signature = tuple(argument.type for argument in function.signature.input_arg)
        if self.done.setdefault(name, signature) != signature:
            raise GraphError(self.source, f"its function {name!a} runs on variables of two types")
        values = {function.signature.input_arg[place].name: kind for place, kind in types.items()}
        renamed = {}
        for node in function.node_def:
            given = {place: values[it] for place, it in enumerate(node.input) if it in values}
            if node.op == "ReadVariableOp" and given:
                kind = given[0]
                node.op = "Identity"
                node.attr.clear()
                node.attr["T"].type = kind
                renamed[f"{node.name}:value:0"] = f"{node.name}:output:0"
            elif node.op == "Identity" and given:
                node.attr["T"].type = given[0]
                values[f"{node.name}:output:0"] = given[0]
            elif node.op in BODIES:
                self._retype(node, given)
        for node in function.node_def:
            for place, name_ in enumerate(node.input):
                node.input[place] = renamed.get(name_, name_)
        for key, name_ in function.ret.items():
            function.ret[key] = renamed.get(name_, name_)
