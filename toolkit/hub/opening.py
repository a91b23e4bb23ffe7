"""A backend opened for a model: what it runs, found or made, and the runtime loaded."""

from __future__ import annotations

from pathlib import Path

from toolkit.backends import find_backend
from toolkit.graphs import FrozenGraph
from toolkit.host import available_cores
from toolkit.hub.exports import ensure_export
from toolkit.hub.model import Model
from toolkit.hub.store import Store
from toolkit.inference import Backend


def find_artifact(
    model: Model, name: str = "onnx", *, logits: bool = False, store: Store | None = None
) -> FrozenGraph | Path:
    """Return what a backend runs of a model; an export is made first where there is none.

    Parameters
    ----------
    model, name, logits, store
        As in `open_backend`.

    Returns
    -------
    FrozenGraph or Path
        The graph, or the path of the ONNX file.

    Raises
    ------
    ToolkitError
        Whatever stands in the way, named.
    """
    spec = find_backend(name)
    if spec.artifact == "graph":
        return model.graph(store)
    return ensure_export(model, store, profile=spec.profile, logits=logits)


def open_backend(
    model: Model,
    name: str = "onnx",
    *,
    threads: int | None = None,
    provider: str | None = None,
    logits: bool = False,
    store: Store | None = None,
) -> Backend:
    """Open a model on a runtime.

    Parameters
    ----------
    model : Model
    name : str
        Of a backend, such as ``onnx`` or ``tf``. For one that runs the ONNX file the graph is
        converted first where there is no export.
    threads : int, optional
        Threads for one photo; by default the cores this process may use.
    provider : str, optional
        The execution provider or device to run on; by default the backend's own choice.
    logits : bool
        Whether an export that gives the network's logits is preferred.
    store : Store, optional
        By default the user's.

    Returns
    -------
    Backend
        A context manager.

    Raises
    ------
    ToolkitError
        Whatever stands in the way, named.
    """
    artifact = find_artifact(model, name, logits=logits, store=store)
    return find_backend(name).open(
        artifact, threads=threads or available_cores(), provider=provider
    )
