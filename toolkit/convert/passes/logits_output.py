"""The logits as a second output, ``Logits:0``: (1, labels, rows, columns) float32, not enlarged.

Pixel (i, j) of them lies on pixel (stride * i, stride * j) of the photo resized to fit the crop;
rows and columns beyond the photo's area are the padding's. Applies to every DeepLab graph; the
label map does not change.
"""

from __future__ import annotations

from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import FLOAT
from toolkit.graphs.network import LOGITS


def logits_output(net: DeepLab) -> None:
    """Give the logits out."""
    from onnx import helper

    net.add("Identity", net.logits, name=LOGITS.name)
    net.model.graph.output.append(
        helper.make_tensor_value_info(LOGITS.name, FLOAT, [1, net.labels, "rows", "columns"])
    )
