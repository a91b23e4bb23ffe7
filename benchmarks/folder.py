"""A folder of photos to portraits: how much of what the runtime promises comes out, in what memory.

    python -m benchmarks.folder PHOTOS MODEL [--photos 2000] [--chunk 200]

Makes photos of about 1280x720 out of those in PHOTOS, cut, resized and encoded anew, in a temporary
folder. Then a part of them at a time goes through the code of `toolkit portrait FOLDER`, in turn
with what `toolkit bench --workers` measures: as many threads sharing one session, on a photo that
is decoded already and of which nothing is written. That is in the tutorial's style; the natural one
is promised by the same loop. Each in a process of its own. At last one process does all photos, and
says what memory it had needed on the way.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks.interleaved import in_a_process, interleaved, ratio_text
from toolkit.backends import find_backend
from toolkit.bench.usage import max_rss_bytes
from toolkit.bench.worker import PROTOCOL, Request, measure
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import ensure_artifact
from toolkit.imaging import Photo, read_photo, write_photo
from toolkit.portrait import KERNEL, PERSON, Natural, Style, Tutorial
from toolkit.serving.batch import run_jobs, share_cores
from toolkit.serving.job import Job
from toolkit.serving.plan import plan_jobs
from toolkit.serving.predictor import PortraitSettings, Predictor
from toolkit.serving.record import PortraitRecord, settings_of

SEED = 20261128
STYLES: dict[str, Style] = {"tutorial": Tutorial(), "natural": Natural()}
PROMISES = {"tutorial": "bench", "natural": "decoded"}
"""By style, the side that says how many photos a second could be."""
VARIANTS = (*PROMISES, *PROMISES.values())
MARKS = (0.25, 0.5, 1.0)
"""Of all photos: when the memory is looked at."""


@dataclass(frozen=True)
class Part:
    """What a process measured: photos a second, and its peak memory, bytes, by photos done."""

    rate: float
    peaks: dict[int, int]


def make_photos(sources: Path, folder: Path, count: int) -> None:
    """Make photos out of others, always the same.

    Parameters
    ----------
    sources : Path
        A folder of photos; the smallest are passed over.
    folder : Path
    count : int
    """
    drawn = random.Random(SEED)  # noqa: S311 - sizes, no secret
    jobs = plan_jobs([sources], None, stages=False, overlay=False)
    photos = [read_photo(job.photo).bgr for job in jobs]
    photos = [photo for photo in photos if min(photo.shape[:2]) >= 256]
    for number in range(count):
        photo = drawn.choice(photos)
        width, height = drawn.choice([(1280, 720), (1280, 720), (1280, 853), (960, 1280)])
        scale = drawn.uniform(0.8, 1.2)
        width, height = round(width * scale), round(height * scale)
        rows, columns = photo.shape[:2]
        part = min(columns / width, rows / height) * drawn.uniform(0.8, 1.0)
        across, down = int(width * part), int(height * part)
        left, top = drawn.randint(0, columns - across), drawn.randint(0, rows - down)
        cut = photo[top : top + down, left : left + across]
        resized = np.asarray(cv2.resize(cut, (width, height)), np.uint8)
        quality = drawn.choice([85, 90, 92, 95])
        write_photo(folder / f"{number:05}.jpg", resized, quality=quality)


def run_folder(jobs: list[Job], model: str, style: str) -> Part:
    """Make the portraits of photos in this process, as the command does."""
    spec = find_backend("onnx")
    plan = share_cores(len(jobs), spec)
    settings = PortraitSettings(PERSON, STYLES[style])
    marks = {max(1, round(mark * len(jobs))) for mark in MARKS}
    peaks = {}
    with Predictor.open(model, spec.name, settings, threads=plan.threads) as predictor:
        record = PortraitRecord(settings_of(predictor), everywhere=True)
        list(run_jobs(jobs[: plan.workers], predictor, workers=plan.workers))
        began = time.perf_counter()
        reports = run_jobs(jobs, predictor, workers=plan.workers, record=record)
        for number, report in enumerate(reports, 1):
            if report.error:
                raise SystemExit(report.error)
            if number in marks:
                peaks[number] = max_rss_bytes() or 0
        seconds = time.perf_counter() - began
    return Part(len(jobs) / seconds, peaks)


def run_bench(photo: Path, model: str, passes: int) -> Part:
    """Measure what `toolkit bench --workers` does, in this process."""
    spec = find_backend("onnx")
    plan = share_cores(passes, spec)
    artifact = ensure_artifact(resolve_model(model), spec.name)
    with tempfile.TemporaryDirectory() as folder:
        decoded = Path(folder) / "photo.npy"
        np.save(decoded, read_photo(photo).bgr)
        request = Request(
            protocol=PROTOCOL,
            backend=spec.name,
            artifact=str(artifact),
            model=model,
            labels=None,
            trusted=False,
            photos=(str(decoded),),
            round=0,
            order=0,
            iterations=passes,
            warmup=4,
            warmup_seconds=None,
            threads=plan.threads,
            workers=plan.workers,
            provider=None,
            kernel=KERNEL,
            subject=str(PERSON),
        )
        (measured,) = measure(request).measured.photos
    if measured.throughput is None:
        raise SystemExit("one worker: there is no figure of several that share a session")
    return Part(1e9 * measured.throughput.passes / measured.throughput.wall_ns, {})


def run_decoded(photo: Path, model: str, passes: int) -> Part:
    """Measure the same in the natural style, which the bench does not know."""
    spec = find_backend("onnx")
    plan = share_cores(passes, spec)
    bgr = read_photo(photo).bgr
    settings = PortraitSettings(PERSON, STYLES["natural"])
    with (
        Predictor.open(model, spec.name, settings, threads=plan.threads) as predictor,
        ThreadPoolExecutor(plan.workers) as pool,
    ):

        def make(_: int) -> None:
            predictor.predict(Photo(bgr))

        list(pool.map(make, range(4 * plan.workers)))
        began = time.perf_counter()
        list(pool.map(make, range(passes)))
        return Part(passes / (time.perf_counter() - began), {})


def measure_one(variant: str, folder: Path, model: str, first: int, count: int) -> Part:
    """Measure one side in this process, on a part of the photos in a folder."""
    with tempfile.TemporaryDirectory() as made:
        jobs = plan_jobs([folder], made, stages=False, overlay=False)[first : first + count]
        if variant in PROMISES.values():
            run = run_bench if variant == PROMISES["tutorial"] else run_decoded
            return run(typical(jobs), model, max(20, count // 2))
        return run_folder(jobs, model, variant)


def typical(jobs: list[Job]) -> Path:
    """Return the photo whose size is nearest to the mean."""
    sizes = [float(np.prod(read_photo(job.photo).bgr.shape[:2])) for job in jobs]
    mean = sum(sizes) / len(sizes)
    return min(zip(sizes, jobs, strict=True), key=lambda one: abs(one[0] - mean))[1].photo


def report(rates: dict[str, list[float]], peaks: dict[str, int]) -> str:
    """Write rates, what share of the bench's they are, and the memory as text."""
    lines = []
    for style, promise in PROMISES.items():
        share = ratio_text(rates[style], rates[promise], ".0%")
        lines.append(
            f"{style}: {median(rates[style]):.1f} photos/s, {share} of "
            f"{median(rates[promise]):.1f}, {promise}"
        )
    lines += [f"after {number} photos: {peak / 1e6:.0f} MB" for number, peak in peaks.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure one side, or all in turn and then the memory."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("model")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--chunk", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    asked: Any = parser.parse_args()
    if asked.one:
        part = measure_one(asked.one, asked.folder, asked.model, asked.first, asked.photos)
        sys.stdout.write(json.dumps({"rate": part.rate, "peaks": part.peaks}))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_photos(asked.folder, Path(folder), asked.photos)

        def measure(variant: str, first: int, count: int) -> dict[str, Any]:
            line = [folder, asked.model, "--one", variant]
            return in_a_process(__spec__.name, *line, "--first", str(first), "--photos", str(count))

        def measure_part(variant: str, number: int) -> dict[str, Any]:
            return measure(variant, number * asked.chunk, asked.chunk)

        found = interleaved(VARIANTS, asked.photos // asked.chunk, measure_part)
        whole = measure("natural", 0, asked.photos)
    rates = {variant: [part["rate"] for part in parts] for variant, parts in found.items()}
    sys.stdout.write(report(rates, whole["peaks"]))


if __name__ == "__main__":
    main()
