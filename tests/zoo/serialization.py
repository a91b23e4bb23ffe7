"""The finishing touch: a graph as the TensorFlow of its time wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.zoo.export import Export

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

_PRODUCERS = {"2018": 24, "2020": 134}
_OLDER_NAMES = {"AddV2": "Add", "FusedBatchNormV3": "FusedBatchNorm"}
_NEWER_ATTRIBUTES = {
    "2018": {
        "Cast": ["Truncate"],
        "Conv2D": ["dilations", "explicit_paddings"],
        "DepthwiseConv2dNative": ["dilations", "explicit_paddings"],
        "Equal": ["incompatible_shape_error"],
        "FusedBatchNorm": ["U", "exponential_avg_factor"],
        "MaxPool": ["explicit_paddings"],
        "ResizeBilinear": ["half_pixel_centers"],
        "ResizeNearestNeighbor": ["half_pixel_centers"],
    },
    "2020": {
        "DepthwiseConv2dNative": ["explicit_paddings"],
        "Equal": ["incompatible_shape_error"],
        "FusedBatchNormV3": ["exponential_avg_factor"],
        "If": ["_read_only_resource_inputs"],
        "MaxPool": ["explicit_paddings"],
        "StatelessIf": ["_read_only_resource_inputs"],
    },
}


def as_written(graph: GraphDef, export: Export) -> GraphDef:
    """Return a copy with the operations and attributes of the layout's year.

    Functions get names that do not depend on what else the process built.
    """
    written = type(graph)()
    written.CopyFrom(graph)
    written.versions.producer = _PRODUCERS[export.layout]
    written.versions.ClearField("min_consumer")
    for node in written.node:
        node.attr.pop("_has_manual_control_dependencies", None)
        if export.layout == "2018":
            node.op = _OLDER_NAMES.get(node.op, node.op)
            node.name = _older(node.name)
            node.input[:] = [_older(name) for name in node.input]
        for attribute in _NEWER_ATTRIBUTES[export.layout].get(node.op, ()):
            node.attr.pop(attribute, None)
        if node.op == "Identity" and node.name.endswith("/read"):
            node.attr["_class"].list.s.append(f"loc:@{node.input[0]}".encode())
        if node.op == "StatelessIf" and export.control_flow == "v2_if":
            node.op = "If"
    _name_functions(written)
    return written


def _older(name: str) -> str:
    return name.replace("/FusedBatchNormV3", "/FusedBatchNorm")


def _name_functions(graph: GraphDef) -> None:
    names = {}
    for node in graph.node:
        for branch in ("else_branch", "then_branch"):
            if branch in node.attr:
                function = node.attr[branch].func
                names[function.name] = f"{node.name.replace('/', '_')}_{branch}"
                function.name = names[function.name]
    for function in graph.library.function:
        name = names.get(function.signature.name, function.signature.name)
        function.signature.name = name
        function.attr.pop("_original_func_name", None)
    functions = sorted(graph.library.function, key=lambda f: str(f.signature.name))
    del graph.library.function[:]
    graph.library.function.extend(functions)
