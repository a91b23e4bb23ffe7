"""The registry of runtimes: by name, each imported only when it is opened.

Other packages add theirs by an entry point: see `toolkit.backends.registry`.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.base import Artifact, BackendFactory, BackendSpec
from toolkit.backends.registry import Registry
from toolkit.errors import MissingDependencyError, UsageError
from toolkit.files.atomic import sha256_of
from toolkit.graphs import FrozenGraph

__all__ = [
    "BACKENDS",
    "Artifact",
    "BackendFactory",
    "BackendSpec",
    "artifact_sha256",
    "find_backend",
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


BACKENDS = Registry(
    (
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
)


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
