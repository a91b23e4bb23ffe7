"""Labels that win nowhere are left out before the logits are enlarged.

Between four pixels of the logits a label cannot win whose logits at all of them lie below the
lowest of another's: enlarging weighs the same four of each label. Of the network's labels a photo
keeps a handful. Applies behind `labels_on_photo`. Labels do not change.
"""

from __future__ import annotations

import numpy as np

from toolkit.convert.deeplab import DeepLab
from toolkit.convert.editor import BOOL, FLOAT


def possible_labels(net: DeepLab) -> None:
    """Compress the logits to the labels that may win, and number the winners as before."""
    from onnx import helper

    choices = net.nodes("ArgMax")
    resize = net.producer(choices[0].input[0]) if len(choices) == 1 else None
    if resize is None or not net.is_linear_resize(resize):
        net.refuse("an ArgMax of enlarged logits (labels_on_photo before possible_labels)", "none")
    logits, chosen = resize.input[0], choices[0].output[0]
    readers, users = net.consumers(logits), net.consumers(chosen)
    highest = _highest_of_four(net, logits)
    lowest = net.add("Neg", _highest_of_four(net, net.add("Neg", logits)))
    beaten = net.add("Less", highest, net.largest_logit(lowest))
    somewhere = net.add("GlobalMaxPool", net.add("Cast", net.add("Not", beaten), to=FLOAT))
    possible = net.add("Cast", net.add("Reshape", somewhere, net.integers(-1)), to=BOOL)
    kept = net.add("Compress", logits, possible, axis=1)
    numbers = np.arange(net.labels)
    table = net.add_constant(numbers.astype(helper.tensor_dtype_to_np_dtype(net.label_type)))
    number = net.add("Gather", net.add("Compress", table, possible, axis=0), chosen, axis=0)
    net.reread(readers, logits, kept)
    net.reread(users, chosen, number)


def _highest_of_four(net: DeepLab, name: str) -> str:
    # padded at the end: there a pixel has fewer neighbors
    return net.add("MaxPool", name, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1])
