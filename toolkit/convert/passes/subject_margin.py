"""One subject's mask: its logit less the best other's, enlarged in place of all logits.

The subject's number is a second input of the file, ``Subject:0``, a scalar int64. The label map
then holds that number where the margin is above 0, and 0 elsewhere (1 elsewhere if the subject is
0, so that the mask can be told). Applies to every DeepLab graph.

May change the mask: between two other classes the margin's interpolation lies below the
interpolation's margin, so a mask may lose pixels at the meeting of three classes.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import INT64
from toolkit.convert.passes.labels_on_photo import enlarge, place_labels
from toolkit.graphs.network import SUBJECT


def subject_margin(net: DeepLab) -> None:
    """Rebuild what lies between the logits and the nearest-neighbor Resize."""
    from onnx import helper

    count = net.labels
    net.model.graph.input.append(helper.make_tensor_value_info(SUBJECT.name, INT64, []))
    numbers = net.add_constant(np.arange(count, dtype=np.int64).reshape(1, count, 1, 1))
    own = net.add("Equal", numbers, SUBJECT.name)
    lowest = net.add_constant(np.float32(np.finfo(np.float32).min))
    margin = net.add(
        "Sub",
        net.largest_logit(net.add("Where", own, net.logits, lowest)),
        net.largest_logit(net.add("Where", own, lowest, net.logits)),
    )
    ahead = net.add("Greater", enlarge(net, margin), net.add_constant(np.float32(0)))
    is_zero = net.add("Equal", SUBJECT.name, net.add_constant(np.int64(0)))
    subject, other = (net.add("Cast", name, to=net.label_type) for name in (SUBJECT.name, is_zero))
    place_labels(net, net.add("Where", ahead, subject, other))
