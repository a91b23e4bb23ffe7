"""The files of a SavedModel, as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

SAVED_MODEL_FILE = "saved_model.pb"
VARIABLES = "variables"
"""The folder of a SavedModel's checkpoint, and how its files begin."""


@dataclass(frozen=True)
class SavedModelFiles:
    """The files of a SavedModel that say what it computes; nothing of them is parsed.

    Attributes
    ----------
    graph : bytes
        ``saved_model.pb``.
    variables : mapping of str to bytes
        The checkpoint in ``variables/``: its index and its shards, by file name.
    """

    graph: bytes
    variables: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return len(self.graph) + sum(map(len, self.variables.values()))

    @property
    def sha256(self) -> str:
        """SHA-256 over the names, sizes and hashes of the files, hexadecimal."""
        files = {SAVED_MODEL_FILE: self.graph}
        files |= {f"{VARIABLES}/{name}": data for name, data in self.variables.items()}
        listing = "".join(
            f"{name} {len(files[name])} {hashlib.sha256(files[name]).hexdigest()}\n"
            for name in sorted(files)
        )
        return hashlib.sha256(listing.encode()).hexdigest()
