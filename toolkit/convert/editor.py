"""An ONNX graph that can be looked at and rewired; order and leftovers are `canonical_form`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.convert.canonical import reads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from onnx import ModelProto, NodeProto, TensorProto

FLOAT, UINT8, INT64, BOOL = 1, 2, 7, 9
"""ONNX's numbers of the types."""


class Editor:
    """A copy of a model, its tensors looked up by name.

    Nodes are added at the end and never removed: one that no output needs any more is passed over,
    and falls away when the model is brought to canonical form, which also puts nodes in order.

    Parameters
    ----------
    model : ModelProto
        Not changed.

    Attributes
    ----------
    model : ModelProto
        The copy, as edited so far.
    """

    def __init__(self, model: ModelProto) -> None:
        import onnx

        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        # they name shapes that edits make untrue
        del self.model.graph.value_info[:]
        self._producers: dict[str, NodeProto] = {
            name: node for node in self.model.graph.node for name in node.output if name
        }
        self._constants: dict[str, TensorProto] = {
            tensor.name: tensor for tensor in self.model.graph.initializer
        }

    @property
    def opset(self) -> int:
        """The default domain's operator set."""
        return int(next(entry.version for entry in self.model.opset_import if not entry.domain))

    def live(self) -> list[NodeProto]:
        """Return the nodes that an output needs, in the file's order."""
        needed = set()
        queue = [value.name for value in self.model.graph.output]
        while queue:
            node = self._producers.get(queue.pop())
            if node is not None and node.output[0] not in needed:
                needed.add(node.output[0])
                queue.extend(reads(node))
        return [node for node in self.model.graph.node if node.output[0] in needed]

    def ordered(self) -> list[NodeProto]:
        """Return the nodes that an output needs, each behind what it reads."""
        return self.in_order(self.live())

    def in_order(self, nodes: Iterable[NodeProto]) -> list[NodeProto]:
        """Return nodes so that each comes behind those of them that it reads."""
        wanted = {node.output[0]: node for node in nodes}
        place = {name: node.output[0] for node in wanted.values() for name in node.output}
        done: dict[str, NodeProto] = {}
        stack = [(name, False) for name in reversed(wanted)]
        while stack:
            name, read = stack.pop()
            if name in done:
                continue
            if read:
                done[name] = wanted[name]
                continue
            stack.append((name, True))
            stack.extend((place[each], False) for each in reads(wanted[name]) if each in place)
        return list(done.values())

    def nodes(self, operation: str) -> list[NodeProto]:
        """Return the live nodes of an operation, in the file's order."""
        return [node for node in self.live() if node.op_type == operation]

    def producer(self, name: str) -> NodeProto | None:
        """Return the node that makes a tensor; None of an input or a constant."""
        return self._producers.get(name)

    def maker(self, name: str) -> NodeProto:
        """Return the node that makes a tensor which is known to be computed."""
        return self._producers[name]

    def consumers(self, name: str) -> list[NodeProto]:
        """Return the live nodes that read a tensor."""
        return [node for node in self.live() if name in reads(node)]

    def ancestors(self, name: str, stop: str) -> list[NodeProto]:
        """Return the nodes that lead from one tensor to another, the last one first."""
        found: dict[str, NodeProto] = {}
        queue = [name]
        while queue:
            name = queue.pop()
            node = self.producer(name)
            if name == stop or node is None or node.output[0] in found:
                continue
            found[node.output[0]] = node
            queue.extend(node.input)
        return list(found.values())

    def constant(self, name: str) -> NDArray[Any] | None:
        """Return the value of a constant tensor; None where it is computed."""
        from onnx import numpy_helper

        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def attribute(self, node: NodeProto, key: str, default: Any = None) -> Any:
        """Return an attribute's value; text as bytes, as ONNX keeps it."""
        from onnx import helper

        for entry in node.attribute:
            if entry.name == key:
                return helper.get_attribute_value(entry)
        return default

    def is_linear_resize(self, node: NodeProto | None) -> bool:
        """Whether a node is a bilinear Resize with aligned corners."""
        return (
            node is not None
            and node.op_type == "Resize"
            and self.attribute(node, "mode") == b"linear"
            and self.attribute(node, "coordinate_transformation_mode") == b"align_corners"
        )

    def set_attribute(self, node: NodeProto, key: str, value: Any) -> None:
        """Set an attribute; None removes it."""
        from onnx import helper

        kept = [entry for entry in node.attribute if entry.name != key]
        del node.attribute[:]
        node.attribute.extend(kept)
        if value is not None:
            node.attribute.append(helper.make_attribute(key, value))

    def add(self, operation: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node of one output.

        Parameters
        ----------
        operation : str
        *inputs : str
        name : str
            What its output is to be called; by default a name of its own.
        **attributes

        Returns
        -------
        str
            The name of what it makes.
        """
        from onnx import helper

        name = name or f"toolkit/{operation}_{len(self.model.graph.node)}"
        return self.append(
            helper.make_node(operation, list(inputs), [name], name=name, **attributes)
        )

    def append(self, node: NodeProto) -> str:
        """Add a copy of a node of one output, and return the name of what it makes."""
        name: str = node.output[0]
        self.model.graph.node.append(node)
        self._producers[name] = self.model.graph.node[-1]
        return name

    def add_constant(self, value: NDArray[Any] | np.generic) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"toolkit/constant_{len(self._constants)}"
        tensor = numpy_helper.from_array(np.asarray(value), name)
        self.model.graph.initializer.append(tensor)
        self._constants[name] = tensor
        return name

    def integers(self, *values: int) -> str:
        """Add a vector of int64 and return its name."""
        return self.add_constant(np.array(values, np.int64))

    def cut(self, name: str, sizes: str) -> str:
        """Add the first rows and columns of an NCHW tensor.

        Parameters
        ----------
        name : str
        sizes : str
            A (2,) int64 tensor: how many rows and columns.
        """
        return self.add("Slice", name, self.integers(0, 0), sizes, self.integers(2, 3))

    def reread(self, nodes: Collection[NodeProto], old: str, new: str) -> None:
        """Make some nodes read another tensor in place of one."""
        for node in nodes:
            node.input[:] = [new if name == old else name for name in node.input]

    def redirect(self, old: str, new: str, *, but: Collection[str] = ()) -> None:
        """Make what reads one tensor read another.

        Parameters
        ----------
        old, new : str
        but : collection of str
            The nodes that make these go on reading the old one.
        """
        readers = [node for node in self.model.graph.node if old in node.input]
        self.reread([node for node in readers if node.output[0] not in but], old, new)
