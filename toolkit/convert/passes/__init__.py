"""The passes by name: small transformations of a DeepLab graph, one to a file.

Each works on a `toolkit.convert.deeplab.DeepLab` in place, keeps its landmarks true, says in its
docstring when it applies and what it may change, and raises `ConversionError` where the graph is
not what it looks for.
"""

from __future__ import annotations

from collections.abc import Callable

from toolkit.convert.deeplab import DeepLab
from toolkit.convert.passes.compose_linear import compose_linear
from toolkit.convert.passes.fit_area import fit_area
from toolkit.convert.passes.labels_on_photo import labels_on_photo
from toolkit.convert.passes.lean_input import lean_input
from toolkit.convert.passes.logits_output import logits_output
from toolkit.convert.passes.output_stride_16 import output_stride_16
from toolkit.convert.passes.photo_area_head import photo_area_head
from toolkit.convert.passes.pool_first import pool_first
from toolkit.convert.passes.pooled_bias import pooled_bias
from toolkit.convert.passes.possible_labels import possible_labels
from toolkit.convert.passes.settled_padding import settled_padding
from toolkit.convert.passes.subject_margin import subject_margin

PASSES: dict[str, Callable[[DeepLab], None]] = {
    "compose_linear": compose_linear,
    "fit_area": fit_area,
    "labels_on_photo": labels_on_photo,
    "lean_input": lean_input,
    "logits_output": logits_output,
    "output_stride_16": output_stride_16,
    "photo_area_head": photo_area_head,
    "pool_first": pool_first,
    "pooled_bias": pooled_bias,
    "possible_labels": possible_labels,
    "settled_padding": settled_padding,
    "subject_margin": subject_margin,
}
"""A pass that comes to give another model gets another name, such as ``fit_area 2``: exports that
were made by other passes are not run any more."""
