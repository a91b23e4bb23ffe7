"""A GraphDef that can be looked at and rewired, its nodes looked up by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef, NodeDef
    from tensorflow.core.framework.function_pb2 import FunctionDef


class Tensor(NamedTuple):
    """One output of a node."""

    node: str
    output: int = 0

    def __str__(self) -> str:
        return f"{self.node}:{self.output}" if self.output else self.node


def data_inputs(node: NodeDef) -> list[Tensor]:
    """Return the tensors that a node reads; control inputs come behind them and are left out."""
    return [tensor_of(name) for name in node.input if not name.startswith("^")]


def control_inputs(node: NodeDef) -> list[str]:
    """Return the nodes that have to run before a node."""
    return [name[1:] for name in node.input if name.startswith("^")]


def tensor_of(name: str) -> Tensor:
    """Parse a node's input.

    >>> tensor_of("cond/Switch:1")
    Tensor(node='cond/Switch', output=1)
    """
    node, _, index = name.partition(":")
    return Tensor(node, int(index or 0))


def function_body(function: FunctionDef) -> tuple[list[NodeDef], Callable[[str], Tensor]]:
    """Return copies of a function's nodes, their inputs named as in a graph.

    A function names a tensor by the operation's output, ``node:output:index``, an argument by its
    name alone.

    Parameters
    ----------
    function : FunctionDef
        Not changed. The functions that it calls need not be known to TensorFlow.

    Returns
    -------
    list of NodeDef
        In the function's order; arguments have no node.
    callable
        Returns the tensor that a name inside of the function means.

    Raises
    ------
    ValueError
        A tensor or an operation does not exist.
    """
    offsets = {node.name: _output_offsets(node) for node in function.node_def}

    def flat(name: str) -> Tensor:
        node, *output = name.split(":")
        if not output:
            return Tensor(node)
        if len(output) != 2 or output[0] not in offsets.get(node, {}):
            raise ValueError(f"{name} is read and does not exist")
        return Tensor(node, offsets[node][output[0]] + int(output[1]))

    nodes = []
    for original in function.node_def:
        node = type(original)()
        node.CopyFrom(original)
        for place, name in enumerate(node.input):
            if name[0] != "^":
                node.input[place] = str(flat(name))
        nodes.append(node)
    return nodes, flat


def _output_offsets(node: NodeDef) -> dict[str, int]:
    """Return the number of the first tensor of each of an operation's outputs."""
    from tensorflow.python.framework import op_def_registry

    operation = op_def_registry.get(node.op)
    if operation is None:
        raise ValueError(f"TensorFlow has no operation {node.op}")
    offsets = {}
    count = 0
    for output in operation.output_arg:
        offsets[output.name] = count
        if output.number_attr:
            count += node.attr[output.number_attr].i
        elif output.type_list_attr:
            count += len(node.attr[output.type_list_attr].list.type)
        else:
            count += 1
    return offsets


class Rewiring:
    """A copy of a GraphDef under change.

    Parameters
    ----------
    graph_def : GraphDef
        Not changed.

    Attributes
    ----------
    nodes : dict of str to NodeDef
        By name, in the file's order.
    library : FunctionDefLibrary
        A copy of the graph's functions.
    """

    def __init__(self, graph_def: GraphDef) -> None:
        self._type = type(graph_def)
        self._copy = self._type()
        self._copy.CopyFrom(graph_def)
        self.nodes: dict[str, NodeDef] = {node.name: node for node in self._copy.node}
        self.library = self._copy.library

    def add(self, operation: str, name: str, inputs: Iterable[Tensor], **types: int) -> Tensor:
        """Add a node.

        Parameters
        ----------
        operation, name : str
        inputs : iterable of Tensor
        **types : int
            Attributes that are dtypes, as TensorFlow numbers them.

        Returns
        -------
        Tensor
            Its first output.
        """
        node = self._copy.node.add(op=operation, name=self.free_name(name))
        node.input.extend(str(tensor) for tensor in inputs)
        for key, value in types.items():
            node.attr[key].type = value
        self.nodes[node.name] = node
        return Tensor(node.name)

    def adopt(self, node: NodeDef) -> NodeDef:
        """Add a copy of a node under its own name, and return it."""
        mine = self._copy.node.add()
        mine.CopyFrom(node)
        self.nodes[mine.name] = mine
        return mine

    def add_constant(self, value: Any, name: str) -> Tensor:
        """Add a constant.

        Parameters
        ----------
        value : ndarray
        name : str
        """
        from tensorflow.compat.v1 import make_tensor_proto

        tensor = self.add("Const", name, ())
        node = self.nodes[tensor.node]
        proto = make_tensor_proto(value)
        node.attr["value"].tensor.CopyFrom(proto)
        node.attr["dtype"].type = proto.dtype
        return tensor

    def free_name(self, name: str) -> str:
        """Return a name that no node has."""
        count = 0
        found = name
        while found in self.nodes:
            count += 1
            found = f"{name}_{count}"
        return found

    def redirect(self, old: Tensor, new: Tensor, *, but: Collection[str] = ()) -> None:
        """Make what reads one tensor read another, except some nodes."""
        self.redirect_all({old: new}, but=but)

    def redirect_all(self, changes: dict[Tensor, Tensor], *, but: Collection[str] = ()) -> None:
        """Make what reads some tensors read others; chains of changes are followed.

        Raises
        ------
        ValueError
            The changes lead in a circle.
        """
        for node in self.nodes.values():
            if node.name in but:
                continue
            for place, name in enumerate(node.input):
                if name[0] == "^":
                    continue
                tensor = tensor_of(name)
                steps = 0
                while tensor in changes:
                    tensor = changes[tensor]
                    steps += 1
                    if steps > len(changes):
                        raise ValueError(f"{tensor} reads itself")
                node.input[place] = str(tensor)

    def ordered(self, wanted: Iterable[str]) -> Iterator[NodeDef]:
        """Yield the nodes that some need, each behind all it reads.

        Raises
        ------
        ValueError
            They read each other in a circle, or read a node that does not exist.
        """
        done: set[str] = set()
        open_ = set()
        stack = [(name, False) for name in reversed(list(wanted))]
        while stack:
            name, read = stack.pop()
            if read:
                open_.discard(name)
                done.add(name)
                yield self.nodes[name]
                continue
            if name in done:
                continue
            if name in open_:
                raise ValueError(f"{name} reads itself")
            if name not in self.nodes:
                raise ValueError(f"{name} is read and does not exist")
            open_.add(name)
            stack.append((name, True))
            node = self.nodes[name]
            needed = [*(tensor.node for tensor in data_inputs(node)), *control_inputs(node)]
            stack.extend((each, False) for each in reversed(needed) if each not in done)

    def graph_def(self, wanted: Iterable[str]) -> GraphDef:
        """Return a GraphDef of what some nodes need, in order, with the functions it still runs."""
        from toolkit.graphs.operations import called

        result = self._type()
        result.versions.CopyFrom(self._copy.versions)
        result.node.extend(self.ordered(wanted))
        bodies = {item.signature.name: item for item in self.library.function}
        queue = [name for node in result.node for name in called(node)]
        kept: set[str] = set()
        while queue:
            name = queue.pop()
            if name not in kept and name in bodies:
                kept.add(name)
                queue.extend(each for node in bodies[name].node_def for each in called(node))
        result.library.function.extend(
            item for item in self.library.function if item.signature.name in kept
        )
        return result
