"""What an ONNX file says of its making: the graph, the passes, the photos it was calibrated on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.convert import Profile
from toolkit.errors import ExportError


@dataclass(frozen=True)
class Provenance:
    """What the metadata of an ONNX file say of its making.

    Attributes
    ----------
    path : Path
        The file.
    metadata : mapping of str to str
        As `toolkit convert` wrote them; another file has none of them.
    """

    path: Path
    metadata: Mapping[str, str]

    @property
    def graph_sha256(self) -> str | None:
        """Of the frozen graph it was made from; None where it doesn't say."""
        return self.metadata.get("source_graph_sha256")

    @property
    def calibrated_on(self) -> frozenset[str]:
        """Hashes of the decoded photos it was calibrated on; none of a float one's.

        Raises
        ------
        ExportError
            They are damaged.
        """
        try:
            return frozenset(json.loads(self.metadata.get("calibration", "[]")))
        except (ValueError, TypeError) as error:
            raise ExportError(
                self.path, "its calibration metadata is damaged", "convert again"
            ) from error

    def is_made_by(self, profile: Profile) -> bool:
        """Whether the passes are those of the profile, as this version has it."""
        return self.metadata.get("passes") == json.dumps(profile.passes)


def read_provenance(path: Path) -> Provenance:
    """Read what an ONNX file says of its making.

    Raises
    ------
    ExportError
        The file is missing or no ONNX model.
    """
    from toolkit.backends.onnx import read_metadata

    return Provenance(path, read_metadata(path))
