"""Frozen graph to ONNX: tf2onnx's model, transformed by a profile, and verified."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
