"""What an ONNX export says of itself: the two tensors, crop and labels."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import BackendError, ExportError
from toolkit.graphs.network import INPUT, OUTPUT, SUBJECT, Network, generic_labels
from toolkit.inference import subject_margin

log = logging.getLogger(__name__)


def check_present(path: Path) -> None:
    """Raise `ExportError` where there is no such file."""
    if not path.is_file():
        raise ExportError(path, "no such ONNX file", "toolkit convert makes one")


def check_tensors(path: Path, inputs: set[str], outputs: set[str]) -> bool:
    """Check that a model takes the one tensor and gives the other.

    Parameters
    ----------
    path : Path
        For the message.
    inputs, outputs : set of str
        Names of the model's tensors.

    Returns
    -------
    bool
        Whether it gives one subject's mask, and takes the subject's number besides.

    Raises
    ------
    ExportError
        It does not.
    """
    one_subject = SUBJECT.name in inputs
    if inputs - {SUBJECT.name} != {INPUT.name} or OUTPUT.name not in outputs:
        raise ExportError(
            path,
            f"has inputs {sorted(inputs)} and outputs {sorted(outputs)}, "
            f"not {INPUT.name} and {OUTPUT.name}",
            "give an export of a DeepLab frozen graph",
        )
    return one_subject


def feed_of(
    path: Path,
    image: NDArray[np.uint8],
    subject: int | None,
    *,
    one_subject: bool,
    network: Network | None = None,
) -> dict[str, NDArray[Any]]:
    """Make what a model is fed with.

    Parameters
    ----------
    path : Path
        For the message.
    image : (h, w, 3) uint8 RGB
    subject : int or None
    one_subject : bool
        Whether the model takes a subject; one that doesn't is not fed with it.
    network : Network, optional
        The model's, where the image's size is to be checked.

    Raises
    ------
    BackendError
        It takes a subject, and none is named, or does not resize and the image is too large.
    """
    if network is not None:
        check_size(path, image, network)
    feed: dict[str, NDArray[Any]] = {INPUT.name: np.ascontiguousarray(image[np.newaxis])}
    if one_subject:
        if subject is None:
            raise BackendError(f"{path} gives one subject's mask", "name the subject")
        feed[SUBJECT.name] = np.array(subject, np.int64)
    return feed


def margin_of(logits: NDArray[np.float32], subject: int | None) -> NDArray[np.float32]:
    """Return the margin of a subject that has to be named.

    Parameters
    ----------
    logits : (labels, rows, columns) float32
    subject : int or None

    Raises
    ------
    BackendError
        None is named.
    """
    if subject is None:
        raise BackendError("a margin is one subject's", "name the subject")
    return subject_margin(logits, subject)


def check_size(path: Path, image: NDArray[np.uint8], network: Network) -> None:
    """Refuse an image that is larger than a network which does not resize.

    Parameters
    ----------
    path : Path
        For the message.
    image : (h, w, 3) uint8 RGB
    network : Network

    Raises
    ------
    BackendError
        It is.
    """
    height, width = image.shape[:2]
    if not network.takes(height, width):
        rows, columns = network.crop
        raise BackendError(
            f"{path} does not resize photos: {width}x{height} pixels are more than its crop's "
            f"{columns}x{rows}",
            "resize the photo to fit first, as toolkit portrait does",
        )


def network_of(path: Path, metadata: Mapping[str, str]) -> Network:
    """Read crop and labels from an export's metadata, which `toolkit convert` puts there.

    A file without them is taken for a VOC network of crop 513x513, with a warning.

    Parameters
    ----------
    path : Path
        For messages.
    metadata : mapping of str to str

    Raises
    ------
    ExportError
        They are there but damaged.
    """
    try:
        height, width = json.loads(metadata["crop"])
        resizes = json.loads(metadata.get("resizes", "true")) is not False
        return Network((int(height), int(width)), tuple(json.loads(metadata["labels"])), resizes)
    except KeyError:
        log.warning("%s does not say its crop and labels; taking 513x513 and VOC's", path)
        return Network((513, 513), generic_labels(21))
    except (ValueError, TypeError) as error:
        raise ExportError(
            path, "its crop or labels metadata is damaged", "convert the graph again"
        ) from error
