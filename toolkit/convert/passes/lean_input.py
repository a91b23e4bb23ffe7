"""Preprocessing without waste: bytes are transposed before they become floats, one Sub, one Pad.

Where only a shape is asked for, bytes stay bytes. Applies to every DeepLab graph. The normalizing
factors go into the first Conv's weights: logits change by rounding only.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import FLOAT
from toolkit.convert.landmarks import RESHAPING
from toolkit.graphs.network import INPUT


def lean_input(net: DeepLab) -> None:
    """Rebuild what lies between the input and the first Conv."""
    turned = net.add("Transpose", INPUT.name, perm=[0, 3, 1, 2])
    image = net.add("Cast", turned, to=FLOAT)
    if net.resizes:
        net.maker(net.resized).input[0] = image
    else:
        net.resized = image
    center = net.padding if np.ptp(net.padding) else net.padding[:1]
    centered = net.add("Sub", net.resized, net.add_constant(center.reshape(1, -1, 1, 1)))
    spare = net.add("Sub", net.size, net.fitted)
    pads = net.add("Concat", net.integers(0, 0, 0, 0, 0, 0), spare, axis=0)
    padded = net.add("Pad", centered, pads)
    net.redirect(net.entry, padded)
    net.shapes[padded], net.entry = net.shapes[net.entry], padded
    weights = net.weights(net.stem) * net.scale.reshape(1, 3, 1, 1)
    net.stem.input[1] = net.add_constant(weights.astype(np.float32))
    net.scale = np.ones(3, np.float32)
    for node in net.nodes("Cast"):
        if _is_for_shapes(net, node.output[0]):
            net.redirect(node.output[0], node.input[0])


def _is_for_shapes(net: DeepLab, name: str) -> bool:
    """Whether nothing but its shape is asked of a tensor, or of what it is reshaped to."""
    return all(
        node.op_type == "Shape"
        or (node.op_type in RESHAPING and _is_for_shapes(net, node.output[0]))
        for node in net.consumers(name)
    ) and name not in {value.name for value in net.model.graph.output}
