"""What every runtime offers: a photo's pixels in, a label map out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from toolkit.catalog import Network
from toolkit.graphs import FrozenGraph

Artefact = Literal["graph", "onnx"]
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
    """

    name: str
    version: str
    provider: str
    threads: int
    network: Network

    def segment(self, image: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
        """Label every pixel; may be called from several threads at once.

        Parameters
        ----------
        image : (h, w, 3) uint8, RGB, 0..255
            Any size from 1x1; the network resizes it to its own crop.

        Returns
        -------
        (h, w) integer
            The label map, 0 .. number of labels - 1.

        Raises
        ------
        BackendError
            The runtime failed.
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

    def __call__(self, artefact: FrozenGraph | Path, *, threads: int) -> Backend:
        """Load a frozen graph or an ONNX file; raises `BackendError` where the runtime refuses."""
        ...


@dataclass(frozen=True)
class BackendSpec:
    """One line of the registry.

    Attributes
    ----------
    name : str
        What users type.
    artefact : {"graph", "onnx"}
        Which file it loads.
    extra : str or None
        The extra that installs it; None where the base install has it.
    packages : tuple of str
        The modules that must be importable for it.
    load : callable
        Imports the runtime and returns its factory; raises `MissingDependencyError`.
    """

    name: str
    artefact: Artefact
    extra: str | None
    packages: tuple[str, ...]
    load: Callable[[], BackendFactory]

    @property
    def installed(self) -> bool:
        """Whether its runtime can be found, without importing it."""
        return all(importlib.util.find_spec(package) for package in self.packages)
