"""A SavedModel of TF1 or TF2 frozen: a graph with constants in the place of variables.

TensorFlow's loader runs what a SavedModel brings along, its restore function and its initializers.
Here nothing of it is run. Every operation in it is held against the policy first; which key of the
checkpoint belongs to which variable is read off the restore function, and its value from the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import GraphError
from toolkit.graphs.branches import inline_functions
from toolkit.graphs.checkpoint import Checkpoint
from toolkit.graphs.frozen import GRAPH_LIMIT
from toolkit.graphs.loading import import_tensorflow
from toolkit.graphs.network import OUTPUT
from toolkit.graphs.operations import (
    BODIES,
    CALLS,
    SAVED_MODEL,
    VARIABLES,
    called,
    refuse_endless,
    refuse_forbidden,
)
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs, tensor_of
from toolkit.graphs.saved_model_files import SavedModelFiles

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef, NodeDef

NAME_THEM = "name the tensors: toolkit fetch NAME --from PATH --input TENSOR --output TENSOR"
SERVE = "serve"
DEFAULT_SIGNATURE = "serving_default"


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
    feed, fetch = _Signatures(meta, source).choose(input_name, output_name)
    try:
        graph = Rewiring(meta.graph_def)
        output = _shown(graph, fetch)
        needed = graph.graph_def([output.node])
        if not trusted:  # what only has to run before the output is in it too
            refuse_forbidden(needed, source, also=VARIABLES)
        graph = _without_bookkeeping(needed)
        inline_functions(graph, source, operations=CALLS)
        keys = _checkpoint_keys(meta, source)
        _Freezing(graph, keys, Checkpoint(files.variables, source), source).run()
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


class _Signatures:
    """The signatures of a SavedModel, and the two tensors that are meant."""

    def __init__(self, meta: Any, source: Path) -> None:
        self._source = source
        self._nodes = {node.name for node in meta.graph_def.node}
        self._all: dict[str, tuple[dict[str, str], dict[str, str]]] = {
            key: (_names(found.inputs), _names(found.outputs))
            for key, found in sorted(meta.signature_def.items())
            if not key.startswith("__saved_model")
        }

    def choose(self, input_name: str | None, output_name: str | None) -> tuple[Tensor, Tensor]:
        return (
            self._one(input_name, 0, "input", "--input"),
            self._one(output_name, 1, "output", "--output"),
        )

    def _one(self, given: str | None, side: int, what: str, option: str) -> Tensor:
        if given is not None:
            return self._named(given, side, option)
        key = self._default()
        names = self._all[key][side]
        if OUTPUT.name in names.values() and side:
            return self._existing(OUTPUT.name)
        if len(names) != 1:
            raise GraphError(
                self._source,
                f"its signature {key!a} has {len(names)} {what}s: {_listed(names) or 'none'}",
                f"choose one with {option}",
            )
        (name,) = names.values()
        return self._existing(name)

    def _default(self) -> str:
        if DEFAULT_SIGNATURE in self._all:
            return DEFAULT_SIGNATURE
        if len(self._all) == 1:
            return next(iter(self._all))
        found = "; ".join(
            f"{key!a} ({_listed(inputs)} to {_listed(outputs)})"
            for key, (inputs, outputs) in list(self._all.items())[:5]
        )
        raise GraphError(self._source, f"has the signatures {found or 'none'}", NAME_THEM)

    def _named(self, given: str, side: int, option: str) -> Tensor:
        keys: set[str] = {
            found[side][given] for found in self._all.values() if given in found[side]
        }
        if len(keys) > 1:
            raise GraphError(
                self._source, f"{option} {given!a} means {', '.join(sorted(keys))}", NAME_THEM
            )
        return self._existing(keys.pop() if keys else given)

    def _existing(self, name: str) -> Tensor:
        node, _, index = name.partition(":")
        if node not in self._nodes or not (index or "0").isdecimal():
            found = "; ".join(
                f"{_listed(inputs)} to {_listed(outputs)}" for inputs, outputs in self._all.values()
            )
            raise GraphError(
                self._source, f"has no tensor {name!a}", f"its signatures have {found or 'none'}"
            )
        return tensor_of(name)


def _names(tensors: Mapping[str, Any]) -> dict[str, str]:
    return {key: tensors[key].name for key in sorted(tensors)}


def _listed(names: Mapping[str, str]) -> str:
    shown = [f"{key} = {name}" for key, name in names.items()]
    return ascii(", ".join(shown[:8]))[1:-1] + (" and more" if len(shown) > 8 else "")


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
        variable, value = (_behind_identities(graph, tensor) for tensor in data_inputs(node)[:2])
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


def _behind_identities(graph: Rewiring, tensor: Tensor) -> Tensor:
    for _ in graph.nodes:
        node = graph.nodes.get(tensor.node)
        if node is None or node.op != "Identity":
            break
        (tensor,) = data_inputs(node)
    return tensor


def _text_at(graph: Rewiring, tensor: Tensor, place: int) -> str:
    """Return one text of a constant list; what a constant repeats at its end it holds once."""
    node = graph.nodes.get(_behind_identities(graph, tensor).node)
    texts = node.attr["value"].tensor.string_val if node is not None and node.op == "Const" else []
    if not texts:
        return ""
    text: bytes = texts[min(place, len(texts) - 1)]
    return text.decode(errors="replace")


class _Freezing:
    """Variables of a graph on their way to constants; calls are inlined already."""

    def __init__(
        self, graph: Rewiring, keys: Mapping[str, str], values: Checkpoint, source: Path
    ) -> None:
        self.graph = graph
        self.keys = keys
        self.values = values
        self.source = source
        self.functions = {item.signature.name: item for item in graph.library.function}
        self.done: dict[str, tuple[int, ...]] = {}

    def run(self) -> None:
        handles = {}
        for node in self.graph.nodes.values():
            if node.op in ("Variable", "VariableV2"):
                self._make_constant(node)
            elif node.op == "VarHandleOp":
                self._make_constant(node)
                handles[Tensor(node.name)] = node.attr["dtype"].type
        self._replace_reads(handles)

    def _make_constant(self, node: NodeDef) -> None:
        from tensorflow.compat.v1 import make_tensor_proto

        variable = node.name
        if variable not in self.keys:
            raise GraphError(
                self.source,
                f"nothing restores its variable {variable!a}",
                "save it with its variables",
            )
        value = self.values.read(self.keys[variable])
        shape = node.attr["shape"].shape
        sides = tuple(side.size for side in shape.dim)
        proto = make_tensor_proto(value)
        if proto.dtype != node.attr["dtype"].type or (
            not shape.unknown_rank
            and (
                len(sides) != value.ndim
                or any(a not in (-1, b) for a, b in zip(sides, value.shape, strict=True))
            )
        ):
            raise GraphError(
                self.source,
                f"its variable {variable!a} has another type or shape in the checkpoint",
                "get the SavedModel again",
            )
        node.op = "Const"
        node.attr.clear()
        node.attr["dtype"].type = proto.dtype
        node.attr["value"].tensor.CopyFrom(proto)

    def _replace_reads(self, handles: Mapping[Tensor, int]) -> None:
        """Make what reads a variable, directly or in a branch, read its value."""
        changes = {}
        for node in self.graph.nodes.values():
            inputs = [_behind_identities(self.graph, tensor) for tensor in data_inputs(node)]
            if node.op == "ReadVariableOp" and inputs and inputs[0] in handles:
                changes[Tensor(node.name)] = inputs[0]
            elif node.op in BODIES:
                types = {place: handles[it] for place, it in enumerate(inputs) if it in handles}
                for place in types:
                    node.input[place] = str(inputs[place])
                self._retype(node, types)
        self.graph.redirect_all(changes)

    def _retype(self, node: NodeDef, types: Mapping[int, int]) -> None:
        """Have a call take values in the place of handles, by the number of its input."""
        if not types:
            return
        shift = 1 if node.op in ("If", "StatelessIf") else 0  # the condition comes first
        arguments = {place - shift: kind for place, kind in types.items()}
        for place, kind in arguments.items():
            node.attr["Tin"].list.type[place] = kind
        for name in called(node):
            self._specialize(name, arguments)

    def _specialize(self, name: str, types: Mapping[int, int]) -> None:
        """Rewrite a function so that some arguments are values and no longer handles."""
        function = self.functions[name]
        for place, kind in types.items():
            function.signature.input_arg[place].type = kind
        signature = tuple(argument.type for argument in function.signature.input_arg)
        if self.done.setdefault(name, signature) != signature:
            raise GraphError(self.source, f"its function {name!a} runs on variables of two types")
        values = {function.signature.input_arg[place].name: kind for place, kind in types.items()}
        renamed = {}
        for node in function.node_def:
            given = {place: values[it] for place, it in enumerate(node.input) if it in values}
            if node.op == "ReadVariableOp" and given:
                kind = given[0]
                node.op = "Identity"
                node.attr.clear()
                node.attr["T"].type = kind
                renamed[f"{node.name}:value:0"] = f"{node.name}:output:0"
            elif node.op == "Identity" and given:
                node.attr["T"].type = given[0]
                values[f"{node.name}:output:0"] = given[0]
            elif node.op in BODIES:
                self._retype(node, given)
        for node in function.node_def:
            for place, name_ in enumerate(node.input):
                node.input[place] = renamed.get(name_, name_)
        for key, name_ in function.ret.items():
            function.ret[key] = renamed.get(name_, name_)
