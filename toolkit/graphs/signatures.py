"""The signatures of a SavedModel, and which of their tensors are the photo and the label map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.errors import GraphError
from toolkit.graphs.network import OUTPUT
from toolkit.graphs.rewiring import Tensor, tensor_of

NAME_THEM = "name the tensors: toolkit fetch NAME --from PATH --input TENSOR --output TENSOR"
DEFAULT_SIGNATURE = "serving_default"


class Signatures:
    """The signatures of a SavedModel.

    Parameters
    ----------
    meta : MetaGraphDef
    source : Path
        For messages.
    """

    def __init__(self, meta: Any, source: Path) -> None:
        self._source = source
        self._nodes = {node.name for node in meta.graph_def.node}
        self._all: dict[str, tuple[dict[str, str], dict[str, str]]] = {
            key: (_names(found.inputs), _names(found.outputs))
            for key, found in sorted(meta.signature_def.items())
            if not key.startswith("__saved_model")
        }

    def choose(self, input_name: str | None, output_name: str | None) -> tuple[Tensor, Tensor]:
        """Return the photo and the label map, or the labels' scores.

        Parameters
        ----------
        input_name, output_name : str or None
            Keys of a signature, or tensors; None: the one that the serving signature has.

        Raises
        ------
        GraphError
            There are no such tensors, or several that may be meant.
        """
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
