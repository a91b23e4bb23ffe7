"""The logits of an ONNX file: what its ArgMax reads, made an output of a copy in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from toolkit.backends.onnx import OnnxBackend
from toolkit.errors import MissingDependencyError


class OnnxLogits:
    """A file's logits, also where it gives only labels.

    Parameters
    ----------
    backend : OnnxBackend
        Runs a file that gives them.
    tensor : str
        Their name.
    labels_axis : int
        The axis of the labels: 1, or 3 and -1 for the last.
    """

    def __init__(self, backend: OnnxBackend, tensor: str, labels_axis: int) -> None:
        self._backend = backend
        self._tensor = tensor
        self._labels_axis = labels_axis

    @classmethod
    def open(cls, file: Path | bytes, *, threads: int) -> Self | None:
        """Open a copy of an ONNX file that gives its logits.

        Parameters
        ----------
        file : Path or bytes
        threads : int

        Returns
        -------
        OnnxLogits or None
            None where there is not one ArgMax.

        Raises
        ------
        MissingDependencyError
            The onnx package is not installed.
        ExportError
            It is no such file.
        """
        opened = _with_logits(file if isinstance(file, bytes) else file.read_bytes())
        if opened is None:
            return None
        content, tensor, labels_axis = opened
        return cls(OnnxBackend(content, threads=threads), tensor, labels_axis)

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of an image.

        Parameters
        ----------
        image : (h, w, 3) uint8 RGB

        Returns
        -------
        (rows, columns, labels) float32

        Raises
        ------
        BackendError
            The runtime failed.
        """
        logits = self._backend.run([self._tensor], image)[0]
        return np.asarray(np.moveaxis(logits, self._labels_axis, -1)[0], np.float32)


def _with_logits(content: bytes) -> tuple[bytes, str, int] | None:
    """Add the ArgMax's input to a file's outputs.

    Returns
    -------
    (bytes, str, int) or None
        The changed file, the name of the logits and the axis of their labels; None where there is
        not one ArgMax.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"comparing an export's logits needs the onnx package ({error})",
            "convert",
        ) from error
    model = onnx.load_from_string(content)
    choices = [node for node in model.graph.node if node.op_type == "ArgMax"]
    if len(choices) != 1:
        return None
    (argmax,) = choices
    name: str = argmax.input[0]
    axis: int = next((entry.i for entry in argmax.attribute if entry.name == "axis"), 0)
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    for node in model.graph.node:
        if node.op_type == "Compress":  # some profiles leave out labels that can't win
            node.CopyFrom(onnx.helper.make_node("Identity", node.input[:1], node.output))
    return model.SerializeToString(), name, axis
