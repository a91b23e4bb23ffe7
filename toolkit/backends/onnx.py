"""ONNX Runtime on the CPU: what serving uses. TensorFlow is never imported here."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from toolkit.backends.base import Closing
from toolkit.catalog import INPUT, OUTPUT, Network, generic_labels
from toolkit.errors import BackendError, ExportError
from toolkit.graphs import FrozenGraph

log = logging.getLogger(__name__)

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
    """A session of ONNX Runtime; see `toolkit.backends.base.Backend`.

    Parameters
    ----------
    artefact : Path or bytes
        An ONNX file with the two tensors, or its bytes.
    threads : int
        Size of the intra-op thread pool. The runtime's own default counts the host's cores, not
        those of the container's quota.

    Raises
    ------
    ExportError
        The file is missing or no ONNX model, or lacks the two tensors.
    BackendError
        The runtime does not run on the provider asked for.
    """

    name = "onnx"

    def __init__(self, artefact: FrozenGraph | Path | bytes, *, threads: int) -> None:
        if isinstance(artefact, FrozenGraph):
            raise TypeError("the onnx backend runs an ONNX file, not a frozen graph")
        self.path = Path("(in memory)") if isinstance(artefact, bytes) else artefact
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                artefact if isinstance(artefact, bytes) else str(artefact),
                sess_options=options,
                providers=[PROVIDER],
            )
        except ort_errors.NoSuchFile as error:
            raise ExportError(
                self.path, "no such ONNX file", "toolkit convert makes one"
            ) from error
        except ORT_ERRORS as error:
            raise ExportError(
                self.path, f"ONNX Runtime does not load it: {_reason(error)}"
            ) from error
        self.version: str = onnxruntime.__version__
        self.threads = threads
        self.provider: str = self._session.get_providers()[0]
        if self.provider != PROVIDER:  # it falls back in silence: say it
            raise BackendError(f"ONNX Runtime runs on {self.provider}, not on {PROVIDER}")
        self._check_tensors()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.network = self._read_network()

    def _check_tensors(self) -> None:
        inputs = {tensor.name for tensor in self._session.get_inputs()}
        outputs = {tensor.name for tensor in self._session.get_outputs()}
        if inputs != {INPUT.name} or OUTPUT.name not in outputs:
            raise ExportError(
                self.path,
                f"has inputs {sorted(inputs)} and outputs {sorted(outputs)}, "
                f"not {INPUT.name} and {OUTPUT.name}",
                "give an export of a DeepLab frozen graph",
            )

    def _read_network(self) -> Network:
        """Read crop and labels from the file's metadata, which `toolkit convert` puts there."""
        try:
            height, width = json.loads(self.metadata["crop"])
            return Network((int(height), int(width)), tuple(json.loads(self.metadata["labels"])))
        except KeyError:
            log.warning("%s does not say its crop and labels; taking 513x513 and VOC's", self.path)
            return Network((513, 513), generic_labels(21))
        except (ValueError, TypeError) as error:
            raise ExportError(
                self.path, "its crop or labels metadata is damaged", "convert the graph again"
            ) from error

    def segment(self, image: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
        """Label every pixel; see `Backend.segment`."""
        return cast(NDArray[np.integer[Any]], self.run([OUTPUT.name], image)[0][0])

    def run(self, outputs: list[str], image: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """Fetch tensors by name for one (h, w, 3) uint8 RGB image.

        Raises
        ------
        BackendError
            The runtime failed.
        """
        try:
            return list(self._session.run(outputs, {INPUT.name: image[np.newaxis]}))
        except ORT_ERRORS as error:
            raise BackendError(f"ONNX Runtime failed on {self.path}: {_reason(error)}") from error

    def close(self) -> None:
        """Free the session."""
        del self._session


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
    # Only the metadata is wanted: nothing is optimised.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDER])
    except ort_errors.NoSuchFile as error:
        raise ExportError(path, "no such ONNX file", "toolkit convert makes one") from error
    except ORT_ERRORS as error:
        raise ExportError(path, f"ONNX Runtime does not load it: {_reason(error)}") from error
    return dict(session.get_modelmeta().custom_metadata_map)
