"""What an ONNX export says of itself: the two tensors, crop and labels."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from toolkit.catalog import INPUT, OUTPUT, Network, generic_labels
from toolkit.errors import ExportError

log = logging.getLogger(__name__)


def check_present(path: Path) -> None:
    """Raise `ExportError` where there is no such file."""
    if not path.is_file():
        raise ExportError(path, "no such ONNX file", "toolkit convert makes one")


def check_tensors(path: Path, inputs: set[str], outputs: set[str]) -> None:
    """Check that a model takes the one tensor and gives the other.

    Parameters
    ----------
    path : Path
        For the message.
    inputs, outputs : set of str
        Names of the model's tensors.

    Raises
    ------
    ExportError
        It does not.
    """
    if inputs != {INPUT.name} or OUTPUT.name not in outputs:
        raise ExportError(
            path,
            f"has inputs {sorted(inputs)} and outputs {sorted(outputs)}, "
            f"not {INPUT.name} and {OUTPUT.name}",
            "give an export of a DeepLab frozen graph",
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
        return Network((int(height), int(width)), tuple(json.loads(metadata["labels"])))
    except KeyError:
        log.warning("%s does not say its crop and labels; taking 513x513 and VOC's", path)
        return Network((513, 513), generic_labels(21))
    except (ValueError, TypeError) as error:
        raise ExportError(
            path, "its crop or labels metadata is damaged", "convert the graph again"
        ) from error
