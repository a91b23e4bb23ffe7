"""Serve, export and benchmark DeepLabV3 segmentation graphs."""

import os

__version__ = "0.1.0"

# From 1.29 on, ONNX Runtime's wheels report sessions and models to their maker unless this is set
# before they are imported. Nothing goes out from here but what the user asked to fetch. A value
# that the user has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
