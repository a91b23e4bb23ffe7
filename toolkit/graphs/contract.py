"""The contract of a frozen graph: its two tensors, crop, labels and logits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.catalog import INPUT, OUTPUT, Network, TensorSpec, generic_labels
from toolkit.errors import GraphError
from toolkit.graphs.frozen import FrozenGraph
from toolkit.graphs.loading import import_tensorflow, parse_graph


@dataclass(frozen=True)
class GraphContract:
    """What a graph that keeps the contract was found to have.

    Attributes
    ----------
    network : Network
        Crop and labels.
    logits : str
        The tensor at the ArgMax's input, ``node:index``, [1, crop height, crop width, labels].
    argmax : str
        The ArgMax's output tensor, [1, crop height, crop width].
    output_dtype : str
        NumPy dtype name of the label map.
    operations : dict of str to int
        How often each operation occurs.
    """

    network: Network
    logits: str
    argmax: str
    output_dtype: str
    operations: dict[str, int]


def inspect_graph(graph: FrozenGraph) -> GraphContract:
    """Check that a graph has the two tensors and find its crop, labels and logits.

    Parameters
    ----------
    graph : FrozenGraph

    Returns
    -------
    GraphContract

    Raises
    ------
    GraphError
        Unreadable, forbidden operations, other tensors, or no ArgMax over logits.
    MissingDependencyError
        TensorFlow is not installed.
    """
    tf = import_tensorflow()
    graph_def = parse_graph(graph)
    loaded = tf.Graph()
    with loaded.as_default():
        try:
            tf.import_graph_def(graph_def, name="")
        except (ValueError, TypeError) as error:  # what TensorFlow raises for a malformed graph
            reason = str(error).splitlines()[0]
            raise GraphError(graph.source, f"TensorFlow does not load it: {reason}") from error
    _check_tensor(loaded, INPUT, graph.source)
    output_dtype = _check_tensor(loaded, OUTPUT, graph.source)
    argmax = _find_argmax(loaded, graph.source)
    logits = argmax.inputs[0]
    shape = _logits_shape(tf, loaded, logits)
    if len(shape) != 4:
        raise GraphError(
            graph.source, f"its ArgMax reads a tensor of rank {len(shape)}, not [1, h, w, labels]"
        )
    _, height, width, count = shape
    labels = graph.labels if graph.labels and len(graph.labels) == count else generic_labels(count)
    operations: dict[str, int] = {}
    for node in graph_def.node:
        operations[node.op] = operations.get(node.op, 0) + 1
    return GraphContract(
        network=Network((height, width), labels),
        logits=logits.name,
        argmax=argmax.outputs[0].name,
        output_dtype=output_dtype,
        operations=dict(sorted(operations.items())),
    )


def _check_tensor(loaded: Any, spec: TensorSpec, source: Path) -> str:
    try:
        tensor = loaded.get_tensor_by_name(spec.name)
    except KeyError as error:
        raise GraphError(
            source, f"has no tensor {spec.name}", "a DeepLab frozen inference graph is needed"
        ) from error
    dtype: str = tensor.dtype.base_dtype.name
    rank = tensor.shape.rank
    if dtype not in spec.dtypes or rank not in (None, spec.rank):
        raise GraphError(
            source,
            f"{spec.name} is {dtype} of rank {rank}, not {'/'.join(spec.dtypes)} {spec.layout}",
            "a DeepLab frozen inference graph is needed",
        )
    return dtype


def _find_argmax(loaded: Any, source: Path) -> Any:
    """Walk back from the label map to the ArgMax nearest to it."""
    start = loaded.get_tensor_by_name(OUTPUT.name).op
    seen = {start.name}
    queue = deque([start])
    while queue:
        operation = queue.popleft()
        if operation.type == "ArgMax":
            return operation
        for tensor in operation.inputs:
            if tensor.op.name not in seen:
                seen.add(tensor.op.name)
                queue.append(tensor.op)
    raise GraphError(source, f"no ArgMax leads to {OUTPUT.name}")


def _logits_shape(tf: Any, loaded: Any, logits: Any) -> list[int]:
    """Return the logits' shape: from the graph where it is static, else by running one pixel."""
    if logits.shape.is_fully_defined():
        return list(logits.shape.as_list())
    import numpy as np

    with tf.compat.v1.Session(graph=loaded) as session:
        pixel = np.zeros((1, 1, 1, 3), np.uint8)
        return list(session.run(logits, {INPUT.name: pixel}).shape)
