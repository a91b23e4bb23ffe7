"""How a runtime is named in the registry and opened on a network."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from toolkit.errors import BackendError
from toolkit.graphs import FrozenGraph, read_graph
from toolkit.inference import Backend

Artifact = Literal["graph", "onnx"]
"""What a backend runs: a frozen TF1 graph or an ONNX file."""


class Closing:
    """Makes what has a `close` a context manager."""

    def close(self) -> None:
        """Free what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class BackendFactory(Protocol):
    """Opens a network on a runtime."""

    def __call__(
        self, artifact: FrozenGraph | Path, *, threads: int, provider: str | None
    ) -> Backend:
        """Load a frozen graph or an ONNX file.

        Parameters
        ----------
        artifact : FrozenGraph or Path
        threads : int
            For one photo.
        provider : str, optional
            The execution provider or device to run on, in the runtime's own words; None: the
            backend's choice.

        Raises
        ------
        BackendError
            The runtime refuses it, or has no such provider: `check_provider` says so before
            anything is loaded.
        """
        ...


def check_provider(backend: str, asked: str | None, available: Sequence[str]) -> None:
    """Refuse a provider that a runtime does not have.

    Parameters
    ----------
    backend : str
        Its name, for the message.
    asked : str or None
        None: the backend's own choice.
    available : sequence of str

    Raises
    ------
    BackendError
        It is not among them.
    """
    if asked is not None and asked not in available:
        raise BackendError(
            f"the {backend} backend has no provider {asked!r} here",
            f"available: {', '.join(available)}",
        )


@dataclass(frozen=True)
class BackendSpec:
    """One line of the registry.

    Attributes
    ----------
    name : str
        What users type.
    artifact : {"graph", "onnx"}
        Which file it loads.
    extra : str or None
        The extra that installs it; None where the base install has it.
    packages : tuple of str
        The modules that must be importable for it.
    load : callable
        Imports the runtime and returns its factory; raises `MissingDependencyError`.
    profile : str or None
        The profile of ONNX file it is given where none is asked for; None: the toolkit's default.
    one_at_a_time : bool
        Whether threads that call it at once wait for each other: more of them gain it nothing.
    """

    name: str
    artifact: Artifact
    extra: str | None
    packages: tuple[str, ...]
    load: Callable[[], BackendFactory]
    profile: str | None = None
    one_at_a_time: bool = False

    @property
    def installed(self) -> bool:
        """Whether its runtime can be found, without importing it."""
        return all(importlib.util.find_spec(package) for package in self.packages)

    def open(
        self, artifact: FrozenGraph | Path, *, threads: int, provider: str | None = None
    ) -> Backend:
        """Import the runtime and open a network on it; parameters as in `BackendFactory`.

        Raises
        ------
        MissingDependencyError
            The runtime is not installed.
        BackendError, GraphError, ExportError
            It does not take the artifact or the provider.
        """
        return self.load()(artifact, threads=threads, provider=provider)

    def open_file(
        self,
        path: Path,
        *,
        name: str,
        labels: tuple[str, ...] | None,
        trusted: bool,
        threads: int,
        provider: str | None = None,
    ) -> Backend:
        """Open a network from the file this backend runs: a frozen graph's ``.pb`` or an ``.onnx``.

        Parameters
        ----------
        path : Path
        name, labels, trusted
            Of a frozen graph; see `toolkit.graphs.read_graph`.
        threads, provider
            As in `BackendFactory`.

        Raises
        ------
        MissingDependencyError, BackendError, GraphError, ExportError
            As in `open`, or the graph can't be read.
        """
        artifact = (
            read_graph(path, name=name, labels=labels, trusted=trusted)
            if self.artifact == "graph"
            else path
        )
        return self.open(artifact, threads=threads, provider=provider)
