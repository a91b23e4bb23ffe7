"""Backends that do what a test needs: steady ones, and ones that crash, hang or talk."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.backends import BackendFactory, BackendSpec
from toolkit.backends.base import Closing, check_provider
from toolkit.bench.worker import SLICE_NS
from toolkit.errors import BackendError
from toolkit.graphs import FrozenGraph
from toolkit.graphs.network import Network
from toolkit.inference import Capabilities, Segmentation

NETWORK = Network((65, 65), ("background", "cat", "person"))
Labeling = Callable[[NDArray[np.uint8]], NDArray[np.integer[Any]]]


class StubBackend(Closing):
    """Labels by a function; remembers how it was called."""

    version = "1.2.3"
    provider = "stub"
    network = NETWORK
    capabilities = Capabilities()

    def __init__(self, name: str, threads: int, label: Labeling) -> None:
        self.name = name
        self.threads = threads
        self.label = label
        self.calls = 0
        self.collecting: list[bool] = []
        self.closed = False

    def infer(
        self,
        image: NDArray[np.uint8],
        *,
        subject: int | None = None,  # noqa: ARG002 - it gives every label
        margin: bool = False,  # noqa: ARG002 - it has none
    ) -> Segmentation:
        """Label an image by the function given."""
        self.calls += 1
        self.collecting.append(gc.isenabled())
        return Segmentation(self.label(image))

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def half_person(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    labels = np.zeros(image.shape[:2], np.int64)
    labels[:, : image.shape[1] // 2] = 2
    return labels


def no_person(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    labels = np.ones(image.shape[:2], np.int64)
    labels[:1] = 0
    return labels


def crash(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    sys.stderr.write("warming up\nthe runtime fell over\n")
    sys.stderr.flush()
    os._exit(7)


def killed(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    os.kill(os.getpid(), signal.SIGKILL)
    return half_person(image)


def hang(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    time.sleep(600)
    return half_person(image)


def chatty(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    os.write(1, b"a library greets the world\n")
    return half_person(image)


def failing(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    raise BackendError("the runtime failed", "try another")


def logging(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Write down when it works, in the file that the environment names; takes a turn each time."""
    for what in ("begin", "end"):
        line = f"{os.getpid()} {what} {time.monotonic()}\n"
        with Path(os.environ["STUB_LOG"]).open("a") as log:
            log.write(line)
        time.sleep(SLICE_NS / 1e9 if what == "begin" else 0)
    return half_person(image)


def later(label: Labeling, passes: int = 3) -> Labeling:
    """Return what labels half of some images as a person, and then does as `label`."""
    seen = []

    def labeling(image: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
        seen.append(image)
        return (half_person if len(seen) < passes else label)(image)

    return labeling


LABELLINGS: dict[str, Labeling] = {
    function.__name__: function
    for function in (half_person, no_person, crash, killed, hang, chatty, failing, logging)
}
LABELLINGS |= {f"{function.__name__}_later": later(function) for function in (crash, killed, hang)}
LABELLINGS |= {"logging_too": logging, "logging_three": logging}


def stub_spec(
    name: str, label: Labeling, opened: list[StubBackend] | None = None, *, crash_after: int = -1
) -> BackendSpec:
    """Return a registry line for a stub; what is opened is appended to `opened`."""

    def factory(
        artifact: FrozenGraph | Path, *, threads: int, provider: str | None = None
    ) -> StubBackend:
        check_provider(name, provider, [StubBackend.provider])
        backend = StubBackend(name, threads, label)
        if opened is not None:
            opened.append(backend)
        if crash_after >= 0:
            assert isinstance(artifact, Path)
            runs = len(artifact.read_text())
            artifact.write_text("x" * (runs + 1))
            if runs >= crash_after:
                crash(np.zeros((1, 1, 3), np.uint8))
        return backend

    def load() -> BackendFactory:
        return factory

    return BackendSpec(name, artifact="onnx", extra=None, packages=(), load=load)


def stub_registry() -> dict[str, BackendSpec]:
    """Return a registry of every stub; ``once`` crashes from its second process on."""
    registry = {name: stub_spec(name, label) for name, label in LABELLINGS.items()}
    return {**registry, "once": stub_spec("once", half_person, crash_after=1)}
