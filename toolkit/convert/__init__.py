"""Frozen graph to ONNX: exported by tf2onnx, put in canonical form, verified, then put in place."""

from toolkit.convert.conversion import OPSETS, Conversion, convert_model
from toolkit.convert.manifest import Manifest, read_manifest

__all__ = ["OPSETS", "Conversion", "Manifest", "convert_model", "read_manifest"]
