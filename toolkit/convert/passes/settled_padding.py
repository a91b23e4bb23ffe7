"""Padding so far from the photo that the network makes the same of it for every photo.

An early layer sees a few pixels to each side, so it is computed on the photo's area and that
margin; what it makes of the rest of the crop is put in as a constant. Done in stages, which end at
thin maps that everything goes through, as layers behind see further. Applies as far as there are
such maps, made of convolutions, activations and sums; a graph without any stays as it is. Not
together with `fit_area`, which leaves no padding. Logits change by rounding only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from toolkit.convert.canonical import canonical_form
from toolkit.convert.deeplab import ACTIVATIONS, POINTWISE, DeepLab
from toolkit.convert.evaluate_tensors import evaluate_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto, NodeProto


class _View(NamedTuple):
    """How far a pixel of a map sees in the image on each side, and pixels from one to the next."""

    reach: int
    stride: int


def settled_padding(net: DeepLab) -> None:
    """Compute the early layers on the photo and its surroundings only."""
    stages = [(border, view, _settled(net, border, view)) for border, view in _borders(net)]
    source, before = net.entry, _View(0, 1)
    for border, view, constant in stages:
        one, stride = net.integers(1), net.integers(view.stride)
        last = net.add("Div", net.add("Add", net.fitted, net.integers(view.reach - 1)), stride)
        # rows and columns of the map that see the photo
        seen = _smaller(net, net.add("Add", last, one), net.integers(*_cells(net, view)))
        # and behind them what those see of the source, so that they do not see it end
        spare = _cells_seen(view.reach - before.reach, view)
        steps = net.add("Add", seen, net.integers(spare - 1))
        needed = net.add("Mul", steps, net.integers(view.stride // before.stride))
        size = _smaller(net, net.add("Add", needed, one), net.integers(*_cells(net, before)))
        if source == net.entry:
            net.redirect(net.size, size)
            net.size = size
        else:
            part = net.cut(source, size)
            net.redirect(source, part, but={part})
        readers = net.consumers(border)
        source, before = _completed(net, border, seen, constant, _cells(net, view)), view
        net.reread(readers, border, source)


def _cells(net: DeepLab, view: _View) -> list[int]:
    """Return how many rows and columns a map of the whole crop has."""
    return [(side - 1) // view.stride + 1 for side in net.crop]


def _cells_seen(reach: int, view: _View) -> int:
    """Return how many pixels of a map so many of the image are, rounded up."""
    return -(-reach // view.stride)


def _completed(net: DeepLab, border: str, seen: str, constant: str, cells: list[int]) -> str:
    """Add a map of the whole crop: rows and columns that see the photo, and the constant behind."""
    zero, one = net.integers(0), net.integers(1)
    rows, columns = net.add("Slice", seen, zero, one), net.add("Slice", seen, one, net.integers(2))
    height, width = map(net.integers, cells)
    below = net.add("Slice", constant, rows, height, net.integers(2))
    starts, ends = (net.add("Concat", *pair, axis=0) for pair in ((zero, columns), (rows, width)))
    beside = net.add("Slice", constant, starts, ends, net.integers(2, 3))
    above = net.add("Concat", net.cut(border, seen), beside, axis=3)
    return net.add("Concat", above, below, axis=2)


def _borders(net: DeepLab) -> list[tuple[str, _View]]:
    """Find the maps that end a stage: of each width the last one.

    They are convolutions without activation, or sums, at the logits' stride or half of it, that
    everything goes through. Those that see further than a third of the crop are left out: there is
    little padding that they do not see the photo from.
    """
    views: dict[str, _View | None] = {net.entry: _View(0, 1)}
    found: dict[int, tuple[str, _View]] = {}
    way = net.ancestors(net.features, net.entry)
    for node in sorted(way, key=lambda node: len(net.ancestors(node.output[0], net.entry))):
        name = node.output[0]
        view = views[name] = _view(net, node, views)
        if (
            view is not None
            and node.op_type in ("Add", "Conv")
            and all(reader.op_type not in ACTIVATIONS for reader in net.consumers(name))
            and net.output_stride <= 2 * view.stride
            and 3 * view.reach < min(net.crop)
            and _is_closed(net, name)
        ):
            found[net.channels(name)] = name, view
    return sorted(found.values(), key=lambda border: border[1].reach)


def _is_closed(net: DeepLab, border: str) -> bool:
    """Whether everything behind a map goes through it: nothing reads what lies before."""
    part = {node.output[0] for node in net.ancestors(border, net.entry)}
    inner = (part - {border}) | {net.entry}
    return all(reader.output[0] in part for name in inner for reader in net.consumers(name))


def _view(net: DeepLab, node: NodeProto, views: Mapping[str, _View | None]) -> _View | None:
    """Return what the map of a node sees, given what its inputs see.

    None where it is made by anything but what moves with the image.
    """
    found = [views.get(name) for name in node.input if net.constant(name) is None]
    known = [view for view in found if view is not None]
    if len(known) < len(found) or len({view.stride for view in known}) != 1:
        return None
    reach, stride = max(view.reach for view in known), known[0].stride
    if node.op_type == "Conv":
        own = _reach(net, node)
        step = net.attribute(node, "strides", [1, 1])[0]
        return None if own is None else _View(reach + own * stride, stride * step)
    return _View(reach, stride) if node.op_type in POINTWISE else None


def _reach(net: DeepLab, node: NodeProto) -> int | None:
    """Return how far a Conv looks to each side; None where its padding is another."""
    rows, columns = net.weights(node).shape[2:]
    steps = net.attribute(node, "strides", [1, 1])
    if rows != columns or rows % 2 == 0 or steps[0] != steps[1]:
        return None
    reach = (rows - 1) // 2 * net.dilation(node)
    # of sides stride * k + 1, which all are, the automatic padding is the same on both sides
    same = net.attribute(node, "auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER")
    return reach if same or list(net.attribute(node, "pads", [0] * 4)) == [reach] * 4 else None


def _settled(net: DeepLab, border: str, view: _View) -> str:
    """Add what the early layers make of an image that is all padding: a map of the whole crop.

    It differs from place to place near the ends only, so a small image is enough to know it.
    """
    from onnx import TensorProto, helper

    part: ModelProto = type(net.model)()
    part.CopyFrom(net.model)
    nodes = [node.output[0] for node in net.ancestors(border, net.entry)]
    wanted = [node for node in net.model.graph.node if node.output[0] in nodes]
    for field in ("node", "input", "output"):
        part.graph.ClearField(field)
    part.graph.node.extend(wanted)
    margin = _cells_seen(view.reach, view)
    channels, side = net.weights(net.stem).shape[1], 2 * margin * view.stride + 1
    blank = np.zeros((1, channels, side, side), np.float32)
    name = net.entry
    part.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, blank.shape))
    part.graph.output.append(helper.make_tensor_value_info(border, TensorProto.FLOAT, None))
    ((small,),) = evaluate_tensors(canonical_form(part), [border], [{name: blank}])
    table = net.add_constant(small)
    for axis, count in enumerate(_cells(net, view), start=2):
        places = np.arange(count)
        inner = np.clip(places, None, margin) + np.clip(places - (count - 1 - margin), 0, None)
        table = net.add("Gather", table, net.add_constant(inner), axis=axis)
    return table


def _smaller(net: DeepLab, one: str, other: str) -> str:
    # Min takes no integers before opset 12
    return net.add("Where", net.add("Less", one, other), one, other)
