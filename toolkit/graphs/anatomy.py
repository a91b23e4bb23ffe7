"""Where the network begins in a graph, and whether the photo is resized before it."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.graphs.branches import RESIZES
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs

CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
PADS = frozenset({"MirrorPad", "Pad", "PadV2"})


@dataclass(frozen=True)
class Anatomy:
    """What lies before the first convolutions.

    Attributes
    ----------
    entries : tuple of Tensor
        What they read: one tensor, or several of a network that runs at several scales.
    resizes : bool
        Whether the photo is resized on the way, before it is padded.
    """

    entries: tuple[Tensor, ...]
    resizes: bool


def find_anatomy(graph: Rewiring, result: str) -> Anatomy:
    """Walk a graph from the photo to the label map.

    Parameters
    ----------
    graph : Rewiring
        In normal form or about to be.
    result : str
        The node that gives the label map.
    """
    inside: set[str] = set()
    padded: set[str] = set()
    entries = []
    resizes = False
    for node in graph.ordered([result]):
        inputs = data_inputs(node)
        read = {tensor.node for tensor in inputs}
        if node.op in CONVOLUTIONS and not read & inside:
            entries.append(_before_own_pad(graph, inputs[0]))
            inside.add(node.name)
        elif read & inside:
            inside.add(node.name)
        if node.op in PADS or read & padded:
            padded.add(node.name)
        elif node.op in RESIZES and node.name not in inside:
            resizes = True
    return Anatomy(tuple(dict.fromkeys(entries)), resizes)


def _before_own_pad(graph: Rewiring, tensor: Tensor) -> Tensor:
    """Return what a Pad of constant sizes reads, as one that belongs to a convolution."""
    node = graph.nodes[tensor.node]
    while node.op in PADS and graph.nodes[data_inputs(node)[1].node].op == "Const":
        tensor = data_inputs(node)[0]
        node = graph.nodes[tensor.node]
    return tensor
