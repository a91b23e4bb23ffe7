"""From a video to its portrait: TF1 with the tutorial's chain, and an export with the package's.

    python -m benchmarks.video my_network+int8 [--rounds 7] [--frames 150] [--every 1]
    python -m benchmarks.video my_network+int8 --stages

A made-up clip of 1280x720, the demo's photo drawn past a background, goes from file to file:
decoded, segmented, blurred, and encoded by the same codec with the same settings. One variant runs
TF1 and the tutorial's chain, restated in `benchmarks.tutorial`, frame by frame; the other is
`toolkit.video.make_video`. Each variant in fresh processes, in a random order in each round.
Loading the network and a first short clip are not measured. Prints the medians over processes, and
how many times as fast the package is, with the 95 % interval of `toolkit bench`; of each frame the
CPU time too, which says more where others use the machine.

With ``--stages`` the package's steps run one after the other, each on a frame that the one before
has left, and the CPU time of each is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import tutorial
from benchmarks.interleaved import in_a_process, interleaved, ratio_text
from benchmarks.scenes import made_photo
from toolkit.bench.usage import max_rss_bytes
from toolkit.host import available_cores
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import demo_photo
from toolkit.portrait import PERSON, Natural
from toolkit.video import TemporalSmoother, VideoReader, VideoWriter, make_video
from toolkit.video.frames import alpha_of, portrait_of, probability_in
from toolkit.video.planes import Planes
from toolkit.video.reading import Colors, Frame, planes_in

VARIANTS = ("tutorial", "toolkit")
HEIGHT, WIDTH = 720, 1280
STEP = 6
"""Pixels that the photo moves from frame to frame."""

WARM_UP = 8
"""Frames of the clip that is not measured."""

Pixels = NDArray[np.uint8]


def write_clip(path: Path, frames: int, height: int = HEIGHT, width: int = WIDTH) -> None:
    """Make up a clip: a photo of a person crosses a background, with a little noise."""
    scene = made_photo(height, width)
    person = cv2.resize(demo_photo(), (height, height), interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(0)
    colors = Colors(2, 2, 2)
    with VideoWriter(path, rate=Fraction(30), threads=available_cores()) as writer:
        for number in range(frames):
            image = scene.copy()
            left = (number * STEP) % (width - height)
            image[:, left : left + height] = person
            noisy = np.clip(np.rint(image + rng.normal(0, 2, image.shape)), 0, 255)
            bgr = noisy.astype(np.uint8)
            planes = as_planes(bgr, colors.space)
            writer.write(Frame(bgr, planes, number, Fraction(1, 30), 1, colors), planes)
        writer.finish()


def as_planes(bgr: Pixels, space: int) -> Planes:
    """Turn a frame into planes as PyAV does: the colors at half the resolution."""
    import av

    picture = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    picture.colorspace = space
    return planes_in(picture)


@dataclass(frozen=True)
class Run:
    """A clip done: frames, seconds on the wall, seconds of CPU."""

    frames: int
    seconds: float
    cpu: float


def timed(work: Callable[[], int]) -> Run:
    """Time what does a clip and returns its number of frames."""
    began, cpu = time.perf_counter(), time.process_time()
    frames = work()
    return Run(frames, time.perf_counter() - began, time.process_time() - cpu)


def by_the_tutorial(source: Path, target: Path, name: str) -> Run:
    """Do a clip frame by frame."""
    cores = available_cores()
    cv2.setNumThreads(cores)
    with open_backend(resolve_model(name), "tf", threads=cores) as backend:
        crop = max(backend.network.crop)

        def run(limit: int | None) -> int:
            with (
                VideoReader(source, threads=cores) as reader,
                VideoWriter(target, rate=reader.rate, threads=cores) as writer,
            ):
                for frame in reader.frames():
                    made = tutorial.portrait(
                        frame.bgr, lambda image: backend.infer(image).label_map, crop=crop
                    )
                    writer.write(frame, as_planes(made, frame.colors.space))
                    if writer.frames == limit:
                        break
                writer.finish()
            return writer.frames

        run(WARM_UP)
        return timed(lambda: run(None))


def by_the_package(source: Path, target: Path, name: str, every: int) -> Run:
    """Do a clip as `toolkit portrait` does."""
    cv2.setNumThreads(1)
    short = target.with_name(f"short{target.suffix}")
    write_clip(short, WARM_UP)
    with open_backend(resolve_model(name), "onnx", threads=1, logits=True) as backend:
        make_video(short, target, backend, every=every)
        return timed(lambda: make_video(source, target, backend, every=every).frames)


def measure_stages(source: Path, name: str) -> dict[str, float]:
    """Measure each step of the package in this process: milliseconds of CPU time for a frame."""
    cv2.setNumThreads(1)
    took: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def stage(of: str) -> Iterator[None]:
        began = time.process_time()
        yield
        took[of].append(time.process_time() - began)

    style, smoother = Natural(), TemporalSmoother()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="toolkit-video-")))
        backend = stack.enter_context(
            open_backend(resolve_model(name), "onnx", threads=1, logits=True)
        )
        reader = stack.enter_context(VideoReader(source))
        writer = stack.enter_context(VideoWriter(folder / "out.mp4", rate=reader.rate))
        frames = reader.frames()
        while True:
            with stage("decode"):
                frame = next(frames, None)
            if frame is None:
                break
            with stage("network"):
                guide, probability, _found = probability_in(frame.bgr, backend, PERSON)
            with stage("alpha"):
                alpha = alpha_of(frame, guide, probability, style)
            with stage("steady"):
                alpha = smoother.steady(guide, alpha)
            with stage("blur"):
                made = portrait_of(frame, alpha, style)
            with stage("encode"):
                writer.write(frame, made)
    return {of: 1000 * fmean(times[WARM_UP:]) for of, times in took.items()}


def measure_one(variant: str, source: Path, name: str, every: int = 1) -> dict[str, float]:
    """Measure one variant in this process: frames a second, CPU time of each (ms), peak memory."""
    with TemporaryDirectory(prefix="toolkit-video-") as folder:
        target = Path(folder) / "out.mp4"
        if variant == "tutorial":
            run = by_the_tutorial(source, target, name)
        else:
            run = by_the_package(source, target, name, every)
    return {
        "fps": run.frames / run.seconds,
        "cpu": 1000 * run.cpu / run.frames,
        "mb": (max_rss_bytes() or 0) / 1e6,
    }


def report(found: dict[str, list[dict[str, float]]]) -> str:
    """Write the medians and the ratio as text."""
    base, head = ([one["fps"] for one in found[variant]] for variant in VARIANTS)
    lines = [
        f"{variant}: {median(one['fps'] for one in found[variant]):.2f} frames per second, "
        f"{median(one['cpu'] for one in found[variant]):.0f} ms of CPU for each, "
        f"{median(one['mb'] for one in found[variant]):.0f} MB"
        for variant in VARIANTS
    ]
    return "\n".join([*lines, f"{ratio_text(head, base)} times as fast"]) + "\n"


def main() -> None:
    """Measure the stages, one variant, or both in turn."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--clip", type=Path, help="another clip than the made-up one")
    parser.add_argument("--stages", action="store_true", help="CPU time of each step, no ratio")
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        found = measure_one(asked.one, asked.clip, asked.model, asked.every)
        sys.stdout.write(json.dumps(found))
        return
    with TemporaryDirectory(prefix="toolkit-video-") as folder:
        source = asked.clip or Path(folder) / "clip.mp4"
        if asked.clip is None:
            write_clip(source, asked.frames)
        if asked.stages:
            stages = measure_stages(source, asked.model)
            stages["sum"] = sum(stages.values())
            sys.stdout.writelines(f"{of}: {ms:.1f} ms of CPU\n" for of, ms in stages.items())
            return

        def measure(variant: str, _round: int) -> dict[str, float]:
            line = [
                asked.model,
                "--one",
                variant,
                "--clip",
                str(source),
                "--every",
                str(asked.every),
            ]
            return in_a_process(__spec__.name, *line)

        sys.stdout.write(report(interleaved(VARIANTS, asked.rounds, measure)))


if __name__ == "__main__":
    main()
