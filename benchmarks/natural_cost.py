"""What the natural style costs over the photo's size and the blur's, beside the tutorial's chain.

    python -m benchmarks.natural_cost measure [--rounds 7]  # minutes; writes natural-cost.json
    python -m benchmarks.natural_cost draw                  # docs/portrait.md anew

Mask, edge, blur and composite are timed: the label map is given. Each round is a fresh process that
takes every case in an order of its own, the tutorial's chain before and after each.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, get_args

import cv2
import numpy as np

from benchmarks import tutorial
from benchmarks.core_cost import fit_line, size_of
from benchmarks.pages import put_tables
from benchmarks.scenes import OFFICIAL_CROP, made_labels, made_photo
from toolkit.host import available_cores, host_facts
from toolkit.portrait import Kernel, Natural, natural_portrait, network_size, refine

MEGAPIXELS = (0.3, 0.6, 1.25, 2.5, 5.0, 10.0, 20.0)
BLURS = (5, 9, 13, 19, 25.6, 37, 51, 71, 101)
"""Sizes, pixels, of a photo of 1280x720."""

HD = (1280, 720)
KERNELS: tuple[Kernel, ...] = get_args(Kernel)
SECONDS, PASSES = 0.2, 3
"""Of one case in one process, at least."""

LARGE = (8660, 5774)
"""A photo of 50 megapixels."""

HERE = Path(__file__).resolve().parent
RESULT = HERE / "natural-cost.json"
PAGE = HERE.parent / "docs" / "portrait.md"
PICTURE = PAGE.parent / "images" / "natural-cost.svg"


@dataclass(frozen=True)
class Case:
    """A kernel, a size of the blur in pixels, and a photo's size."""

    kernel: Kernel
    blur: float
    width: int
    height: int

    @property
    def megapixels(self) -> float:
        """Of the photo."""
        return self.width * self.height / 1e6


@dataclass(frozen=True)
class Cost:
    """Medians over processes.

    Attributes
    ----------
    case : Case
    ms : float
        Mask, edge, blur and composite.
    times : float
        As a multiple of the tutorial's chain on the same photo.
    lowest, highest : float
        The same, of the processes that differed most.
    """

    case: Case
    ms: float
    times: float
    lowest: float
    highest: float


def cases() -> list[Case]:
    """Return every size of photo at the strength that is the default, and every size of blur."""
    photos = [size_of(megapixels) for megapixels in MEGAPIXELS]
    return [
        *(
            Case(kernel, Natural(kernel).blur(height, width).size, width, height)
            for kernel in KERNELS
            for width, height in photos
        ),
        *(Case(kernel, blur, *HD) for kernel in KERNELS for blur in BLURS),
    ]


def measure_round(seed: int) -> list[tuple[float, float]]:
    """Measure every case in this process: milliseconds of it, and of the tutorial's chain."""
    cv2.setNumThreads(available_cores())
    wanted = cases()
    order = random.Random(seed).sample(range(len(wanted)), len(wanted))  # noqa: S311 - no secret
    found = [(0.0, 0.0)] * len(wanted)
    for place in order:
        case = wanted[place]
        photo = made_photo(case.height, case.width)
        height, width = network_size(case.height, case.width, OFFICIAL_CROP)
        labels = made_labels(height, width)
        seen = np.asarray(cv2.resize(photo, (width, height))[..., ::-1], np.uint8)
        style = Natural(case.kernel, size=case.blur)

        def theirs(photo: tutorial.Pixels, labels: Any) -> None:
            mask = tutorial.full_mask(labels, *photo.shape[:2])
            tutorial.composite(photo, mask, tutorial.blurred_background(photo, mask))

        def ours(photo: tutorial.Pixels, labels: Any, seen: Any, style: Natural) -> None:
            alpha = refine(seen, (labels == 15).astype(np.float32), style.edge).of(photo)
            natural_portrait(photo, alpha, style.blur(*photo.shape[:2]))

        found[place] = _interleaved(
            partial(ours, photo, labels, seen, style), partial(theirs, photo, labels)
        )
    return found


def _interleaved(ours: Callable[[], None], theirs: Callable[[], None]) -> tuple[float, float]:
    """Time two functions in turns, after one pass of each: medians, milliseconds."""
    taken: dict[Callable[[], None], list[float]] = {ours: [], theirs: []}
    end = time.perf_counter() + SECONDS
    while len(taken[ours]) < PASSES + 1 or time.perf_counter() < end:
        for function, times in taken.items():
            start = time.perf_counter()
            function()
            times.append((time.perf_counter() - start) * 1e3)
    return median(taken[ours][1:]), median(taken[theirs][1:])


def measure(rounds: int) -> list[Cost]:
    """Measure every case in as many fresh processes."""
    processes = []
    for seed in range(rounds):
        command = [sys.executable, "-m", __spec__.name, "round", str(seed)]
        done = subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        processes.append(json.loads(done.stdout))
    return [cost_of(*one) for one in zip(cases(), *processes, strict=True)]


def cost_of(case: Case, *processes: tuple[float, float]) -> Cost:
    """Take the medians of what processes measured of a case and of the tutorial's chain."""
    times = [ours / theirs for ours, theirs in processes]
    return Cost(case, median(ours for ours, _ in processes), median(times), min(times), max(times))


def measure_memory(folder: Path) -> list[dict[str, Any]]:
    """Return the peak memory of `toolkit portrait` on a photo of 50 megapixels, by style."""
    photo = folder / "large.jpg"
    cv2.imwrite(str(photo), made_photo(LARGE[1], LARGE[0]))
    found = []
    for options in (["--kernel", kernel] for kernel in KERNELS):
        command = ["portrait", str(photo), *options, "-o", str(folder / "made.jpg"), "--quiet"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *command], check=True, capture_output=True, cwd=folder
        )
        found.append({"options": " ".join(options), "peak_bytes": int(done.stderr.split()[-1])})
    return found


PEAK = """
import sys
from toolkit.bench.usage import max_rss_bytes
from toolkit.cli import main
try:
    main()
finally:
    sys.stderr.write(f"{max_rss_bytes()}")
"""
"""The command line, that says at its end how much memory it had at most."""


def at_sizes(costs: Sequence[Cost], kernel: Kernel) -> list[Cost]:
    """Return a kernel's costs by the photo's size, at the default strength."""
    return [one for one in costs if one.case.kernel == kernel][: len(MEGAPIXELS)]


def at_blurs(costs: Sequence[Cost], kernel: Kernel) -> list[Cost]:
    """Return a kernel's costs by the blur's size, of 1280x720."""
    return [one for one in costs if one.case.kernel == kernel][len(MEGAPIXELS) :]


def times_table(costs: Sequence[Cost]) -> str:
    """Write in Markdown how many times the tutorial's chain each blur takes at 1280x720."""
    head = " | ".join(f"{blur:g}" for blur in BLURS)
    lines = [f"| size, pixels | {head} |", f"|{'---|' * (len(BLURS) + 1)}"]
    lines += [
        f"| `{kernel}` | {' | '.join(f'{one.times:.2f}' for one in at_blurs(costs, kernel))} |"
        for kernel in KERNELS
    ]
    spread = max(max(one.highest / one.times, one.times / one.lowest) for one in costs)
    lines += ["", f"Single processes were up to {spread - 1:.0%} away from their median."]
    return "\n".join(lines) + "\n"


def sizes_table(costs: Sequence[Cost]) -> str:
    """Write in Markdown what each photo takes, and the line through it."""
    rows = {kernel: at_sizes(costs, kernel) for kernel in KERNELS}
    sizes = [one.case.megapixels for one in rows["box"]]
    head = " | ".join(f"{size:.1f} MP" for size in sizes)
    lines = [f"| ms | {head} | the line |", f"|{'---|' * (len(sizes) + 2)}"]
    for kernel, found in rows.items():
        line = fit_line(sizes, [one.ms for one in found])
        lines.append(
            f"| `{kernel}` | {' | '.join(f'{one.ms:.1f}' for one in found)} "
            f"| {line.constant:.1f} + {line.slope:.1f} per MP, within {line.deviation:.0%} |"
        )
    return "\n".join(lines) + "\n"


def memory_table(memory: Sequence[dict[str, Any]]) -> str:
    """Write in Markdown what the whole command needs for a photo of 50 megapixels."""
    decoded = 3 * LARGE[0] * LARGE[1]
    lines = ["| | peak memory, MB | in decoded photos |", "|---|---|---|"]
    lines += [
        f"| `{options}` | {peak / 1e6:.0f} | {peak / decoded:.1f} |"
        for options, peak in ((one["options"], one["peak_bytes"]) for one in memory)
    ]
    return "\n".join(lines) + "\n"


def draw(costs: Sequence[Cost], path: Path) -> None:
    """Draw time over the photo's size and over the blur's, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from benchmarks.gate.pictures import LIMIT, STYLE

    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(8, 3.2))
        over_size, over_blur = figure.subplots(1, 2)
        for kernel in KERNELS:
            sized, blurred = at_sizes(costs, kernel), at_blurs(costs, kernel)
            sizes = [one.case.megapixels for one in sized]
            blurs = [one.case.blur for one in blurred]
            over_size.plot(sizes, [one.ms for one in sized], "o-", label=kernel)
            over_blur.plot(blurs, [one.times for one in blurred], "o-", label=kernel)
        over_size.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="ms")
        over_size.set_title("2 % of the longer side", fontsize=9)
        over_size.legend()
        over_blur.axhline(2, **LIMIT)
        over_blur.set(
            xlabel="size of the blur, pixels", ylabel="times the tutorial's chain", ylim=(0, None)
        )
        over_blur.set_title("1280x720", fontsize=9)
        figure.savefig(path, metadata={"Date": None})


def read_result(path: Path = RESULT) -> tuple[list[Cost], list[dict[str, Any]]]:
    """Read what `measure` found: times, and memory."""
    document = json.loads(path.read_text())
    costs = [Cost(**{**one, "case": Case(**one["case"])}) for one in document["costs"]]
    return costs, document["memory"]


def main() -> None:
    """Measure or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("measure").add_argument("--rounds", type=int, default=7)
    commands.add_parser("draw")
    commands.add_parser("round").add_argument("seed", type=int)
    asked = parser.parse_args()
    if asked.command == "round":
        sys.stdout.write(json.dumps(measure_round(asked.seed)))
    elif asked.command == "measure":
        with tempfile.TemporaryDirectory(prefix="toolkit-natural-cost-") as folder:
            memory = measure_memory(Path(folder))
        document = {
            "host": dataclasses.asdict(host_facts()),
            "rounds": asked.rounds,
            "memory": memory,
            "costs": [dataclasses.asdict(one) for one in measure(asked.rounds)],
        }
        RESULT.write_text(json.dumps(document, indent=1) + "\n")
    else:
        costs, memory = read_result()
        draw(costs, PICTURE)
        tables = {
            "times": times_table(costs),
            "sizes": sizes_table(costs),
            "memory": memory_table(memory),
        }
        PAGE.write_text(put_tables(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
