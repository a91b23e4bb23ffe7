"""Fake quantization written out as the arithmetic that TensorFlow's kernels do.

Quantization-aware training leaves nodes that round a tensor to 2^bits levels of a range. The range
is nudged so that zero is one of the levels. Of constants the result is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs.operations import FAKE_QUANTIZATION
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs

if TYPE_CHECKING:
    from tensorflow.compat.v1 import NodeDef

FLOAT = 1
"""TensorFlow's number of the type."""


@dataclass(frozen=True)
class Levels:
    """The levels that fake quantization rounds to: ``low + scale * k``.

    Attributes
    ----------
    low, high : float32
        The nudged range.
    scale : float32
        Between two levels.
    """

    low: np.float32
    high: np.float32
    scale: np.float32

    @classmethod
    def of(cls, low: float, high: float, *, bits: int, narrow: bool) -> Levels:
        """Nudge a range as TensorFlow does, in float32.

        Parameters
        ----------
        low, high : float
        bits : int
            2 to 16.
        narrow : bool
            Whether the lowest level is left out.
        """
        least, most = np.float32(1 if narrow else 0), np.float32(2**bits - 1)
        low32, high32 = np.float32(low), np.float32(high)
        scale = (high32 - low32) / (most - least)
        zero = least - low32 / scale
        if zero < least:
            nudged = least
        elif zero > most:
            nudged = most
        else:
            nudged = np.floor(zero + np.float32(0.5))
        return cls((least - nudged) * scale, (most - nudged) * scale, scale)

    def round(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Round to the levels, as TensorFlow's kernel does.

        Parameters
        ----------
        values : (...) float32

        Returns
        -------
        (...) float32
        """
        above = np.clip(values, self.low, self.high) - self.low
        steps = np.floor(above / self.scale - self.zero + np.float32(0.5))
        return np.asarray(steps * self.scale, np.float32)

    @property
    def zero(self) -> np.float32:
        """How many steps the lowest level lies below zero."""
        return np.float32(np.floor(-self.low * (np.float32(1) / self.scale) + np.float32(0.5)))


def expand_fake_quantization(graph: Rewiring, *, rounding: bool = True) -> None:
    """Replace every fake quantization of a constant range; others stay.

    Parameters
    ----------
    graph : Rewiring
        Without Identities. Changed in place.
    rounding : bool
        Whether maps are rounded to levels; else they are clipped to the range, which is all that
        a quantizer has to know. Constants are rounded in any case.
    """
    changes = {}
    for node in list(graph.nodes.values()):
        if node.op not in FAKE_QUANTIZATION:
            continue
        levels = levels_of(graph, node)
        if levels is None:
            continue
        (values, *_) = data_inputs(node)
        constant = constant_of(graph, values)
        if constant is not None:
            new = graph.add_constant(levels.round(constant), f"{node.name}/levels")
        else:
            new = _arithmetic(graph, values, levels, node.name, rounding=rounding)
        changes[Tensor(node.name)] = new
    graph.redirect_all(changes)


def levels_of(graph: Rewiring, node: NodeDef) -> Levels | None:
    """Return a node's levels; None where its range is computed, or one for each channel."""
    bits, narrow = node.attr["num_bits"].i or 8, node.attr["narrow_range"].b
    if node.op == "FakeQuantWithMinMaxArgs":
        low, high = node.attr["min"].f, node.attr["max"].f
    else:
        ends = [constant_of(graph, tensor) for tensor in data_inputs(node)[1:]]
        if any(end is None or end.size != 1 for end in ends):
            return None
        low, high = (float(end.reshape(())) for end in ends if end is not None)
    return Levels.of(low, high, bits=bits, narrow=narrow) if low < high else None


def constant_of(graph: Rewiring, tensor: Tensor) -> NDArray[np.float32] | None:
    """Return a constant's value; None where it is computed."""
    from tensorflow import make_ndarray

    node = graph.nodes[tensor.node]
    if node.op != "Const":
        return None
    return np.asarray(make_ndarray(node.attr["value"].tensor))


def _arithmetic(
    graph: Rewiring, values: Tensor, levels: Levels, name: str, *, rounding: bool
) -> Tensor:
    """Add what the kernel computes, step by step."""

    def step(operation: str, before: Tensor, constant: np.float32) -> Tensor:
        operand = graph.add_constant(constant, f"{name}/{operation}/constant")
        return graph.add(operation, f"{name}/{operation}", (before, operand), T=FLOAT)

    inside = step("Minimum", step("Maximum", values, levels.low), levels.high)
    if not rounding:
        return inside
    above = step("Sub", inside, levels.low) if levels.low else inside
    steps = step("RealDiv", above, levels.scale)
    if levels.zero:
        steps = step("Sub", steps, levels.zero)
    rounded = graph.add("Floor", f"{name}/Floor", (step("AddV2", steps, np.float32(0.5)),), T=FLOAT)
    return step("Mul", rounded, levels.scale)
