"""Frozen TF1 graphs: read or make one, check operations and contract, bring it to normal form.

A GraphDef is a program, so nothing of it is loaded before every operation in it, in functions too,
was held against the policy of `operations`. TensorFlow is imported inside functions: looking at a
graph costs the import, serving an exported one must not.
"""

from __future__ import annotations

from toolkit.graphs.adoption import Adoption, adopt
from toolkit.graphs.contract import GraphContract, inspect_graph
from toolkit.graphs.frozen import GRAPH_LIMIT, FrozenGraph, read_graph
from toolkit.graphs.labels import read_labels
from toolkit.graphs.layout import (
    GraphLayout,
    NamedTensor,
    NormalFormReport,
    describe_graph,
    describe_normal_form,
)
from toolkit.graphs.loading import import_tensorflow, parse_graph
from toolkit.graphs.normal_form import normal_form

__all__ = [
    "GRAPH_LIMIT",
    "Adoption",
    "FrozenGraph",
    "GraphContract",
    "GraphLayout",
    "NamedTensor",
    "NormalFormReport",
    "adopt",
    "describe_graph",
    "describe_normal_form",
    "import_tensorflow",
    "inspect_graph",
    "normal_form",
    "parse_graph",
    "read_graph",
    "read_labels",
]
