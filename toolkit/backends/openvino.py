"""OpenVINO, from the ONNX file; on the CPU unless another device is asked for.

OpenVINO reads the frozen graph too. It is given the export: its agreement with TF1 was verified, it
carries crop and labels, and nothing of TensorFlow is needed to run it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from toolkit.backends.base import Closing, check_provider
from toolkit.backends.export import check_present, check_tensors, feed_of, margin_of, network_of
from toolkit.errors import BackendError, ExportError
from toolkit.graphs import FrozenGraph
from toolkit.graphs.network import LOGITS, OUTPUT
from toolkit.inference import Capabilities, Segmentation

DEVICE = "CPU"

METADATA = "framework"
"""Where OpenVINO keeps an ONNX file's own metadata."""

THREADS = "INFERENCE_NUM_THREADS"


class OpenvinoBackend(Closing):
    """A network compiled by OpenVINO; see `toolkit.inference.Backend`.

    Parameters
    ----------
    artifact : Path
        An ONNX file with the two tensors.
    threads : int
        Size of the thread pool. OpenVINO takes no more than there are cores; `threads` says how
        many it took. Another device than the CPU has its own, and is not told.
    provider : str, optional
        One of OpenVINO's devices; by default ``CPU``.

    Raises
    ------
    BackendError
        It has no such device here.
    ExportError
        The file is missing, OpenVINO does not load it, or it lacks the two tensors.
    """

    name = "openvino"

    def __init__(
        self, artifact: FrozenGraph | Path, *, threads: int, provider: str | None = None
    ) -> None:
        if isinstance(artifact, FrozenGraph):
            raise TypeError("the openvino backend runs an ONNX file, not a frozen graph")
        core = openvino.Core()
        check_provider(self.name, provider, core.available_devices)
        device = provider or DEVICE
        self.path = artifact
        check_present(artifact)
        asked = {
            THREADS: threads,
            "PERFORMANCE_HINT": "LATENCY",
            # by default it computes in bfloat16 or float16 where the device can
            "INFERENCE_PRECISION_HINT": "f32",
            # two processes would pin their threads to the same cores
            "ENABLE_CPU_PINNING": False,
        }
        try:
            model = core.read_model(artifact)
            outputs = _names(model.outputs)
            one_subject = check_tensors(artifact, _names(model.inputs), outputs)
            self.capabilities = Capabilities(one_subject, margin=LOGITS.name in outputs)
            self.network = network_of(artifact, _metadata(model))
            known = core.get_property(device, "SUPPORTED_PROPERTIES")
            self._compiled = core.compile_model(
                model, device, {name: value for name, value in asked.items() if name in known}
            )
        except RuntimeError as error:
            raise ExportError(artifact, f"OpenVINO does not load it: {_reason(error)}") from error
        self.version: str = openvino.__version__.partition("-")[0]
        self.threads = int(self._compiled.get_property(THREADS)) if THREADS in known else threads
        self.provider: str = ", ".join(self._compiled.get_property("EXECUTION_DEVICES"))
        # A request runs one photo at a time; each thread that calls gets its own.
        self._requests = threading.local()

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        """Label every pixel; see `toolkit.inference.Backend.infer`."""
        found = self._run(image, subject)
        wanted = margin and self.capabilities.margin
        return Segmentation(
            found[OUTPUT.name][0],
            margin_of(found[LOGITS.name][0], subject) if wanted else None,
        )

    def _run(self, image: NDArray[np.uint8], subject: int | None) -> Any:
        feed = feed_of(
            self.path,
            image,
            subject,
            one_subject=self.capabilities.one_subject,
            network=self.network,
        )
        try:
            if not hasattr(self._requests, "own"):
                self._requests.own = self._compiled.create_infer_request()
            # A tensor's shape and type are checked; an array would be cast in silence.
            tensors = {name: openvino.Tensor(array) for name, array in feed.items()}
            return self._requests.own.infer(tensors, share_inputs=True)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed on {self.path}: {_reason(error)}") from error

    def close(self) -> None:
        """Free the compiled network."""
        del self._requests, self._compiled


def _names(ports: list[Any]) -> set[str]:
    return {name for port in ports for name in port.names}


def _metadata(model: openvino.Model) -> dict[str, str]:
    if not model.has_rt_info(METADATA):
        return {}
    return dict(model.get_rt_info(METADATA).value)


def _reason(error: RuntimeError) -> str:
    """Return the one line of OpenVINO's message that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Exception from", "Check "))]
    return (telling or lines)[0]
