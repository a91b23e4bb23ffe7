"""The tensors of a graph that may be its photo and its label map, for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.graphs.layout import describe_graph

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

SHOWN = 5


def adoption_hint(graph_def: GraphDef) -> str:
    """Return one line that says how to fetch a graph with other tensors, and which it may be."""
    layout = describe_graph(graph_def)
    inputs = [tensor.name for tensor in layout.inputs]
    outputs = [tensor.name for tensor in layout.outputs]
    return (
        "toolkit fetch NAME --from FILE --input X --output Y takes other tensors; X may be "
        f"{_listed(inputs)}; Y may be {_listed(outputs)}"
    )


def _listed(names: list[str]) -> str:
    if not names:
        return "any tensor"
    shown = ", ".join(f"{ascii(name)[1:-1][:100]}" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
