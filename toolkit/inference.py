"""What every runtime offers: a photo's pixels in, a segmentation out."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs.network import Network


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a network says of an image.

    Attributes
    ----------
    label_map : (h, w) integer
        The label of every pixel, 0 .. number of labels - 1. From a network that gives one
        subject's mask, the subject's number where it is; elsewhere 0, or 1 where the subject is
        label 0.
    margin : (rows, columns) float32 or None
        By how much the subject wins over all other labels together, see `subject_margin`, on the
        network's grid: pixel (i, j) lies on pixel (stride * i, stride * j) of the image resized to
        fit the crop. None where it was not asked for or the backend does not give it.
    """

    label_map: NDArray[np.integer[Any]]
    margin: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Capabilities:
    """What the file that a backend runs can give.

    Attributes
    ----------
    one_subject : bool
        One subject's mask instead of every label: `Backend.infer` has to be told the subject.
    margin : bool
        The subject's margin.
    """

    one_subject: bool = False
    margin: bool = False


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
    capabilities : Capabilities
    """

    name: str
    version: str
    provider: str
    threads: int
    network: Network
    capabilities: Capabilities

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        """Label every pixel; may be called from several threads at once.

        Parameters
        ----------
        image : (h, w, 3) uint8, RGB, 0..255
            Any size from 1x1; the network resizes it to its own crop.
        subject : int, optional
            The label that is wanted; needed for `margin` and where `capabilities.one_subject`.
        margin : bool
            Whether the subject's margin is wanted too, where `capabilities.margin`.

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
