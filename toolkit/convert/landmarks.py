"""The landmarks of a DeepLab graph in tf2onnx's model, found by structure and not by names.

    image ─ [resize to fit] ─ normalize, pad ─ backbone
    backbone ┬──────── branches ──────┬─ [decoder] ─ logits
             └─ pool ─ conv ─ enlarge ┘
    logits ─ enlarge to the crop ─ ArgMax ─ cut to the photo's area ─ nearest ─ label map

Where a part is not found, or is not what it has to be, `ConversionError` says what was looked for;
nothing is guessed. `toolkit.convert.deeplab.DeepLab` says what each landmark is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toolkit.convert.editor import INT64, Editor
from toolkit.convert.shapes import Shape
from toolkit.errors import ConversionError
from toolkit.graphs.network import INPUT

if TYPE_CHECKING:
    from onnx import NodeProto

RESHAPING = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})


@dataclass(frozen=True)
class LabelOutput:
    """Where labels are made of logits.

    Attributes
    ----------
    logits, label_map : str
    label_type : int
        ONNX's number of the label map's type.
    cast_behind : bool
        Whether what follows casts the labels.
    """

    logits: str
    label_map: str
    label_type: int
    cast_behind: bool


@dataclass(frozen=True)
class PhotoInput:
    """Where the network's input is made of the photo.

    Attributes
    ----------
    resizes : bool
    resized, fitted, entry : str
    stem : NodeProto
    scale, padding : (3,) float32
    """

    resizes: bool
    resized: str
    fitted: str
    entry: str
    stem: NodeProto
    scale: NDArray[np.float32]
    padding: NDArray[np.float32]


@dataclass(frozen=True)
class PooledBranch:
    """The branch that pools the whole map and is enlarged to the map's size again.

    Attributes
    ----------
    features, pool, enlarged : str
    """

    features: str
    pool: str
    enlarged: str


def unsupported(looked_for: str, found: str) -> ConversionError:
    """Return the error of a graph that is not recognized."""
    return ConversionError(
        f"unsupported graph: looked for {looked_for}; found {found}",
        "--profile plain converts it as it is; toolkit inspect MODEL says what was recognized",
    )


def known_shape(shapes: Mapping[str, Shape], name: str) -> Shape:
    """Return the shape of one of the network's maps.

    Raises
    ------
    ConversionError
        It does not follow from the crop.
    """
    if name not in shapes:
        raise unsupported("maps whose size follows from the crop", f"{name} of another")
    return shapes[name]


def find_output(editor: Editor) -> LabelOutput:
    """Find the ArgMax, the enlargement before it and the cut behind it.

    Raises
    ------
    ConversionError
        They are missing or others.
    """
    choices = editor.nodes("ArgMax")
    if len(choices) != 1:
        raise unsupported("one ArgMax over the logits", f"{len(choices)} of them")
    (argmax,) = choices
    before = editor.producer(argmax.input[0])
    while before is not None and before.op_type in ("Cast", "Identity", "Transpose"):
        before = editor.producer(before.input[0])
    if before is None or not editor.is_linear_resize(before):
        kind = before.op_type if before else "the graph's input"
        raise unsupported("a bilinear Resize with aligned corners before the ArgMax", kind)
    label_type = INT64
    passed = []
    name = argmax.output[0]
    while True:
        node = _only_reader(editor, name, "the label map")
        if node.op_type == "Resize" and editor.attribute(node, "mode") == b"nearest":
            break
        if node.op_type not in RESHAPING | {"Slice"}:
            raise unsupported("a nearest-neighbor Resize of the label map", node.op_type)
        if node.op_type == "Cast":
            label_type = editor.attribute(node, "to")
        passed.append(node.op_type)
        name = node.output[0]
    if "Slice" not in passed:
        raise unsupported("a Slice that cuts the label map to the photo's area", ", ".join(passed))
    return LabelOutput(before.input[0], name, label_type, _is_cast(editor, node.output[0]))


def _is_cast(editor: Editor, name: str) -> bool:
    """Whether a tensor reaches the output by way of a Cast."""
    while readers := editor.consumers(name):
        if len(readers) > 1 or readers[0].op_type not in RESHAPING:
            return False
        if readers[0].op_type == "Cast":
            return True
        name = readers[0].output[0]
    return False


def find_input(editor: Editor) -> PhotoInput:
    """Find the resize, what normalization does to a pixel, the padding and the first Conv.

    Parameters
    ----------
    editor : Editor
        What makes the size of the resized photo is added.

    Raises
    ------
    ConversionError
        They are missing or others.
    """
    resizes = [
        node
        for node in editor.nodes("Resize")
        if editor.is_linear_resize(node) and _comes_from_the_input(editor, node.input[0])
    ]
    if len(resizes) > 1 or any(len(node.input) != 4 for node in resizes):
        raise unsupported(
            "one bilinear Resize of the input to a computed size", f"{len(resizes)} of them"
        )
    if resizes:
        sides, first, resized = resizes[0].input[3], 2, resizes[0].output[0]
    else:
        sides, first, resized = editor.add("Shape", INPUT.name), 1, INPUT.name
    fitted = editor.add("Slice", sides, editor.integers(first), editor.integers(first + 2))
    entry, stem, scale, padding = _find_normalization(editor, resized)
    return PhotoInput(bool(resizes), resized, fitted, entry, stem, scale, padding)


def _find_normalization(
    editor: Editor, resized: str
) -> tuple[str, NodeProto, NDArray[np.float32], NDArray[np.float32]]:
    """Follow what becomes of a pixel x, gain * x + offset, and of what is padded.

    Returns
    -------
    str
        What the network reads.
    NodeProto
        Its first Conv.
    (3,) float32, (3,) float32
        Scale and padding.
    """
    gain, offset = np.ones(3), np.zeros(3)
    padded: NDArray[np.float64] | None = None
    name = resized
    while True:
        node = _only_reader(editor, name, "the resized image")
        if node.op_type == "Conv" or (node.op_type == "Pad" and _is_layer(editor, node)):
            break
        if node.op_type == "Pad":
            value = editor.constant(node.input[2]) if len(node.input) > 2 else np.float32(0)
            if padded is not None or value is None:
                raise unsupported("one Pad of a constant before the first Conv", "another")
            padded = np.full(3, float(np.asarray(value).reshape(())))
        elif node.op_type in ("Add", "Sub", "Mul", "Div"):
            times, plus = _affine_step(editor, node, name)
            gain, offset = times * gain, times * offset + plus
            padded = None if padded is None else times * padded + plus
        elif node.op_type not in RESHAPING:
            raise unsupported("normalization by constants before the first Conv", node.op_type)
        name = node.output[0]
    if padded is None:
        raise unsupported("a Pad to the crop before the first Conv", "none")
    while node.op_type == "Pad":
        node = _only_reader(editor, node.output[0], "the padded image")
    if node.op_type != "Conv":
        raise unsupported("a Conv that reads the image", node.op_type)
    if np.abs(padded).max() > 1e-5:
        raise unsupported("padding that the network sees as 0", f"{padded.round(4).tolist()}")
    scale = np.asarray(gain, np.float32)
    return name, node, scale, np.asarray((padded - offset) / gain, np.float32)


def _is_layer(editor: Editor, node: NodeProto) -> bool:
    """Whether a Pad is by constant sizes: it belongs to the convolution behind it."""
    return len(node.input) > 1 and editor.constant(node.input[1]) is not None


def _affine_step(
    editor: Editor, node: NodeProto, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gain and offset, by channel, of an elementwise operation with a constant."""
    first = node.input[0] == name
    value = editor.constant(node.input[1 if first else 0])
    if value is None or value.size not in (1, 3) or (node.op_type == "Div" and not first):
        raise unsupported(
            "normalization by constants of each channel", f"{node.op_type} with others"
        )
    constant = np.broadcast_to(value.reshape(-1).astype(np.float64), 3)
    one, nothing = np.ones(3), np.zeros(3)
    if node.op_type == "Add":
        return one, constant
    if node.op_type == "Sub":
        return (one, -constant) if first else (-one, constant)
    return (constant, nothing) if node.op_type == "Mul" else (1 / constant, nothing)


def find_pool(
    editor: Editor, logits: str, entry: str, shapes: Mapping[str, Shape]
) -> PooledBranch | None:
    """Find the pooled branch of a network; None where there is none, or several.

    Parameters
    ----------
    editor : Editor
    logits, entry : str
        The network's end and beginning.
    shapes : mapping of str to tuple of int
        Of its maps.

    Raises
    ------
    ConversionError
        The size of a map on the way is not among them.
    """

    def area(name: str) -> Shape:
        return known_shape(shapes, name)[2:]

    found = []
    for node in editor.ancestors(logits, entry):
        if editor.is_linear_resize(node) and area(node.input[0]) == (1, 1):
            way = editor.ancestors(node.input[0], entry)
            while way and area(way[0].output[0]) == (1, 1):
                pool = way[0]
                whole = area(pool.input[0])
                if whole != (1, 1):
                    if _is_mean(editor, pool, whole):
                        found.append(PooledBranch(pool.input[0], pool.output[0], node.output[0]))
                    break
                way = editor.ancestors(pool.input[0], entry)
    return found[0] if len(found) == 1 else None


def _is_mean(editor: Editor, node: NodeProto, whole: Shape) -> bool:
    """Whether a node gives the mean of its whole map."""
    if node.op_type == "AveragePool":
        return tuple(editor.attribute(node, "kernel_shape", ())) == whole
    return node.op_type in ("GlobalAveragePool", "ReduceMean")


def _only_reader(editor: Editor, name: str, what: str) -> NodeProto:
    """Return the one node that reads a tensor, apart from those that ask for its shape."""
    readers = [node for node in editor.consumers(name) if not _asks_for_a_shape(editor, node)]
    if len(readers) != 1:
        raise unsupported(f"one reader of {what}", f"{len(readers)} of them")
    return readers[0]


def _asks_for_a_shape(editor: Editor, node: NodeProto) -> bool:
    if node.op_type == "Shape":
        return True
    if node.op_type not in RESHAPING:
        return False
    readers = editor.consumers(node.output[0])
    return bool(readers) and all(_asks_for_a_shape(editor, reader) for reader in readers)


def _comes_from_the_input(editor: Editor, name: str) -> bool:
    node = editor.producer(name)
    while node is not None and node.op_type in RESHAPING:
        name = node.input[0]
        node = editor.producer(name)
    return name == INPUT.name
