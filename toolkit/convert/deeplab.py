"""A DeepLab graph in tf2onnx's model: its landmarks, and what passes ask and add.

Passes rewire the graph and keep the landmarks true; `toolkit.convert.landmarks` finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from toolkit.convert.editor import UINT8, Editor
from toolkit.convert.landmarks import (
    find_input,
    find_output,
    find_pool,
    known_shape,
    unsupported,
)
from toolkit.convert.repairs import by_factor, write_size
from toolkit.convert.shapes import Shape, infer_shapes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

ACTIVATIONS = frozenset({"Clip", "Relu"})
POINTWISE = ACTIVATIONS | frozenset(
    {
        "Add",
        "Div",
        "Elu",
        "Exp",
        "Floor",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "PRelu",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Sub",
        "Tanh",
    }
)
"""Each pixel of what they give depends on the same pixel of what they read."""


class DeepLab(Editor):
    """A model with its landmarks.

    Parameters
    ----------
    model : ModelProto
        From tf2onnx, before nearest-neighbor resizing is replaced. Not changed.
    crop : (int, int)
        Height and width of the network's crop.

    Attributes
    ----------
    crop : (int, int)
    resized : str
        The photo resized to fit the crop, or as it is where the graph does not resize:
        (1, 3, h, w) float32, 0..255.
    resizes : bool
        Whether the graph resizes the photo.
    fitted : str
        Its h and w: (2,) int64.
    size : str
        Height and width the network is computed on: (2,) int64; the crop to begin with.
    scale, padding : (3,) float32
        The network sees ``scale * (pixel - padding)`` of each channel; beyond the photo the pixels
        are `padding`.
    entry : str
        What the network reads: the photo normalized and padded.
    stem : NodeProto
        The first Conv.
    shapes : dict of str to tuple of int
        Of the network's maps, computed on the crop.
    features : str
        What the pooled branch is made of, mostly the backbone's last map; the logits where there is
        no such branch.
    pool : str or None
        The mean of the features, (1, channels, 1, 1); None where there is no such branch.
    enlarged : str or None
        What is made of the pool, enlarged to the map's size; None where nothing is.
    logits : str
        (1, labels, rows, columns) float32, before they are enlarged.
    labels : int
        How many.
    stride : int
        Pixels of the network's input per pixel of the logits.
    output_stride : int
        The same of the smallest map of the backbone.
    label_map : str
        Labels on the photo's area, read by the nearest-neighbor Resize.
    label_type : int
        The ONNX type it may have: bytes where they hold every label and what follows casts them.

    Raises
    ------
    ConversionError
        The graph is not of this family.
    """

    def __init__(self, model: ModelProto, crop: tuple[int, int]) -> None:
        super().__init__(model)
        if any(entry.HasField("g") for node in self.live() for entry in node.attribute):
            self.refuse("one way through the graph", "control flow")
        self.crop = crop
        output = find_output(self)
        self.logits, self.label_map = output.logits, output.label_map
        start = find_input(self)
        self.resizes, self.resized, self.fitted = start.resizes, start.resized, start.fitted
        self.scale, self.padding = start.scale, start.padding
        self.entry, self.stem = start.entry, start.stem
        self.infer_shapes()
        self.stride = self._logits_stride()
        self.find_output_stride()
        in_bytes = self.labels <= 256 and output.cast_behind
        self.label_type = UINT8 if in_bytes else output.label_type
        pooled = find_pool(self, self.logits, self.entry, self.shapes)
        self.features = pooled.features if pooled else self.logits
        self.pool = pooled.pool if pooled else None
        self.enlarged = pooled.enlarged if pooled else None
        self.size = self.integers(*crop)

    def fork(self) -> Self:
        """Return a copy that may be changed without changing this one."""
        copy = type(self).__new__(type(self))
        Editor.__init__(copy, self.model)
        for name, value in vars(self).items():
            if name not in vars(copy):
                setattr(copy, name, value)
        copy.stem = copy.maker(self.stem.output[0])
        return copy

    def refuse(self, looked_for: str, found: str) -> NoReturn:
        """Raise the error of a graph that a pass does not recognize."""
        raise unsupported(looked_for, found)

    def infer_shapes(self) -> None:
        """Infer the shapes of the network's maps anew."""
        nodes = self.in_order(self.ancestors(self.logits, self.entry)[::-1])
        while True:
            self.shapes = infer_shapes(self.model, nodes, self.entry, (1, 3, *self.crop))
            # behind a factor that is rounded down every shape would be wrong
            resize = next((node for node in nodes if by_factor(self, node)), None)
            if resize is None or not write_size(self, resize, self.shape(resize.input[0])):
                break
        if len(self.shapes.get(self.logits, ())) != 4:
            self.refuse("layers whose sizes follow from the crop", "others before the logits")
        self.labels = self.shapes[self.logits][1]

    def shape(self, name: str) -> Shape:
        """Return the shape of one of the network's maps.

        Raises
        ------
        ConversionError
            It does not follow from the crop.
        """
        return known_shape(self.shapes, name)

    def channels(self, name: str) -> int:
        """Count the channels of one of the network's maps."""
        return self.shape(name)[1]

    def stride_of(self, name: str) -> int | None:
        """Return pixels of the network's input per pixel of a map; None where they do not align."""
        sides = self.shape(name)[2:]
        if len(sides) != 2 or min(sides) < 2:
            return None
        strides = {(side - 1) / (cells - 1) for side, cells in zip(self.crop, sides, strict=True)}
        stride = strides.pop()
        return int(stride) if not strides and stride == int(stride) else None

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

    def add_aligned(self, side: str, stride: int) -> str:
        """Add how many cells of a stride reach over sides: ``ceil((side - 1) / stride) + 1``.

        Parameters
        ----------
        side : str
            (n,) int64.
        stride : int

        Returns
        -------
        str
            (n,) int64.
        """
        reached = self.add("Add", side, self.integers(stride - 2))
        return self.add("Add", self.add("Div", reached, self.integers(stride)), self.integers(1))

    def largest_logit(self, name: str) -> str:
        """Add the largest value of each pixel over the channels: (1, 1, h, w)."""
        if self.opset < 18:  # from there on the axes are an input
            return self.add("ReduceMax", name, axes=[1], keepdims=1)
        return self.add("ReduceMax", name, self.integers(1), keepdims=1)

    def spatial_convolutions(self) -> list[NodeProto]:
        """Return the convolutions wider than a pixel, in the order of the way to the logits."""
        nodes = self.ancestors(self.logits, self.entry)
        wanted = [
            node
            for node in nodes
            if node.op_type == "Conv" and self.weights(node).shape[2:] != (1, 1)
        ]
        return sorted(wanted, key=lambda node: len(self.ancestors(node.input[0], self.entry)))

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

    def _logits_stride(self) -> int:
        stride = self.stride_of(self.logits)
        if stride is None:
            rows, columns = self.shape(self.logits)[2:]
            self.refuse(
                "logits whose corners lie on the crop's",
                f"{columns}x{rows} of them for {self.crop[1]}x{self.crop[0]}",
            )
        return stride

    def find_output_stride(self) -> None:
        """Find the stride of the backbone's smallest map anew."""
        strides = [
            self.stride_of(node.output[0]) or 0
            for node in self.ancestors(self.logits, self.entry)
            if node.op_type == "Conv"
        ]
        self.output_stride = max(self.stride, *strides)


def shape_of(net: DeepLab, *parts: Any) -> str:
    """Add a size for `Resize`: a vector of numbers and of (n,) int64 tensors by name."""
    names = [part if isinstance(part, str) else net.integers(part) for part in parts]
    return net.add("Concat", *names, axis=0)
