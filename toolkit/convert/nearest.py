"""Nearest-neighbor resizing that takes the very pixels TensorFlow takes.

Where an output pixel lies exactly between two input pixels, rounding alone decides which one it
gets. TensorFlow rounds ``float32(place) * float32(scale)``; runtimes compute the place of ONNX's
Resize in another order, so that at some sizes a whole row of the label map comes from the
neighboring row. These nodes are replaced by TensorFlow's own arithmetic and a Gather.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def exact_nearest(model: ModelProto) -> ModelProto:
    """Replace every nearest-neighbor Resize by TensorFlow's arithmetic.

    Both of TF1's kinds are known, with aligned corners and without; one of TF2's half-pixel kind is
    left as it is.

    Parameters
    ----------
    model : ModelProto
        From tf2onnx: such a node resizes (1, C, h, w) to sizes given as its fourth input. Not
        changed.

    Returns
    -------
    ModelProto
        The same but for these nodes; unchanged where there are none.
    """
    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        settings = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        if node.op_type == "Resize" and settings.get("mode", b"nearest") == b"nearest":
            kind = settings.get("coordinate_transformation_mode")
            if kind in (b"align_corners", b"asymmetric"):
                nodes.extend(_Replacement(node, result, aligned=kind == b"align_corners").nodes)
                continue
        nodes.append(node)
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


class _Replacement:
    """The nodes that stand for one Resize."""

    def __init__(self, resize: NodeProto, model: ModelProto, *, aligned: bool) -> None:
        self.nodes: list[NodeProto] = []
        self._prefix = f"{resize.output[0]}/nearest"
        self._model = model
        self._place = self._rounded_place if aligned else self._cut_place
        image, _, _, sizes = resize.input
        shape = self._add("Shape", image)
        # Whole rows are picked, of the image and of the image turned round, as runtimes pick single
        # pixels one by one. Reshape does nothing but stop ONNX Runtime from moving the last
        # Transpose on, to where it costs more.
        rows = self._gather(image, shape, sizes, axis=2)
        turned = self._add("Transpose", rows, perm=[0, 1, 3, 2])
        columns = self._gather(turned, shape, sizes, axis=3)
        self._add("Reshape", self._add("Transpose", columns, perm=[0, 1, 3, 2]), sizes)
        self.nodes[-1].output[0] = resize.output[0]

    def _gather(self, image: str, shape: str, sizes: str, *, axis: int) -> str:
        """Pick, of the rows, those that rows (2) or columns (3) of the old and new size have."""
        where = self._constant(np.int64(axis))
        old, new = self._add("Gather", shape, where), self._add("Gather", sizes, where)
        zero, one = self._constant(np.int64(0)), self._constant(np.int64(1))
        counted = self._float(self._add("Range", zero, new, one))
        last = self._add("Sub", self._float(old), self._constant(np.float32(1)))
        place = self._place(counted, self._float(old), self._float(new))
        index = self._add("Cast", self._add("Min", place, last), to=7)  # INT64
        return self._add("Gather", image, index, axis=2)

    def _rounded_place(self, counted: str, old: str, new: str) -> str:
        """With aligned corners: ``round(arange(n) * ((m - 1) / (n - 1)))``, halves up."""
        one, half = self._constant(np.float32(1)), self._constant(np.float32(0.5))
        # A single output pixel is the first input pixel, whatever the scale.
        steps = self._add("Max", self._add("Sub", new, one), one)
        exact = self._add("Mul", counted, self._add("Div", self._add("Sub", old, one), steps))
        below = self._add("Floor", exact)
        # Not floor(x + 0.5): that sum rounds up just below the half.
        stays = self._add("Less", self._add("Sub", exact, below), half)
        return self._add("Add", below, self._float(self._add("Not", stays)))

    def _cut_place(self, counted: str, old: str, new: str) -> str:
        """Without: ``floor(arange(n) * (m / n))``."""
        return self._add("Floor", self._add("Mul", counted, self._add("Div", old, new)))

    def _float(self, name: str) -> str:
        return self._add("Cast", name, to=1)  # FLOAT

    def _add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        import onnx

        name = f"{self._prefix}_{len(self.nodes)}"
        node = onnx.helper.make_node(operation, list(inputs), [name], name=name, **attributes)
        self.nodes.append(node)
        return name

    def _constant(self, value: np.generic) -> str:
        import onnx

        initializers = self._model.graph.initializer
        name = f"{self._prefix}_constant_{len(initializers)}"
        initializers.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name
