"""Backends opened on a file, without a model that it belongs to."""

from __future__ import annotations

from pathlib import Path

from toolkit.backends import find_backend
from toolkit.graphs import FrozenGraph
from toolkit.host import available_cores
from toolkit.inference import Backend


def load_backend(
    name: str,
    artifact: FrozenGraph | Path,
    *,
    threads: int | None = None,
    provider: str | None = None,
) -> Backend:
    """Open an artifact on the runtime of a name."""
    return find_backend(name).open(
        artifact, threads=threads or available_cores(), provider=provider
    )
