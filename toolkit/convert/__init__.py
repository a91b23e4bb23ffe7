"""Frozen graph to ONNX: tf2onnx's model, transformed by a profile, verified, put in place."""

from toolkit.convert.conversion import DEFAULT_PROFILES, OPSETS, Conversion, convert_model
from toolkit.convert.manifest import Manifest, read_manifest
from toolkit.convert.profiles import PROFILES, Profile

__all__ = [
    "DEFAULT_PROFILES",
    "OPSETS",
    "PROFILES",
    "Conversion",
    "Manifest",
    "Profile",
    "convert_model",
    "read_manifest",
]
