"""ONNX Runtime, on the CPU unless told otherwise: what serving uses, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from toolkit.backends.base import Closing, check_provider
from toolkit.backends.export import check_tensors, feed_of, margin_of, network_of
from toolkit.errors import BackendError, ExportError
from toolkit.graphs import FrozenGraph
from toolkit.graphs.network import LOGITS, OUTPUT
from toolkit.inference import Capabilities, Segmentation

PROVIDER = "CPUExecutionProvider"

# The runtime gives each status its own exception, all straight under Exception.
ORT_ERRORS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in vars(ort_errors).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)

# Its default complains on stderr about GPUs this project does not use.
onnxruntime.set_default_logger_severity(3)


class OnnxBackend(Closing):
    """A session of ONNX Runtime; see `toolkit.inference.Backend`.

    Parameters
    ----------
    artifact : Path or bytes
        An ONNX file with the two tensors, or its bytes.
    threads : int
        Size of the intra-op thread pool. The runtime's own default counts the host's cores, not
        those of the container's quota.
    provider : str, optional
        One of ONNX Runtime's execution providers; by default the CPU's.

    Raises
    ------
    ExportError
        The file is missing or no ONNX model, or lacks the two tensors.
    BackendError
        There is no such provider here, or it does not run the file.
    """

    name = "onnx"

    def __init__(
        self, artifact: FrozenGraph | Path | bytes, *, threads: int, provider: str | None = None
    ) -> None:
        if isinstance(artifact, FrozenGraph):
            raise TypeError("the onnx backend runs an ONNX file, not a frozen graph")
        self.path = Path("(in memory)") if isinstance(artifact, bytes) else artifact
        check_provider(self.name, provider, onnxruntime.get_available_providers())
        self.provider = provider or PROVIDER
        self._session = open_session(artifact, self.path, threads=threads, provider=self.provider)
        self.version: str = onnxruntime.__version__
        self.threads = threads
        outputs = {tensor.name for tensor in self._session.get_outputs()}
        one_subject = check_tensors(
            self.path, {tensor.name for tensor in self._session.get_inputs()}, outputs
        )
        self.capabilities = Capabilities(one_subject, margin=LOGITS.name in outputs)
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.network = network_of(self.path, self.metadata)

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        """Label every pixel; see `toolkit.inference.Backend.infer`."""
        if not (margin and self.capabilities.margin):
            return Segmentation(self.run([OUTPUT.name], image, subject)[0][0])
        labels, logits = self.run([OUTPUT.name, LOGITS.name], image, subject)
        return Segmentation(labels[0], margin_of(logits[0], subject))

    def run(
        self, outputs: list[str], image: NDArray[np.uint8], subject: int | None = None
    ) -> list[NDArray[Any]]:
        """Fetch tensors by name for one (h, w, 3) uint8 RGB image.

        Raises
        ------
        BackendError
            The runtime failed.
        """
        feed = feed_of(
            self.path,
            image,
            subject,
            one_subject=self.capabilities.one_subject,
            network=self.network,
        )
        return run_session(self._session, self.path, outputs, feed)

    def close(self) -> None:
        """Free the session."""
        del self._session


def open_session(
    model: Path | bytes,
    path: Path,
    *,
    threads: int,
    spinning: bool = True,
    provider: str = PROVIDER,
) -> onnxruntime.InferenceSession:
    """Open an ONNX model.

    Parameters
    ----------
    model : Path or bytes
    path : Path
        For messages.
    threads : int
        Size of the intra-op thread pool.
    spinning : bool
        Whether idle threads wait busily for a while: faster, unless another runtime's threads have
        work to do meanwhile.
    provider : str
        One that is available; what it can't run falls to the CPU.

    Raises
    ------
    ExportError
        The file is missing or no ONNX model.
    BackendError
        The provider runs no part of it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if provider != PROVIDER:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            sess_options=options,
            providers=[provider],
        )
    except ort_errors.NoSuchFile as error:
        raise ExportError(path, "no such ONNX file", "toolkit convert makes one") from error
    except ORT_ERRORS as error:
        raise ExportError(path, f"ONNX Runtime does not load it: {_reason(error)}") from error
    if provider not in _run_by(session, provider):  # it falls back in silence: say it
        raise BackendError(f"ONNX Runtime runs no part of {path} on {provider}")
    return session


def _run_by(session: onnxruntime.InferenceSession, provider: str) -> set[str]:
    """Return the providers that run a part of a model, as far as the runtime tells."""
    if provider == PROVIDER or not hasattr(session, "get_provider_graph_assignment_info"):
        return {session.get_providers()[0]}  # the method came with 1.24
    return {part.ep_name for part in session.get_provider_graph_assignment_info()}


def run_session(
    session: onnxruntime.InferenceSession,
    path: Path,
    outputs: list[str],
    feed: Mapping[str, NDArray[Any]],
) -> list[NDArray[Any]]:
    """Fetch tensors by name.

    Raises
    ------
    BackendError
        The runtime failed.
    """
    try:
        return list(session.run(outputs, dict(feed)))
    except ORT_ERRORS as error:
        raise BackendError(f"ONNX Runtime failed on {path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error).partition(" : ")[2].splitlines()[0] or type(error).__name__


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file, as `toolkit convert` wrote it.

    Raises
    ------
    ExportError
        The file is missing or no ONNX model.
    """
    options = onnxruntime.SessionOptions()
    # Only the metadata is wanted: nothing is optimized.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1  # its default starts the host's cores' worth, and pins them
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDER])
    except ort_errors.NoSuchFile as error:
        raise ExportError(path, "no such ONNX file", "toolkit convert makes one") from error
    except ORT_ERRORS as error:
        raise ExportError(path, f"ONNX Runtime does not load it: {_reason(error)}") from error
    return dict(session.get_modelmeta().custom_metadata_map)
