"""Files as pytest-benchmark writes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.host import HostFacts


def benchmark_document(
    medians: Mapping[str, float], *, cpu: str | None = "AMD EPYC", host: HostFacts | None = None
) -> dict[str, Any]:
    """Return a document of one run: medians in seconds by benchmark."""
    return {
        "machine_info": {
            "node": "build-17",
            "processor": "",
            "machine": "x86_64",
            "python_version": "3.11.9",
            "system": "Linux",
            "release": "6.1.0",
            "cpu": {"brand_raw": cpu, "count": 2, "flags": ["avx2"]} if cpu else {},
        },
        "commit_info": {"id": "unknown"},
        "benchmarks": [
            {
                "group": None,
                "name": name.partition("::")[2],
                "fullname": name,
                "params": None,
                "extra_info": {"host": dataclasses.asdict(host)} if host else {},
                "options": {"min_rounds": 5},
                "stats": {"min": median / 2, "median": median, "rounds": 5, "outliers": "0;0"},
            }
            for name, median in medians.items()
        ],
        "datetime": "2026-01-02T03:04:05+00:00",
        "version": "5.1.0",
    }


def write_benchmark(
    path: Path,
    medians: Mapping[str, float],
    *,
    cpu: str | None = "AMD EPYC",
    host: HostFacts | None = None,
) -> Path:
    """Write such a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(benchmark_document(medians, cpu=cpu, host=host)))
    return path
