"""What a MODEL argument means, where its export is, and a backend opened for it."""

from __future__ import annotations

from toolkit.resolve.exports import ensure_export, find_export
from toolkit.resolve.model import Model, resolve_model
from toolkit.resolve.opening import find_artefact, open_backend
from toolkit.resolve.origin import calibration_of, graph_behind_export

__all__ = [
    "Model",
    "calibration_of",
    "ensure_export",
    "find_artefact",
    "find_export",
    "graph_behind_export",
    "open_backend",
    "resolve_model",
]
