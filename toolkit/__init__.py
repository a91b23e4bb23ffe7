"""Serve, export and benchmark DeepLabV3 segmentation graphs."""

import os

__version__ = "0.1.0"

# ONNX Runtime's wheels from 1.29 report sessions and models to their maker unless this is set before
# they are imported. Nothing here goes out but what the user asked to fetch; who wants it sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
