"""What every runtime offers: a photo's pixels in, a label map out."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import BackendError
from toolkit.graphs import FrozenGraph, read_graph
from toolkit.graphs.network import Network

Artifact = Literal["graph", "onnx"]
"""What a backend runs: a frozen TF1 graph or an ONNX file."""


class Backend(Protocol):
    """A loaded network on one runtime; a context manager.

    Attributes
    ----------
    name : str
        The name in the registry, such as ``onnx``.
    version : str
        The runtime's version.
    provider : str
        The execution provider or device that really runs it.
    threads : int
        Size of the thread pool that runs one photo.
    network : Network
        Crop and labels of the network loaded.
    one_subject : bool
        Whether the file it runs gives one subject's mask instead of every label.
    """

    name: str
    version: str
    provider: str
    threads: int
    network: Network
    one_subject: bool

    def segment(
        self, image: NDArray[np.uint8], *, subject: int | None = None
    ) -> NDArray[np.integer[Any]]:
        """Label every pixel; may be called from several threads at once.

        Parameters
        ----------
        image : (h, w, 3) uint8, RGB, 0..255
            Any size from 1x1; the network resizes it to its own crop.
        subject : int, optional
            The label that is wanted; needed where `one_subject`, and of no effect elsewhere.

        Returns
        -------
        (h, w) integer
            The label map, 0 .. number of labels - 1. Where `one_subject`, the subject's number
            where it is; elsewhere 0, or 1 where the subject is label 0.

        Raises
        ------
        BackendError
            The runtime failed, or the subject it needs is not named.
        """
        ...

    def close(self) -> None:
        """Free the session; the backend is not used again."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class SoftBackend(Backend, Protocol):
    """A backend that gives the network's own scores besides.

    Attributes
    ----------
    gives_logits : bool
        Whether the file it runs does; a backend without this attribute does not.
    """

    gives_logits: bool

    def score(
        self, image: NDArray[np.uint8], *, subject: int
    ) -> tuple[NDArray[np.integer[Any]], NDArray[np.float32]]:
        """Label every pixel, and say by how much the subject wins; threads as in `segment`.

        Parameters
        ----------
        image : (h, w, 3) uint8, RGB, 0..255
        subject : int

        Returns
        -------
        (h, w) integer
            As `segment` gives it.
        (rows, columns) float32
            The subject's margin, see `subject_margin`, on the network's grid: pixel (i, j) lies on
            pixel (stride * i, stride * j) of the photo resized to fit the crop.
        """
        ...


def subject_margin(logits: NDArray[np.floating[Any]], subject: int) -> NDArray[np.float32]:
    """Return by how much one label wins over all others together: its log-odds.

    Parameters
    ----------
    logits : (labels, ...) float
    subject : int

    Returns
    -------
    (...) float32

    Examples
    --------
    >>> subject_margin(np.array([0.0, 2.0]), 1)
    array(2., dtype=float32)
    """
    others = np.delete(logits, subject, axis=0)
    largest = others.max(axis=0)
    total = np.log(np.exp(others - largest).sum(axis=0)) + largest
    return np.asarray(logits[subject] - total, np.float32)


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
        self, artifact: FrozenGraph | Path, *, threads: int, provider: str | None = None
    ) -> Backend:
        """Load a frozen graph or an ONNX file.

        Parameters
        ----------
        artifact : FrozenGraph or Path
        threads : int
            For one photo.
        provider : str, optional
            The execution provider or device to run on, in the runtime's own words; None: the
            backend's choice. Handed in only where one is asked for.

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
            It does not take the artifact or the provider, or is a plug-in of an older toolkit.
        """
        factory = self.load()
        named = {} if provider is None else {"provider": provider}
        if named and "provider" not in inspect.signature(factory).parameters:
            raise BackendError(
                f"the {self.name} backend can't be told a provider", "leave the provider out"
            )
        backend = factory(artifact, threads=threads, **named)
        if not hasattr(backend, "one_subject"):
            raise BackendError(
                f"the {self.name} backend does not say whether it gives one subject's mask: it was "
                "made for an older toolkit",
                "update the package it comes from",
            )
        return backend

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
