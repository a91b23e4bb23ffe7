"""The anatomy of a DeepLab graph in tf2onnx's model, found by structure and not by names.

    image ─ [resize to fit] ─ normalize, pad ─ backbone
    backbone ┬──────── branches ──────┬─ [decoder] ─ logits
             └─ pool ─ conv ─ enlarge ┘
    logits ─ enlarge to the crop ─ ArgMax ─ cut to the photo's area ─ nearest ─ label map

Passes work on a `DeepLab`: they rewire the graph and keep these landmarks true. Where a part is not
found, or is not what it has to be, `ConversionError` says what was looked for; nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from toolkit.convert.editor import Editor
from toolkit.convert.repairs import by_factor, write_size
from toolkit.convert.shapes import Shape, infer_shapes
from toolkit.errors import ConversionError
from toolkit.graphs.network import INPUT

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

RESHAPING = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
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

FLOAT, UINT8, INT64, BOOL = 1, 2, 7, 9
"""ONNX's numbers of the types."""


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
        self._find_output()
        self._find_input()
        self.infer_shapes()
        self._find_strides()
        self._find_pool()
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
        raise ConversionError(
            f"unsupported graph: looked for {looked_for}; found {found}",
            "--profile plain converts it as it is; toolkit inspect MODEL says what was recognized",
        )

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
        if name not in self.shapes:
            self.refuse("maps whose size follows from the crop", f"{name} of another")
        return self.shapes[name]

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
        self.logits = before.input[0]
        self.label_type = INT64
        passed = []
        name = argmax.output[0]
        while True:
            node = self._only_reader(name, "the label map")
            if node.op_type == "Resize" and self.attribute(node, "mode") == b"nearest":
                break
            if node.op_type not in RESHAPING | {"Slice"}:
                self.refuse("a nearest-neighbor Resize of the label map", node.op_type)
            if node.op_type == "Cast":
                self.label_type = self.attribute(node, "to")
            passed.append(node.op_type)
            name = node.output[0]
        if "Slice" not in passed:
            self.refuse("a Slice that cuts the label map to the photo's area", ", ".join(passed))
        self.label_map = name
        self._casts_behind = self._is_cast(node.output[0])

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
        if len(resizes) > 1 or any(len(node.input) != 4 for node in resizes):
            self.refuse(
                "one bilinear Resize of the input to a computed size", f"{len(resizes)} of them"
            )
        self.resizes = bool(resizes)
        if resizes:
            (resize,) = resizes
            self.fitted = self.add("Slice", resize.input[3], self.integers(2), self.integers(4))
            self.resized = resize.output[0]
        else:
            sides = self.add("Shape", INPUT.name)
            self.fitted = self.add("Slice", sides, self.integers(1), self.integers(3))
            self.resized = INPUT.name
        self._find_normalization()

    def _find_normalization(self) -> None:
        """Follow what becomes of a pixel x, gain * x + offset, and of what is padded."""
        gain, offset = np.ones(3), np.zeros(3)
        padded: NDArray[np.float64] | None = None
        name = self.resized
        while True:
            node = self._only_reader(name, "the resized image")
            if node.op_type == "Conv" or (node.op_type == "Pad" and self._is_layer(node)):
                break
            if node.op_type == "Pad":
                value = self.constant(node.input[2]) if len(node.input) > 2 else np.float32(0)
                if padded is not None or value is None:
                    self.refuse("one Pad of a constant before the first Conv", "another")
                padded = np.full(3, float(np.asarray(value).reshape(())))
            elif node.op_type in ("Add", "Sub", "Mul", "Div"):
                times, plus = self._affine_step(node, name)
                gain, offset = times * gain, times * offset + plus
                padded = None if padded is None else times * padded + plus
            elif node.op_type not in RESHAPING:
                self.refuse("normalization by constants before the first Conv", node.op_type)
            name = node.output[0]
        if padded is None:
            self.refuse("a Pad to the crop before the first Conv", "none")
        self.entry = name
        while node.op_type == "Pad":
            node = self._only_reader(node.output[0], "the padded image")
        if node.op_type != "Conv":
            self.refuse("a Conv that reads the image", node.op_type)
        self.stem = node
        if np.abs(padded).max() > 1e-5:
            self.refuse("padding that the network sees as 0", f"{padded.round(4).tolist()}")
        self.scale = np.asarray(gain, np.float32)
        self.padding = np.asarray((padded - offset) / gain, np.float32)

    def _is_layer(self, node: NodeProto) -> bool:
        """Whether a Pad is by constant sizes: it belongs to the convolution behind it."""
        return len(node.input) > 1 and self.constant(node.input[1]) is not None

    def _affine_step(
        self, node: NodeProto, name: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return gain and offset, by channel, of an elementwise operation with a constant."""
        first = node.input[0] == name
        value = self.constant(node.input[1 if first else 0])
        if value is None or value.size not in (1, 3) or (node.op_type == "Div" and not first):
            self.refuse("normalization by constants of each channel", f"{node.op_type} with others")
        constant = np.broadcast_to(value.reshape(-1).astype(np.float64), 3)
        one, nothing = np.ones(3), np.zeros(3)
        if node.op_type == "Add":
            return one, constant
        if node.op_type == "Sub":
            return (one, -constant) if first else (-one, constant)
        return (constant, nothing) if node.op_type == "Mul" else (1 / constant, nothing)

    def _find_strides(self) -> None:
        stride = self.stride_of(self.logits)
        if stride is None:
            rows, columns = self.shape(self.logits)[2:]
            self.refuse(
                "logits whose corners lie on the crop's",
                f"{columns}x{rows} of them for {self.crop[1]}x{self.crop[0]}",
            )
        self.stride = stride
        self.find_output_stride()
        if self.labels <= 256 and self._casts_behind:
            self.label_type = UINT8

    def find_output_stride(self) -> None:
        """Find the stride of the backbone's smallest map anew."""
        strides = [
            self.stride_of(node.output[0]) or 0
            for node in self.ancestors(self.logits, self.entry)
            if node.op_type == "Conv"
        ]
        self.output_stride = max(self.stride, *strides)

    def _find_pool(self) -> None:
        """Find the branch that pools the whole map and is enlarged to the map's size again."""
        self.pool: str | None = None
        self.enlarged: str | None = None
        self.features = self.logits
        found = []
        for node in self.ancestors(self.logits, self.entry):
            if self.is_linear_resize(node) and self.shape(node.input[0])[2:] == (1, 1):
                way = self.ancestors(node.input[0], self.entry)
                while way and self.shape(way[0].output[0])[2:] == (1, 1):
                    pool = way[0]
                    if self.shape(pool.input[0])[2:] != (1, 1):
                        if self._is_whole_mean(pool):
                            found.append((pool, node))
                        break
                    way = self.ancestors(pool.input[0], self.entry)
        if len(found) == 1:
            ((pool, resize),) = found
            self.pool, self.features = pool.output[0], pool.input[0]
            self.enlarged = resize.output[0]

    def _is_whole_mean(self, node: NodeProto) -> bool:
        """Whether a node gives the mean of its whole map."""
        if node.op_type == "AveragePool":
            whole = list(self.shape(node.input[0])[2:])
            return list(self.attribute(node, "kernel_shape", [])) == whole
        return node.op_type in ("GlobalAveragePool", "ReduceMean")

    def _only_reader(self, name: str, what: str) -> NodeProto:
        """Return the one node that reads a tensor, apart from those that ask for its shape."""
        readers = [node for node in self.consumers(name) if not self._asks_for_a_shape(node)]
        if len(readers) != 1:
            self.refuse(f"one reader of {what}", f"{len(readers)} of them")
        return readers[0]

    def _asks_for_a_shape(self, node: NodeProto) -> bool:
        if node.op_type == "Shape":
            return True
        if node.op_type not in RESHAPING:
            return False
        readers = self.consumers(node.output[0])
        return bool(readers) and all(self._asks_for_a_shape(reader) for reader in readers)

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
