"""What the portrait core costs from 0.3 to 20 megapixels: time, stage by stage, and memory.

    python -m benchmarks.core_cost measure [--rounds 7]  # minutes; writes core-cost.json
    python -m benchmarks.core_cost draw                  # from it docs/cost.md's table and picture

Each size is measured in fresh processes, in an order drawn anew for each round. The label map is
given, so that no network takes part: its cost does not depend on the photo's size.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pages import put_tables
from benchmarks.scenes import OFFICIAL_CROP, made_labels, made_photo
from toolkit.bench.usage import max_rss_bytes, rss_bytes
from toolkit.graphs.network import Network
from toolkit.host import available_cores, host_facts
from toolkit.hub.catalog import load_catalog
from toolkit.inference import Segmentation
from toolkit.portrait import Stopwatch, Tutorial, make_portrait, network_size

MEGAPIXELS = (0.3, 0.6, 1.25, 2.5, 5.0, 10.0, 20.0)
PASSES, SECONDS = 9, 0.6
"""Of one process, at least: a small photo's passes go on until the process is warm."""

STAGES = ("preprocess", "mask", "blur", "composite")
HERE = Path(__file__).resolve().parent
RESULT = HERE / "core-cost.json"
PAGE = HERE.parent / "docs" / "cost.md"
PICTURE = PAGE.parent / "images" / "core-cost.svg"


@dataclass(frozen=True)
class Cost:
    """What one size costs: medians over processes.

    Attributes
    ----------
    width, height : int
    stages : dict of str to float
        Nanoseconds of each of `STAGES`.
    rss_bytes : float
        What a portrait adds to the resident memory at its peak, the decoded photo included.
    """

    width: int
    height: int
    stages: dict[str, float]
    rss_bytes: float

    @property
    def megapixels(self) -> float:
        """Of the photo."""
        return self.width * self.height / 1e6

    @property
    def core_ns(self) -> float:
        """All stages together."""
        return sum(self.stages.values())

    @property
    def times_photo(self) -> float:
        """The memory, in decoded photos."""
        return self.rss_bytes / (3 * self.width * self.height)


@dataclass(frozen=True)
class Line:
    """Time as a constant and so much per megapixel.

    Attributes
    ----------
    constant, slope : float
    deviation : float
        The largest distance of a measured time from the line, as a share of that time.
    """

    constant: float
    slope: float
    deviation: float


def fit_line(megapixels: Sequence[float], times: Sequence[float]) -> Line:
    """Fit the line whose relative distances from the times have the least squares.

    >>> fit_line([1, 2, 4], [7, 9, 13])
    Line(constant=5.0, slope=2.0, deviation=0.0)
    """
    sizes, measured = np.asarray(megapixels, float), np.asarray(times, float)
    shares = np.stack([np.ones_like(sizes), sizes], axis=1) / measured[:, np.newaxis]
    (constant, slope), *_ = np.linalg.lstsq(shares, np.ones_like(measured))
    distances = np.abs(shares @ [constant, slope] - 1)
    return Line(*(round(float(value), 9) for value in (constant, slope, distances.max())))


def size_of(megapixels: float) -> tuple[int, int]:
    """Return the width and height of a 3:2 photo.

    >>> size_of(0.6)
    (949, 632)
    """
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    return round(megapixels * 1e6 / height), height


class Known:
    """Answers with a label map that it was given."""

    network = Network(OFFICIAL_CROP, load_catalog().bundled.network.labels)

    def __init__(self, height: int, width: int) -> None:
        network_height, network_width = network_size(height, width, OFFICIAL_CROP)
        self.labels = made_labels(network_height, network_width)

    def infer(
        self,
        image: NDArray[np.uint8],  # noqa: ARG002 - what it shows is known
        *,
        subject: int | None = None,  # noqa: ARG002
        margin: bool = False,  # noqa: ARG002
    ) -> Segmentation:
        """Label an image."""
        return Segmentation(self.labels)


def measure_one(photo: Path) -> dict[str, Any]:
    """Measure a photo in this process: nanoseconds of each pass by stage, and bytes added."""
    cv2.setNumThreads(available_cores())
    # libraries and thread pools are there after this
    make_portrait(made_photo(48, 64), Known(48, 64), style=Tutorial())
    before = rss_bytes() or 0
    pixels = np.load(photo)
    backend = Known(*pixels.shape[:2])
    make_portrait(pixels, backend, style=Tutorial())
    added = (max_rss_bytes() or 0) - before
    stages: dict[str, list[int]] = {stage: [] for stage in STAGES}
    end = time.perf_counter() + SECONDS
    while len(stages["mask"]) < PASSES or time.perf_counter() < end:
        watch = Stopwatch()
        make_portrait(pixels, backend, style=Tutorial(), timer=watch)
        for stage, seconds in watch.seconds.items():
            if stage in stages:
                stages[stage].append(round(seconds * 1e9))
    return {"stages": stages, "rss_bytes": added}


def measure(folder: Path, rounds: int, sizes: Sequence[float] = MEGAPIXELS) -> list[Cost]:
    """Measure every size, each round in fresh processes.

    Parameters
    ----------
    folder : Path
        For the made-up photos.
    rounds : int
    sizes : sequence of float
        Megapixels.
    """
    photos = {}
    for megapixels in sizes:
        width, height = size_of(megapixels)
        photos[width, height] = folder / f"{width}x{height}.npy"
        np.save(photos[width, height], made_photo(height, width))
    found: dict[tuple[int, int], list[Any]] = {size: [] for size in photos}
    order = random.Random(0)  # noqa: S311 - an order, no secret
    for _ in range(rounds):
        for size in order.sample(list(photos), len(photos)):
            command = [sys.executable, "-m", __spec__.name, "one", str(photos[size])]
            done = subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
            found[size].append(json.loads(done.stdout))
    return [cost_of(*size, processes) for size, processes in found.items()]


def cost_of(width: int, height: int, processes: Sequence[Mapping[str, Any]]) -> Cost:
    """Take the medians of what processes measured."""
    return Cost(
        width,
        height,
        {stage: median(median(one["stages"][stage]) for one in processes) for stage in STAGES},
        median(one["rss_bytes"] for one in processes),
    )


def table(costs: Sequence[Cost]) -> str:
    """Write the costs as a table in Markdown."""
    lines = [
        f"| photo | MP | {' | '.join(STAGES)} | core, ms | ms per MP | memory, MB | in photos |",
        f"|{'---|' * (len(STAGES) + 6)}",
    ]
    for one in costs:
        stages = " | ".join(f"{one.stages[stage] / 1e6:.2f}" for stage in STAGES)
        core = one.core_ns / 1e6
        lines.append(
            f"| {one.width}x{one.height} | {one.megapixels:.2f} | {stages} | {core:.2f} "
            f"| {core / one.megapixels:.2f} | {one.rss_bytes / 1e6:.1f} | {one.times_photo:.2f} |"
        )
    line = core_line(costs)
    lines += [
        "",
        f"The line: {line.constant:.2f} ms and {line.slope:.2f} ms per megapixel. No measured time "
        f"is further than {line.deviation:.0%} from it.",
    ]
    return "\n".join(lines) + "\n"


def core_line(costs: Sequence[Cost]) -> Line:
    """Fit the line, in milliseconds, to the core's times."""
    return fit_line([one.megapixels for one in costs], [one.core_ns / 1e6 for one in costs])


def draw(costs: Sequence[Cost], path: Path) -> None:
    """Draw time and memory over the photo's size, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from benchmarks.gate.pictures import LIMIT, STYLE

    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(8, 3.2))
        times, memory = figure.subplots(1, 2)
        sizes = [one.megapixels for one in costs]
        line = core_line(costs)
        for stage in STAGES:
            times.plot(sizes, [one.stages[stage] / 1e6 for one in costs], ".-", label=stage)
        times.plot(sizes, [one.core_ns / 1e6 for one in costs], "ko", label="core")
        times.plot(sizes, [line.constant + line.slope * size for size in sizes], **LIMIT)
        times.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="ms")
        times.legend()
        memory.plot(sizes, [one.rss_bytes / 1e6 for one in costs], "ko", label="measured")
        memory.plot(sizes, [12 * size for size in sizes], **LIMIT, label="4 decoded photos")
        memory.set(xlabel="megapixels", ylabel="MB on top of the process")
        memory.legend()
        figure.savefig(path, metadata={"Date": None})


def read_costs(path: Path = RESULT) -> list[Cost]:
    """Read what `measure` found."""
    return [Cost(**one) for one in json.loads(path.read_text())["costs"]]


def main() -> None:
    """Measure or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("--rounds", type=int, default=7)
    commands.add_parser("draw")
    commands.add_parser("one").add_argument("photo", type=Path)
    asked = parser.parse_args()
    if asked.command == "one":
        sys.stdout.write(json.dumps(measure_one(asked.photo)))
    elif asked.command == "measure":
        with tempfile.TemporaryDirectory(prefix="toolkit-core-cost-") as folder:
            costs = measure(Path(folder), asked.rounds)
        document = {
            "host": dataclasses.asdict(host_facts()),
            "rounds": asked.rounds,
            "costs": [dataclasses.asdict(one) for one in costs],
        }
        RESULT.write_text(json.dumps(document, indent=1) + "\n")
    else:
        costs = read_costs()
        draw(costs, PICTURE)
        PAGE.write_text(put_tables(PAGE.read_text(), {"cost": table(costs)}))


if __name__ == "__main__":
    main()
