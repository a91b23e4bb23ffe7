"""The registry of runtimes: by name, each imported only when it is opened.

Other packages add theirs by an entry point: see `toolkit.backends.plugins`.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.base import Artifact, Backend, BackendFactory, BackendSpec
from toolkit.backends.plugins import plugged_in
from toolkit.errors import MissingDependencyError, UsageError
from toolkit.files.atomic import sha256_of
from toolkit.graphs import FrozenGraph
from toolkit.host import available_cores

__all__ = [
    "BACKENDS",
    "Artifact",
    "Backend",
    "BackendFactory",
    "BackendSpec",
    "artifact_sha256",
    "find_backend",
    "load_backend",
]


def _onnx() -> BackendFactory:
    from toolkit.backends.onnx import OnnxBackend

    return OnnxBackend


def _tf() -> BackendFactory:
    from toolkit.backends.tf import TfBackend

    return TfBackend


def _openvino() -> BackendFactory:
    try:
        from toolkit.backends.openvino import OpenvinoBackend
    except ImportError as error:
        raise MissingDependencyError.of_extra(
            f"the openvino backend needs OpenVINO ({error})", "openvino"
        ) from error
    return OpenvinoBackend


def _opencv() -> BackendFactory:
    from toolkit.backends.opencv import OpencvBackend

    return OpencvBackend


BACKENDS: dict[str, BackendSpec] = {
    spec.name: spec
    for spec in (
        BackendSpec("onnx", artifact="onnx", extra=None, packages=("onnxruntime",), load=_onnx),
        BackendSpec(
            "tf",
            artifact="graph",
            extra="convert",
            packages=("tensorflow",),
            load=_tf,
            one_at_a_time=True,
        ),
        BackendSpec(
            "openvino",
            artifact="onnx",
            extra="openvino",
            packages=("openvino",),
            load=_openvino,
        ),
        BackendSpec(
            "opencv",
            artifact="onnx",
            extra="opencv",
            packages=("cv2", "onnx"),
            load=_opencv,
            profile="plain",
            one_at_a_time=True,
        ),
    )
}
BACKENDS |= plugged_in(BACKENDS)


def find_backend(name: str) -> BackendSpec:
    """Return the registry's line for a name.

    Raises
    ------
    UsageError
        No such backend.
    """
    try:
        return BACKENDS[name]
    except KeyError as error:
        raise UsageError(f"no backend {name!r}", f"choose from: {', '.join(BACKENDS)}") from error


def artifact_sha256(artifact: FrozenGraph | Path) -> str:
    """Return the hash of what a backend runs, hexadecimal.

    Raises
    ------
    StoreError
        The file can't be read.
    """
    return sha256_of(artifact) if isinstance(artifact, Path) else artifact.sha256


def load_backend(
    name: str,
    artifact: FrozenGraph | Path,
    *,
    threads: int | None = None,
    provider: str | None = None,
) -> Backend:
    """Open a network on a runtime.

    Parameters
    ----------
    name : str
        A name in `BACKENDS`.
    artifact : FrozenGraph or Path
        What that backend runs: a frozen graph, or the path of an ONNX file.
    threads : int, optional
        Threads for one photo; by default the cores this process may use.
    provider : str, optional
        The execution provider or device to run on, such as ``CPUExecutionProvider`` (onnx) or
        ``CPU`` (the others); by default the backend's own choice.

    Returns
    -------
    Backend
        A context manager.

    Raises
    ------
    UsageError
        No such backend.
    MissingDependencyError
        Its runtime is not installed.
    BackendError, GraphError, ExportError
        It does not take the artifact, or has no such provider.
    """
    spec = find_backend(name)
    return spec.open(artifact, threads=threads or available_cores(), provider=provider)
