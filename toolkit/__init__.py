"""Serve, export and benchmark DeepLabV3 segmentation graphs.

The command line's work as a Python API. Names are imported when first used, so that ``import
toolkit`` costs nothing and TensorFlow is only loaded by what needs it.

Examples
--------
>>> import toolkit
>>> model = toolkit.resolve_model("mnv2_dm05_person")
>>> with toolkit.open_backend(model, "onnx") as backend:
...     made = toolkit.make_portrait(toolkit.demo_photo(), backend)
>>> made.subject_found, made.image.shape
(True, (512, 512, 3))
"""

from __future__ import annotations

import os

import lazy_loader

__version__ = "0.1.0"

# From 1.29 on, ONNX Runtime's wheels report sessions and models to their maker unless this is set
# before they are imported. Nothing goes out from here but what the user asked to fetch. A value
# that the user has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted([*_names, "__version__"])  # noqa: PLE0605 - the names are those of the stub
