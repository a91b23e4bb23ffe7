"""A SavedModel of TF1 or TF2 frozen: a graph with constants in the place of variables.

TensorFlow's loader runs what a SavedModel brings along, its restore function and its initializers.
Here nothing of it is run. Every operation in it is held against the policy first; which key of the
checkpoint belongs to which variable is read off the restore function, and its value from the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import GraphError
from toolkit.graphs.branches import inline_functions
from toolkit.graphs.checkpoint import Checkpoint
from toolkit.graphs.frozen import GRAPH_LIMIT
from toolkit.graphs.loading import import_tensorflow
from toolkit.graphs.operations import (
    CALLS,
    SAVED_MODEL,
    VARIABLES,
    refuse_endless,
    refuse_forbidden,
)
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs
from toolkit.graphs.saved_model_files import SavedModelFiles
from toolkit.graphs.signatures import Signatures
from toolkit.graphs.variables import behind_identities, freeze_variables

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef, NodeDef

SERVE = "serve"


@dataclass(frozen=True)
class FrozenSavedModel:
    """A SavedModel's serving signature as a frozen graph.

    Attributes
    ----------
    data : bytes
        The serialized GraphDef, the same for the same files.
    input, output : str
        The graph's two tensors, ``node:index``.
    signature_output : str
        What the SavedModel calls the output.
    form : {"TF1 SavedModel", "TF2 SavedModel"}
        What it was.
    """

    data: bytes
    input: str
    output: str
    signature_output: str
    form: Literal["TF1 SavedModel", "TF2 SavedModel"]


def freeze_saved_model(
    files: SavedModelFiles,
    source: Path,
    *,
    input_name: str | None = None,
    output_name: str | None = None,
    trusted: bool = False,
) -> FrozenSavedModel:
    """Freeze a SavedModel without running anything of it.

    Parameters
    ----------
    files : SavedModelFiles
    source : Path
        For messages.
    input_name, output_name : str, optional
        Tensors, or their keys in the signature; by default those of the signature.
    trusted : bool
        Allow operations outside the policy.

    Returns
    -------
    FrozenSavedModel

    Raises
    ------
    GraphError
        Not a SavedModel, forbidden operations, a signature that leaves a choice, variables without
        values, or variables that change.
    MissingDependencyError
        TensorFlow is not installed.
    """
    import_tensorflow()
    saved = _parse(files.graph, source)
    for meta in saved.meta_graphs:
        if trusted:
            refuse_endless(meta.graph_def, source)
        else:
            refuse_forbidden(meta.graph_def, source, also=SAVED_MODEL)
    meta = _serving(saved, source)
    feed, fetch = Signatures(meta, source).choose(input_name, output_name)
    try:
        graph = Rewiring(meta.graph_def)
        output = _shown(graph, fetch)
        needed = graph.graph_def([output.node])
        if not trusted:  # what only has to run before the output is in it too
            refuse_forbidden(needed, source, also=VARIABLES)
        graph = _without_bookkeeping(needed)
        inline_functions(graph, source, operations=CALLS)
        keys = _checkpoint_keys(meta, source)
        freeze_variables(graph, keys, Checkpoint(files.variables, source), source)
        result = graph.graph_def([output.node])
    except (IndexError, KeyError, ValueError) as error:  # a circle, or what is not there
        reason = ascii(str(error))[1:-1][:200]  # it names nodes, which may hold anything
        raise GraphError(source, f"is no graph that can be followed: {reason}") from error
    if result.ByteSize() > GRAPH_LIMIT:
        raise GraphError(source, "is larger than 2 GiB when frozen", "a GraphDef can't be")
    return FrozenSavedModel(
        data=result.SerializeToString(deterministic=True),
        input=f"{feed.node}:{feed.output}",
        output=f"{output.node}:{output.output}",
        signature_output=f"{fetch.node}:{fetch.output}",
        form="TF2 SavedModel" if meta.object_graph_def.nodes else "TF1 SavedModel",
    )


def _parse(data: bytes, source: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        saved = SavedModel.FromString(data)
    except DecodeError as error:
        raise GraphError(source, "its saved_model.pb is not a SavedModel") from error
    if not saved.meta_graphs:
        raise GraphError(source, "its saved_model.pb holds no graph")
    return saved


def _serving(saved: Any, source: Path) -> Any:
    """Return the graph for serving, the one of several that has no other tag."""
    metas = list(saved.meta_graphs)
    served = [meta for meta in metas if list(meta.meta_info_def.tags) == [SERVE]]
    if len(served) == 1 or len(metas) == 1:
        return (served or metas)[0]
    tags = "; ".join(",".join(meta.meta_info_def.tags) or "none" for meta in metas[:5])
    raise GraphError(
        source, f"holds {len(metas)} graphs, tagged {tags!a}", f"save one, tagged {SERVE}"
    )


def _shown(graph: Rewiring, tensor: Tensor) -> Tensor:
    """Return a tensor under a name that stays when calls are inlined."""
    node = graph.nodes[tensor.node]
    if node.op not in CALLS:
        return tensor
    types = node.attr["Tout"].list.type
    if tensor.output >= len(types):
        raise ValueError(f"{tensor} does not exist")
    return graph.add("Identity", "output", (tensor,), T=types[tensor.output])


def _without_bookkeeping(graph_def: GraphDef) -> Rewiring:
    """Return a graph without devices, hints and the order in which variables are read.

    Where a Switch stays, control inputs tell what belongs to its branches and stay.
    """
    graph = Rewiring(graph_def)
    _clean(graph.nodes.values())
    for function in graph.library.function:
        _clean(function.node_def)
        function.attr.clear()
        function.arg_attr.clear()
        function.resource_arg_unique_id.clear()
        function.control_ret.clear()
        del function.signature.control_output[:]
    return graph


def _clean(nodes: Iterable[NodeDef]) -> None:
    nodes = list(nodes)
    kinds = {node.name: node.op for node in nodes}
    ordered = {"Merge", "Switch"} & set(kinds.values())
    for node in nodes:
        node.device = ""
        for key in [key for key in node.attr if key[0] == "_"]:
            del node.attr[key]
        for key in ("config", "config_proto", "executor_type"):
            node.attr.pop(key, None)
        kept = [
            name
            for name in node.input
            if name[0] != "^" or (ordered and kinds.get(name[1:]) in ("Identity", "Switch"))
        ]
        del node.input[:]
        node.input.extend(kept)


def _checkpoint_keys(meta: Any, source: Path) -> dict[str, str]:
    """Return the checkpoint's key of each variable, by its node: what restoring would assign."""
    operation = meta.saver_def.restore_op_name.partition(":")[0]
    graph = Rewiring(meta.graph_def)
    if operation not in graph.nodes:
        return {}
    graph = Rewiring(graph.graph_def([operation]))
    for function in graph.library.function:
        _clean(function.node_def)
    inline_functions(graph, source, operations=CALLS)
    keys = {}
    for node in graph.nodes.values():
        if node.op not in ("Assign", "AssignVariableOp"):
            continue
        variable, value = (behind_identities(graph, tensor) for tensor in data_inputs(node)[:2])
        restore = graph.nodes.get(value.node)
        if restore is None or restore.op != "RestoreV2":
            continue
        _, names, slices = data_inputs(restore)
        if _text_at(graph, slices, value.output):
            raise GraphError(
                source, f"its variable {variable.node!a} is partitioned", "save it unpartitioned"
            )
        keys[variable.node] = _text_at(graph, names, value.output)
    return keys


def _text_at(graph: Rewiring, tensor: Tensor, place: int) -> str:
    """Return one text of a constant list; what a constant repeats at its end it holds once."""
    node = graph.nodes.get(behind_identities(graph, tensor).node)
    texts = node.attr["value"].tensor.string_val if node is not None and node.op == "Const" else []
    if not texts:
        return ""
    text: bytes = texts[min(place, len(texts) - 1)]
    return text.decode(errors="replace")
