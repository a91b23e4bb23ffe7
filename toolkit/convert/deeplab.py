"""The anatomy of a DeepLab graph in tf2onnx's model, found by structure and not by names.

    image ─ resize to fit ─ normalise, pad ─ backbone ┬─────────── branches ─┬─ projection ─ logits
                                                      └─ pool ─ conv ─ enlarge ┘
    logits ─ enlarge to the crop ─ ArgMax ─ cut to the photo's area ─ nearest ─ label map

Passes work on a `DeepLab`: they rewire the graph and keep these landmarks true. Where a part is not
found, or is not what it has to be, `ConversionError` says what was looked for; nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from toolkit.catalog import INPUT
from toolkit.convert.editor import Editor
from toolkit.errors import ConversionError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

RESHAPING = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
ACTIVATIONS = frozenset({"Clip", "Relu"})
FLOAT, UINT8, INT64, BOOL = 1, 2, 7, 9
"""ONNX's numbers of the types."""


class DeepLab(Editor):
    """A model with its landmarks.

    Parameters
    ----------
    model : ModelProto
        From tf2onnx, before nearest-neighbour resizing is replaced. Not changed.
    crop : (int, int)
        Height and width of the network's crop.

    Attributes
    ----------
    crop : (int, int)
    stride : int
        Pixels of the network's input per pixel of the logits.
    resized : str
        The photo resized to fit the crop: (1, 3, h, w) float32, 0..255.
    fitted : str
        Its h and w: (2,) int64.
    size : str
        Height and width the network is computed on: (2,) int64; the crop to begin with.
    scale, padding : float
        The network sees ``scale * (pixel - padding)``; beyond the photo the pixels are `padding`.
    stem : NodeProto
        The first Conv.
    features : str
        What the head reads: the backbone's last map.
    pool : str or None
        What the pooled branch makes of them; None where there is no such branch.
    logits : str
        (1, labels, rows, columns) float32, before they are enlarged.
    label_map : str
        Labels on the photo's area, read by the nearest-neighbour Resize.
    label_type : int
        The ONNX type it may have: bytes where they hold every label and what follows casts them.

    Raises
    ------
    ConversionError
        The graph is not of this family.
    """

    def __init__(self, model: ModelProto, crop: tuple[int, int]) -> None:
        super().__init__(model)
        self.crop = crop
        self._find_output()
        self._find_input()
        self.stride = self._find_stride()
        self._find_head()
        self.size = self.integers(*crop)

    def refuse(self, looked_for: str, found: str) -> NoReturn:
        """Raise the error of a graph that a pass does not recognise."""
        raise ConversionError(
            f"this graph is not taken: looked for {looked_for}; found {found}",
            "--profile plain converts it as it is",
        )

    def is_linear_resize(self, node: NodeProto | None) -> bool:
        """Whether a node is a bilinear Resize with aligned corners."""
        return (
            node is not None
            and node.op_type == "Resize"
            and self.attribute(node, "mode") == b"linear"
            and self.attribute(node, "coordinate_transformation_mode") == b"align_corners"
        )

    def is_pointwise(self, node: NodeProto) -> bool:
        """Whether a node is a 1x1 Conv of stride 1 whose weights and bias are constants."""
        if node.op_type != "Conv" or len(node.input) != 3:
            return False
        weights, bias = self.constant(node.input[1]), self.constant(node.input[2])
        return (
            weights is not None
            and bias is not None
            and weights.shape[2:] == (1, 1)
            and self.attribute(node, "group", 1) == 1
            and list(self.attribute(node, "strides", [1, 1])) == [1, 1]
        )

    def weights(self, node: NodeProto) -> NDArray[np.float32]:
        """Return a Conv's kernel.

        Raises
        ------
        ConversionError
            It is computed.
        """
        kernel = self.constant(node.input[1])
        if kernel is None:
            self.refuse("convolutions of constant weights", f"{node.name} with computed ones")
        return kernel

    def bias(self, node: NodeProto) -> NDArray[np.float32]:
        """Return a Conv's bias.

        Raises
        ------
        ConversionError
            It has none, or a computed one.
        """
        bias = self.constant(node.input[2]) if len(node.input) == 3 else None
        if bias is None:
            self.refuse("convolutions of constant bias", f"{node.name} without")
        return bias

    def add_pointwise(
        self, name: str, weights: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> str:
        """Add a 1x1 Conv; the weights are (out, in)."""
        return self.add(
            "Conv",
            name,
            self.add_constant(np.ascontiguousarray(weights[:, :, np.newaxis, np.newaxis])),
            self.add_constant(bias),
            kernel_shape=[1, 1],
        )

    def largest_logit(self, name: str) -> str:
        """Add the largest value of each pixel over the channels: (1, 1, h, w)."""
        if self.opset < 18:  # from there on the axes are an input
            return self.add("ReduceMax", name, axes=[1], keepdims=1)
        return self.add("ReduceMax", name, self.integers(1), keepdims=1)

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

    def spatial_convolutions(self) -> list[NodeProto]:
        """Return the convolutions wider than a pixel, in the order of the way to the logits."""
        nodes = self.ancestors(self.logits, self.stem.input[0])
        wanted = [
            node
            for node in nodes
            if node.op_type == "Conv" and self.weights(node).shape[2:] != (1, 1)
        ]
        return sorted(
            wanted, key=lambda node: len(self.ancestors(node.input[0], self.stem.input[0]))
        )

    def dilation(self, node: NodeProto) -> int:
        """Return a Conv's dilation.

        Raises
        ------
        ConversionError
            It is another across than down.
        """
        rows, columns = self.attribute(node, "dilations", [1, 1])
        if rows != columns:
            self.refuse("dilations equal in both directions", f"{rows}x{columns}")
        return int(rows)

    def channels(self, name: str) -> int:
        """Count the channels of a map by the Conv that made it.

        Raises
        ------
        ConversionError
            Something else did.
        """
        node = self.producer(name)
        while node is not None and node.op_type in ACTIVATIONS | {"Add", "Resize"}:
            node = self.producer(node.input[0])
        if node is None or node.op_type != "Conv":
            self.refuse("branches that end in a Conv", node.op_type if node else "an input")
        return len(self.weights(node))

    def _find_output(self) -> None:
        choices = self.nodes("ArgMax")
        if len(choices) != 1:
            self.refuse("one ArgMax over the logits", f"{len(choices)} of them")
        (argmax,) = choices
        before = self.producer(argmax.input[0])
        while before is not None and before.op_type in ("Cast", "Identity", "Transpose"):
            before = self.producer(before.input[0])
        if before is None or not self.is_linear_resize(before):
            kind = before.op_type if before else "the graph's input"
            self.refuse("a bilinear Resize with aligned corners before the ArgMax", kind)
        head = self.producer(before.input[0])
        if head is None or not self.is_pointwise(head):
            self.refuse("a 1x1 Conv that gives the logits", head.op_type if head else "an input")
        self.logits = before.input[0]
        self.label_type = INT64
        passed = []
        name = argmax.output[0]
        while True:
            node = self._only_reader(name, "the label map")
            if node.op_type == "Resize" and self.attribute(node, "mode") == b"nearest":
                break
            if node.op_type not in RESHAPING | {"Slice"}:
                self.refuse("a nearest-neighbour Resize of the label map", node.op_type)
            if node.op_type == "Cast":
                self.label_type = self.attribute(node, "to")
            passed.append(node.op_type)
            name = node.output[0]
        if "Slice" not in passed:
            self.refuse("a Slice that cuts the label map to the photo's area", ", ".join(passed))
        self.label_map = name
        if len(self.weights(head)) <= 256 and self._is_cast(node.output[0]):
            self.label_type = UINT8

    def _is_cast(self, name: str) -> bool:
        """Whether a tensor reaches the output by way of a Cast."""
        while readers := self.consumers(name):
            if len(readers) > 1 or readers[0].op_type not in RESHAPING:
                return False
            if readers[0].op_type == "Cast":
                return True
            name = readers[0].output[0]
        return False

    def _find_input(self) -> None:
        resizes = [
            node
            for node in self.nodes("Resize")
            if self.is_linear_resize(node) and self._comes_from_the_input(node.input[0])
        ]
        if len(resizes) != 1 or len(resizes[0].input) != 4:
            self.refuse(
                "one bilinear Resize of the input to a computed size", f"{len(resizes)} of them"
            )
        (resize,) = resizes
        sizes = resize.input[3]
        self.fitted = self.add("Slice", sizes, self.integers(2), self.integers(4))
        self.resized = resize.output[0]
        # what becomes of a pixel x, gain * x + offset, and of what is padded
        gain, offset, padded = 1.0, 0.0, None
        name = self.resized
        while True:
            node = self._only_reader(name, "the resized image")
            if node.op_type == "Conv":
                break
            if node.op_type == "Pad":
                value = self.constant(node.input[2]) if len(node.input) > 2 else np.float32(0)
                if padded is not None or value is None or self.attribute(node, "mode") not in (
                    None,
                    b"constant",
                ):  # fmt: skip
                    self.refuse("one Pad with a constant", "another kind of Pad")
                padded = float(value)
            elif node.op_type in ("Add", "Sub", "Mul", "Div"):
                step = self._affine_step(node, name)
                gain, offset = step[0] * gain, step[0] * offset + step[1]
                padded = None if padded is None else step[0] * padded + step[1]
            elif node.op_type not in RESHAPING:
                self.refuse("normalisation by constants before the first Conv", node.op_type)
            name = node.output[0]
        if padded is None:
            self.refuse("a Pad to the crop before the first Conv", "none")
        self.stem = node
        if abs(padded) > 1e-5:
            self.refuse("padding that the network sees as 0", f"{padded:.4f}")
        self.scale, self.padding = gain, (padded - offset) / gain

    def _affine_step(self, node: NodeProto, name: str) -> tuple[float, float]:
        """Return gain and offset of an elementwise operation with one constant."""
        first = node.input[0] == name
        value = self.constant(node.input[1 if first else 0])
        if value is None or value.size != 1 or (node.op_type == "Div" and not first):
            self.refuse("normalisation by single constants", f"{node.op_type} with others")
        constant = float(value.reshape(()))
        if node.op_type == "Add":
            return 1.0, constant
        if node.op_type == "Sub":
            return (1.0, -constant) if first else (-1.0, constant)
        return (constant, 0.0) if node.op_type == "Mul" else (1 / constant, 0.0)

    def _find_stride(self) -> int:
        """Multiply the strides on the way from the input to the logits."""
        stride = 1
        name = self.logits
        while name != self.stem.input[0]:
            node = self.producer(name)
            if node is None:
                self.refuse("a path of convolutions from the input to the logits", "none")
            if node.op_type == "Conv":
                rows, columns = self.attribute(node, "strides", [1, 1])
                if rows != columns:
                    self.refuse("strides equal in both directions", f"{rows}x{columns}")
                stride *= rows
            # of an Add or a Concat the last input is as good as the others: their sizes are equal;
            # but the pooled branch has another stride
            ways = [way for way in node.input if self.producer(way) is not None]
            if not ways:
                self.refuse("a path of convolutions from the input to the logits", node.op_type)
            name = next((way for way in ways if not self._is_enlarged(way)), ways[0])
        if any((side - 1) % stride for side in self.crop):
            self.refuse(f"a crop of {stride}k + 1", f"{self.crop[1]}x{self.crop[0]}")
        return stride

    def _is_enlarged(self, name: str) -> bool:
        return self.is_linear_resize(self.producer(name))

    def _find_head(self) -> None:
        self.pool: str | None = None
        self.features = self.logits
        pools = [
            node
            for node in self.ancestors(self.logits, self.stem.output[0])
            if node.op_type in ("AveragePool", "GlobalAveragePool")
        ]
        if len(pools) > 1:
            self.refuse("one pooled branch at most", f"{len(pools)} of them")
        if pools:
            (pool,) = pools
            whole = [(side - 1) // self.stride + 1 for side in self.crop]
            kernel = list(self.attribute(pool, "kernel_shape", whole))
            if kernel != whole:
                self.refuse(f"a pool over the whole map of {whole}", f"one over {kernel}")
            self.pool, self.features = pool.output[0], pool.input[0]

    def _only_reader(self, name: str, what: str) -> NodeProto:
        """Return the one node that reads a tensor, apart from those that ask for its shape."""
        readers = [node for node in self.consumers(name) if node.op_type != "Shape"]
        if len(readers) != 1:
            self.refuse(f"one reader of {what}", f"{len(readers)} of them")
        return readers[0]

    def _comes_from_the_input(self, name: str) -> bool:
        node = self.producer(name)
        while node is not None and node.op_type in RESHAPING:
            name = node.input[0]
            node = self.producer(name)
        return name == INPUT.name


def shape_of(net: DeepLab, *parts: Any) -> str:
    """Add a size for `Resize`: a vector of numbers and of (n,) int64 tensors by name."""
    names = [part if isinstance(part, str) else net.integers(part) for part in parts]
    return net.add("Concat", *names, axis=0)
