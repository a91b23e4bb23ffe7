"""What an export says of its making: the graph, the passes, the photos it was calibrated on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from toolkit.convert import Profile
from toolkit.errors import ExportError


@dataclass(frozen=True)
class Origin:
    """What an ONNX file says it was made from, and by which passes; None where it doesn't."""

    graph_sha256: str | None
    passes: str | None

    def is_made_by(self, profile: Profile) -> bool:
        """Whether the passes are those of the profile, as this version has it."""
        return self.passes == json.dumps(profile.passes)


def read_origin(export: Path) -> Origin:
    """Read what an ONNX file says it was made from.

    Raises
    ------
    ExportError
        The file is missing or no ONNX model.
    """
    from toolkit.backends.onnx import read_metadata

    metadata = read_metadata(export)
    return Origin(metadata.get("source_graph_sha256"), metadata.get("passes"))


def graph_behind_export(export: Path) -> str | None:
    """Return the hash of the frozen graph an ONNX file says it was made from; None if it doesn't.

    Also None where the file can't be read: whoever runs it says so.
    """
    try:
        return read_origin(export).graph_sha256
    except ExportError:
        return None


def calibration_of(export: Path) -> frozenset[str]:
    """Return the hashes of the decoded photos an export was calibrated on; none of a float one's.

    Raises
    ------
    ExportError
        The file can't be read.
    """
    from toolkit.backends.onnx import read_metadata

    try:
        return frozenset(json.loads(read_metadata(export).get("calibration", "[]")))
    except (ValueError, TypeError) as error:
        raise ExportError(export, "its calibration metadata is damaged", "convert again") from error
