"""Frozen graph to ONNX: tf2onnx's model, transformed by a profile, and verified."""

from toolkit.convert.conversion import DEFAULT_PROFILES, OPSETS, VerifiedExport, convert_graph
from toolkit.convert.manifest import Manifest, read_manifest
from toolkit.convert.profiles import PROFILES, Profile

__all__ = [
    "DEFAULT_PROFILES",
    "OPSETS",
    "PROFILES",
    "Manifest",
    "Profile",
    "VerifiedExport",
    "convert_graph",
    "read_manifest",
]
