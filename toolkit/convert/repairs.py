"""What tf2onnx's models need before they are worked on: sizes, pads and layouts put right.

- A resize to a size is written as a factor in float32 where both sizes are known; runtimes multiply
  and cut off, so that 241 pixels times 257/241 become 256. Sizes are put there instead.
- A dilated convolution of automatic padding is one that ONNX Runtime refuses. The padding is
  written out.
- A transpose stays before arithmetic that tf2onnx does not move it through, such as division and
  rounding. It is moved behind, where it meets its inverse.
- A clip is written as a Max and a Min, and one clip follows another. They become one Clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolkit.convert.editor import Editor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, NodeProto

MOVABLE = frozenset(
    """
    Abs Add Ceil Clip Div Elu Equal Exp Floor HardSigmoid HardSwish LeakyRelu Max Min Mul Neg
    Reciprocal Relu Round Sigmoid Softplus Sqrt Sub Tanh
    """.split()
)
"""Operations that work on each value alone; what is no map in them has one value."""


def repair(model: ModelProto) -> ModelProto:
    """Return tf2onnx's model with sizes, pads and layouts put right.

    Parameters
    ----------
    model : ModelProto
        From tf2onnx, nodes behind what they read. Not changed.
    """
    editor = Editor(model)
    _write_sizes(editor)
    for node in editor.nodes("Conv"):
        _write_pads(editor, node)
    _move_transposes(editor)
    _join_clips(editor)
    return editor.model


def _write_sizes(editor: Editor) -> None:
    from onnx import shape_inference

    for node in editor.nodes("Resize"):
        if not by_factor(editor, node):
            continue
        inferred = shape_inference.infer_shapes(editor.model, data_prop=True)
        shapes = {value.name: value.type.tensor_type.shape for value in inferred.graph.value_info}
        if node.input[0] in shapes:
            sides = [side.dim_value for side in shapes[node.input[0]].dim]
            if 0 not in sides:
                write_size(editor, node, sides)


def by_factor(editor: Editor, node: NodeProto) -> bool:
    """Whether a node resizes by a constant factor."""
    return (
        node.op_type == "Resize"
        and len(node.input) == 3
        and editor.constant(node.input[2]) is not None
    )


def write_size(editor: Editor, node: NodeProto, sides: Sequence[int]) -> bool:
    """Give a Resize by a factor the size that is meant; return whether it could be told.

    Parameters
    ----------
    editor : Editor
    node : NodeProto
        See `by_factor`.
    sides : sequence of int
        The shape of what it reads.
    """
    factors = editor.constant(node.input[2])
    if factors is None or len(factors) != len(sides):
        return False
    sizes = [round(side * float(factor)) for side, factor in zip(sides, factors, strict=True)]
    del node.input[2:]
    node.input.extend(["", editor.integers(*sizes)])
    return True


def _write_pads(editor: Editor, node: NodeProto) -> None:
    """Write out the padding of a convolution of stride 1, which no size changes."""
    kernel = editor.constant(node.input[1])
    automatic = editor.attribute(node, "auto_pad") in (b"SAME_UPPER", b"SAME_LOWER")
    if not automatic or kernel is None or max(editor.attribute(node, "strides", [1])) != 1:
        return
    dilations = editor.attribute(node, "dilations", [1, 1])
    total = [(side - 1) * step for side, step in zip(kernel.shape[2:], dilations, strict=True)]
    lower = editor.attribute(node, "auto_pad") == b"SAME_LOWER"
    before = [side - side // 2 if lower else side // 2 for side in total]
    editor.set_attribute(node, "auto_pad", None)
    editor.set_attribute(node, "pads", [*before, *np.subtract(total, before).tolist()])


def _join_clips(editor: Editor) -> None:
    """Make one Clip of each chain of Max, Min, Relu and Clip with single numbers."""
    ends: dict[str, tuple[str, float, float]] = {}  # what a tensor is the clip of, and to what
    for node in editor.ordered():
        limits = _limits(editor, node)
        if limits is None:
            continue
        read, low, high = limits
        source, lower, upper = ends.get(read, (read, -np.inf, np.inf))
        joined = min(max(lower, low), high), max(min(upper, high), low)
        name = node.output[0]
        if read in ends or node.op_type in ("Max", "Min"):
            if np.inf in joined or -np.inf in joined:
                ends[name] = source, *joined
                continue
            bounds = (editor.add_constant(np.float32(bound)) for bound in joined)
            clip = editor.add("Clip", source, *bounds)
            editor.redirect(name, clip)
            ends[clip] = source, *joined
        ends[name] = source, *joined


def _limits(editor: Editor, node: NodeProto) -> tuple[str, float, float] | None:
    """Return what a node clips, and to which numbers; None where it does something else."""
    if node.op_type == "Relu":
        return node.input[0], 0.0, np.inf
    values = [editor.constant(name) if name else None for name in node.input[1:]]
    if node.op_type == "Clip" and len(node.input) == 3:
        low, high = values
    elif node.op_type in ("Max", "Min") and len(node.input) == 2:
        low, high = (values[0], None) if node.op_type == "Max" else (None, values[0])
    else:
        return None
    found = [value for value in (low, high) if value is not None]
    expected = 2 if node.op_type == "Clip" else 1
    if len(found) != expected or any(v.size != 1 or v.dtype != np.float32 for v in found):
        return None
    return (
        node.input[0],
        -np.inf if low is None else float(low.reshape(())),
        np.inf if high is None else float(high.reshape(())),
    )


def _move_transposes(editor: Editor) -> None:
    """Move each Transpose behind the arithmetic that reads it, and drop it before its inverse."""
    source: dict[str, tuple[str, tuple[int, ...]]] = {}  # what a tensor is the transpose of
    for node in editor.ordered():
        name = node.output[0]
        if node.op_type == "Transpose":
            if editor.attribute(node, "perm") is None:
                continue
            order = tuple(editor.attribute(node, "perm"))
            before, first = source.get(node.input[0], (node.input[0], tuple(range(len(order)))))
            whole = tuple(first[axis] for axis in order)
            source[name] = before, whole
            if whole == tuple(range(len(order))):
                editor.redirect(name, before)
            elif before != node.input[0]:
                moved = editor.add("Transpose", before, perm=list(whole))
                editor.redirect(name, moved)
                source[moved] = before, whole
            continue
        if node.op_type not in MOVABLE:
            continue
        maps = [each for each in node.input if each and not _is_single(editor, each)]
        known = {source[each][1] for each in maps if each in source}
        if len(known) != 1 or any(each not in source for each in maps):
            continue
        (order,) = known
        moved_node = type(node)()
        moved_node.CopyFrom(node)
        moved_node.input[:] = [source[each][0] if each in source else each for each in node.input]
        moved_node.output[0] = f"{name}/moved"
        moved_node.name = moved_node.output[0]
        editor.append(moved_node)
        behind = editor.add("Transpose", moved_node.output[0], perm=list(order))
        source[behind] = source[name] = moved_node.output[0], order
        editor.redirect(name, behind)


def _is_single(editor: Editor, name: str) -> bool:
    value = editor.constant(name)
    return value is not None and value.size == 1 and value.ndim <= 1
