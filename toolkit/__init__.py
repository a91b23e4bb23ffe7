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

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.bench.compare import compare
    from toolkit.bench.files import read_report
    from toolkit.bench.run import run_bench
    from toolkit.bench.statistics import summarize
    from toolkit.bench.variants import Variant, parse_variant
    from toolkit.convert import read_manifest
    from toolkit.demo import run_demo
    from toolkit.errors import ToolkitError
    from toolkit.evaluate.dataset import open_dataset
    from toolkit.evaluate.files import read_evaluation
    from toolkit.evaluate.run import run_evaluation
    from toolkit.gate.run import run_gate
    from toolkit.graphs import inspect_graph, read_graph
    from toolkit.host import available_cores, host_facts
    from toolkit.hub.fetch import fetch_model
    from toolkit.hub.model import resolve_model
    from toolkit.hub.opening import open_backend
    from toolkit.hub.publish import convert_model
    from toolkit.hub.store import Store
    from toolkit.imaging import demo_photo, read_photo, write_photo
    from toolkit.parity import check_parity, compare_label_maps, compare_masks
    from toolkit.portrait import make_portrait, preprocess
    from toolkit.recommend.run import run_recommendation
    from toolkit.verify import verify_model

__version__ = "0.1.0"

# From 1.29 on, ONNX Runtime's wheels report sessions and models to their maker unless this is set
# before they are imported. Nothing goes out from here but what the user asked to fetch. A value
# that the user has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODULES = {
    "toolkit.bench.compare": ("compare",),
    "toolkit.bench.files": ("read_report",),
    "toolkit.bench.run": ("run_bench",),
    "toolkit.bench.statistics": ("summarize",),
    "toolkit.bench.variants": ("Variant", "parse_variant"),
    "toolkit.convert": ("read_manifest",),
    "toolkit.hub.publish": ("convert_model",),
    "toolkit.demo": ("run_demo",),
    "toolkit.errors": ("ToolkitError",),
    "toolkit.evaluate.dataset": ("open_dataset",),
    "toolkit.evaluate.files": ("read_evaluation",),
    "toolkit.evaluate.run": ("run_evaluation",),
    "toolkit.hub.fetch": ("fetch_model",),
    "toolkit.gate.run": ("run_gate",),
    "toolkit.graphs": ("inspect_graph", "read_graph"),
    "toolkit.host": ("available_cores", "host_facts"),
    "toolkit.imaging": ("demo_photo", "read_photo", "write_photo"),
    "toolkit.parity": ("check_parity", "compare_label_maps", "compare_masks"),
    "toolkit.portrait": ("make_portrait", "preprocess"),
    "toolkit.recommend.run": ("run_recommendation",),
    "toolkit.hub.model": ("resolve_model",),
    "toolkit.hub.opening": ("open_backend",),
    "toolkit.hub.store": ("Store",),
    "toolkit.verify": ("verify_model",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Store",
    "ToolkitError",
    "Variant",
    "__version__",
    "available_cores",
    "check_parity",
    "compare",
    "compare_label_maps",
    "compare_masks",
    "convert_model",
    "demo_photo",
    "fetch_model",
    "host_facts",
    "inspect_graph",
    "make_portrait",
    "open_backend",
    "open_dataset",
    "parse_variant",
    "preprocess",
    "read_evaluation",
    "read_graph",
    "read_manifest",
    "read_photo",
    "read_report",
    "resolve_model",
    "run_bench",
    "run_demo",
    "run_evaluation",
    "run_gate",
    "run_recommendation",
    "summarize",
    "verify_model",
    "write_photo",
]


def __getattr__(name: str) -> Any:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
