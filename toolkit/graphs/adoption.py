"""From a model's files to a frozen graph that keeps the contract, and what was done on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.graphs.adapter import adapt_graph
from toolkit.graphs.frozen import FrozenGraph
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.graphs.saved_model import freeze_saved_model
from toolkit.graphs.saved_model_files import SavedModelFiles


@dataclass(frozen=True)
class Adoption:
    """A frozen graph, and what it was made of.

    Attributes
    ----------
    graph : FrozenGraph
        It keeps the contract if it was adapted; else `inspect_graph` tells.
    input, output : str
        Tensors of the source that are its photo and its label map.
    frozen_from : str
        ``frozen graph``, ``TF1 SavedModel`` or ``TF2 SavedModel``.
    changes : tuple of str
        What was added to it, for people.
    """

    graph: FrozenGraph
    input: str
    output: str
    frozen_from: str
    changes: tuple[str, ...]


def adopt(
    content: bytes | SavedModelFiles,
    name: str,
    source: Path,
    *,
    labels: tuple[str, ...] | None = None,
    trusted: bool = False,
    input_name: str | None = None,
    output_name: str | None = None,
) -> Adoption:
    """Freeze what is a SavedModel, and adapt it, or a graph whose tensors are named.

    Parameters
    ----------
    content : bytes or SavedModelFiles
        A serialized GraphDef, or a SavedModel's files.
    name : str
        The model's name.
    source : Path
        For messages.
    labels : tuple of str, optional
        Label names.
    trusted : bool
        Allow operations outside the policy.
    input_name, output_name : str, optional
        Tensors to take for the photo and the label map. A frozen graph is left as it is without.

    Raises
    ------
    GraphError
        The source can't be frozen or adapted.
    MissingDependencyError
        TensorFlow is not installed.
    """
    if isinstance(content, bytes):
        graph = FrozenGraph(name, source, content, labels, trusted)
        if input_name is None and output_name is None:
            return Adoption(graph, INPUT.name, OUTPUT.name, "frozen graph", ())
        made = adapt_graph(graph, input_name=input_name, output_name=output_name)
        adapted = FrozenGraph(name, source, made.data, labels, trusted)
        return Adoption(adapted, made.input, made.output, "frozen graph", made.changes)
    frozen = freeze_saved_model(
        content, source, input_name=input_name, output_name=output_name, trusted=trusted
    )
    graph = FrozenGraph(name, source, frozen.data, labels, trusted)
    made = adapt_graph(graph, input_name=frozen.input, output_name=frozen.output)
    adapted = FrozenGraph(name, source, made.data, labels, trusted)
    changes = ("variables are constants", *made.changes)
    return Adoption(adapted, made.input, frozen.signature_output, frozen.form, changes)
