"""The contract of a frozen graph: its two tensors, crop, labels and logits.

Finding it takes the graph parsed and imported into TensorFlow. Whoever goes on from there takes a
`LoadedGraph`, so that neither is done again.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import GraphError
from toolkit.graphs.anatomy import Anatomy, find_anatomy
from toolkit.graphs.candidates import adoption_hint
from toolkit.graphs.frozen import FrozenGraph
from toolkit.graphs.loading import import_tensorflow, parse_graph
from toolkit.graphs.network import INPUT, OUTPUT, Network, TensorSpec, generic_labels
from toolkit.graphs.normal_form import RESULT, simplify
from toolkit.graphs.operations import FAKE_QUANTIZATION

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

LONGEST_SIDE = 8193
"""Pixels; the largest crop of the zoo is 1025x2049."""

MOST_LABELS = 4096
"""The largest label set of the zoo has 151."""


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

    @property
    def fake_quantized(self) -> bool:
        """Whether quantization-aware training left its rounding in the graph."""
        return not FAKE_QUANTIZATION.isdisjoint(self.operations)


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedGraph(FrozenGraph):
    """A frozen graph that was parsed, held against the policy and imported into TensorFlow.

    Stands wherever a frozen graph does; `load_graph` and what calls it do no work twice.

    Attributes
    ----------
    graph_def : GraphDef
        As parsed. Shared by all readers: rewriting starts from a copy, as in `Rewiring`.
    tf_graph : tensorflow.Graph
        It was imported into this one, without a prefix; finalized, so nothing can be added.
    contract : GraphContract
    """

    graph_def: GraphDef = field(repr=False)
    tf_graph: Any = field(repr=False)
    contract: GraphContract


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
    GraphError, MissingDependencyError
        As in `load_graph`.
    """
    return load_graph(graph).contract


def load_graph(graph: FrozenGraph) -> LoadedGraph:
    """Parse a graph, import it into TensorFlow and check its contract.

    Parameters
    ----------
    graph : FrozenGraph
        One that is loaded already is returned as it is.

    Returns
    -------
    LoadedGraph

    Raises
    ------
    GraphError
        Unreadable, forbidden operations, other tensors, or no ArgMax over logits.
    MissingDependencyError
        TensorFlow is not installed.
    """
    if isinstance(graph, LoadedGraph):
        return graph
    tf = import_tensorflow()
    graph_def = parse_graph(graph)
    loaded = tf.Graph()
    with loaded.as_default():
        try:
            tf.import_graph_def(graph_def, name="")
        except (ValueError, TypeError) as error:  # what TensorFlow raises for a malformed graph
            reason = str(error).splitlines()[0]
            raise GraphError(graph.source, f"TensorFlow does not load it: {reason}") from error
    loaded.finalize()
    hint = adoption_hint(graph_def)
    _check_tensor(loaded, INPUT, graph.source, hint)
    output_dtype = _check_tensor(loaded, OUTPUT, graph.source, hint)
    argmax = _find_argmax(loaded, graph.source)
    logits = argmax.inputs[0]
    anatomy = find_anatomy(simplify(graph_def, graph.source), RESULT)
    height, width, count = _sizes(tf, loaded, logits, anatomy, graph.source)
    labels = graph.labels if graph.labels and len(graph.labels) == count else generic_labels(count)
    operations: dict[str, int] = {}
    for node in graph_def.node:
        operations[node.op] = operations.get(node.op, 0) + 1
    contract = GraphContract(
        network=Network((height, width), labels, anatomy.resizes),
        logits=logits.name,
        argmax=argmax.outputs[0].name,
        output_dtype=output_dtype,
        operations=dict(sorted(operations.items())),
    )
    return LoadedGraph(
        name=graph.name,
        source=graph.source,
        data=graph.data,
        labels=graph.labels,
        trusted=graph.trusted,
        graph_def=graph_def,
        tf_graph=loaded,
        contract=contract,
    )


def _check_tensor(loaded: Any, spec: TensorSpec, source: Path, hint: str) -> str:
    try:
        tensor = loaded.get_tensor_by_name(spec.name)
    except KeyError as error:
        raise GraphError(source, f"has no tensor {spec.name}", hint) from error
    dtype: str = tensor.dtype.base_dtype.name
    rank = tensor.shape.rank
    if dtype not in spec.dtypes or rank not in (None, spec.rank):
        raise GraphError(
            source,
            f"{spec.name} is {dtype} of rank {rank}, not {'/'.join(spec.dtypes)} {spec.layout}",
            hint,
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


def _sizes(
    tf: Any, loaded: Any, logits: Any, anatomy: Anatomy, source: Path
) -> tuple[int, int, int]:
    """Return the crop's height and width, and the number of labels.

    What the network reads of one pixel has the crop's size; only what lies before the network runs
    for that. A network that runs at several scales enlarges all their logits to the crop.
    """
    wanted = []
    if len(anatomy.entries) == 1:
        (entry,) = anatomy.entries
        wanted.append(loaded.get_tensor_by_name(f"{entry.node}:{entry.output}"))
    shape = tuple(logits.shape.as_list()) if logits.shape.rank is not None else ()
    if not shape or shape[-1] is None or (not wanted and not logits.shape.is_fully_defined()):
        wanted.append(logits)
    claimed = math.prod(side or 1 for side in shape)
    if claimed > LONGEST_SIDE**2 * MOST_LABELS:
        raise GraphError(source, f"its ArgMax reads {claimed:,} values: more than memory holds")
    found = _run_pixel(tf, loaded, wanted, source) if wanted else [shape]
    if wanted and wanted[-1] is logits:
        shape = found[-1]
    if len(shape) != 4 or len(found[0]) != 4:
        raise GraphError(
            source, f"its ArgMax reads a tensor of rank {len(shape)}, not [1, h, w, labels]"
        )
    _, height, width, _ = found[0]
    if not (0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE):
        raise GraphError(
            source, f"its crop is {width}x{height}, not 1x1 to {LONGEST_SIDE}x{LONGEST_SIDE}"
        )
    if not 1 < shape[3] <= MOST_LABELS:
        raise GraphError(source, f"it has {shape[3]} labels, not 2 to {MOST_LABELS}")
    return int(height), int(width), int(shape[3])


def _run_pixel(tf: Any, loaded: Any, tensors: list[Any], source: Path) -> list[tuple[int, ...]]:
    """Return the shapes of some tensors in a run of one pixel."""
    import numpy as np

    pixel = np.zeros((1, 1, 1, 3), np.uint8)
    try:
        with tf.compat.v1.Session(graph=loaded) as session:
            return [found.shape for found in session.run(tensors, {INPUT.name: pixel})]
    except tf.errors.OpError as error:
        reason = str(error).splitlines()[0]
        raise GraphError(source, f"it fails on an image of one pixel: {reason}") from error
