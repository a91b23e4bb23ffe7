"""The bytes of a frozen TF1 graph and where they came from; nothing is parsed here."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import GraphError

GRAPH_LIMIT = 2**31 - 1
"""Bytes; protobuf reads no larger message."""


@dataclass(frozen=True)
class FrozenGraph:
    """The bytes of a frozen graph, known by hash.

    Attributes
    ----------
    name : str
        The model's name; exports are called after it.
    source : Path
        The file it was read from, for messages.
    data : bytes
        A serialized GraphDef.
    labels : tuple of str or None
        Label names where they are known from elsewhere; None: named by their count.
    trusted : bool
        Whether the user vouched for operations outside the allowlist.
    """

    name: str
    source: Path
    data: bytes
    labels: tuple[str, ...] | None = None
    trusted: bool = False

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def read_graph(
    path: Path | str,
    *,
    name: str | None = None,
    labels: tuple[str, ...] | None = None,
    trusted: bool = False,
) -> FrozenGraph:
    """Read a ``.pb`` file; nothing in it is parsed yet.

    Parameters
    ----------
    path : Path or str
    name : str, optional
        The model's name; by default the file's stem, or its folder's name where the stem is the
        zoo's ``frozen_inference_graph``.
    labels : tuple of str, optional
        Label names.
    trusted : bool
        Skip the operation allowlist.

    Raises
    ------
    GraphError
        The file is missing, unreadable or too large for a GraphDef.
    """
    path = Path(path)
    try:
        if path.stat().st_size > GRAPH_LIMIT:
            raise GraphError(path, "is larger than 2 GiB", "a GraphDef can't be")
        data = path.read_bytes()
    except OSError as error:
        raise GraphError(path, f"can't be read ({error.strerror})") from error
    if name is None:
        name = path.stem
        if name == "frozen_inference_graph":
            name = path.resolve().parent.name or name
    return FrozenGraph(name=name, source=path, data=data, labels=labels, trusted=trusted)
