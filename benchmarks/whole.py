"""From decoded photo to portrait: TF1 with the tutorial's chain, and an export with the package's.

    python -m benchmarks.whole photo.jpg my_network+int8 [--rounds 10]

Each variant in fresh processes, in a random order in each round; the tutorial's chain is the
restatement in `benchmarks.tutorial`, which shares no code with the package. Prints the medians over
processes, and how many times as fast the export is with the 95 % interval of `toolkit bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import tutorial
from benchmarks.interleaved import in_a_process, interleaved, ratio_text
from toolkit.bench.usage import max_rss_bytes
from toolkit.host import available_cores
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import read_photo
from toolkit.portrait import Tutorial, make_portrait

VARIANTS = ("tutorial", "toolkit")
WARM_UPS, PASSES, SECONDS = 4, 8, 1.5
"""Of one process; passes and seconds at least."""

Pixels = NDArray[np.uint8]


def measure_one(variant: str, photo: Path, name: str) -> dict[str, float]:
    """Measure one variant in this process: milliseconds of the median pass, and the peak memory."""
    cores = available_cores()
    cv2.setNumThreads(cores)
    bgr = read_photo(photo).bgr
    model = resolve_model(name)
    backend = open_backend(model, "tf" if variant == "tutorial" else "onnx", threads=cores)

    def by_the_tutorial(pixels: Pixels) -> Any:
        return tutorial.portrait(
            pixels, lambda image: backend.infer(image).label_map, crop=max(backend.network.crop)
        )

    def by_the_package(pixels: Pixels) -> Any:
        return make_portrait(pixels, backend, style=Tutorial())

    run: Callable[[Pixels], Any] = by_the_tutorial if variant == "tutorial" else by_the_package
    for _ in range(WARM_UPS):
        run(bgr)
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < PASSES or time.perf_counter() < end:
        began = time.perf_counter_ns()
        run(bgr)
        times.append((time.perf_counter_ns() - began) / 1e6)
    return {"ms": median(times), "mb": (max_rss_bytes() or 0) / 1e6}


def report(found: dict[str, list[dict[str, float]]]) -> str:
    """Write the medians and the ratio as text."""
    base, head = ([one["ms"] for one in found[variant]] for variant in VARIANTS)
    lines = [
        f"{variant}: {median(one['ms'] for one in found[variant]):.1f} ms, "
        f"{median(one['mb'] for one in found[variant]):.0f} MB"
        for variant in VARIANTS
    ]
    return "\n".join([*lines, f"{ratio_text(base, head)} times as fast"]) + "\n"


def main() -> None:
    """Measure one variant, or both in turn."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        sys.stdout.write(json.dumps(measure_one(asked.one, asked.photo, asked.model)))
        return

    def measure(variant: str, _round: int) -> dict[str, float]:
        return in_a_process(__spec__.name, str(asked.photo), asked.model, "--one", variant)

    sys.stdout.write(report(interleaved(VARIANTS, asked.rounds, measure)))


if __name__ == "__main__":
    main()
