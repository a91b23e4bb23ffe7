"""The core, stage by stage and whole, beside the tutorial's chain as restated in the tests.

Run by ``make bench``. Each group is one stage at one size; within it, the tutorial is the baseline.
Blur and composite alternate in bands of rows, so they are timed by the chain's own stopwatch: what
a round takes is what that stage's clock gained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import tutorial
from benchmarks.conftest import Cast, Scene
from benchmarks.scenes import OFFICIAL_CROP
from toolkit.imaging.pixels import Pixels
from toolkit.inference import Backend
from toolkit.portrait import (
    KERNELS,
    PERSON,
    Kernel,
    Natural,
    Stopwatch,
    Tutorial,
    blur_background,
    make_portrait,
    natural_portrait,
    photo_mask,
    preprocess,
    refine,
    subject_mask,
)

ROUNDS = {"640x480": 40, "1280x720": 30, "4000x3000": 12}
WATCH = Stopwatch()


def run(
    benchmark: BenchmarkFixture,
    stage: str,
    scene: Scene,
    function: Callable[..., object],
    *arguments: object,
    **options: Any,
) -> None:
    """Time a function in the group of its stage and size."""
    benchmark.group = f"{stage} {scene.name}"
    benchmark.extra_info.update(stage=stage, size=scene.name)
    benchmark.pedantic(  # type: ignore[no-untyped-call]  # pytest-benchmark's is not annotated
        function, arguments, options, rounds=ROUNDS[scene.name], warmup_rounds=2
    )


def name_backend(benchmark: BenchmarkFixture, backend: Backend) -> None:
    """Write into a benchmark what runs the network."""
    benchmark.extra_info.update(
        model="bundled",
        backend=backend.name,
        version=backend.version,
        provider=backend.provider,
        threads=backend.threads,
    )


def test_preprocess(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "preprocess", scene, preprocess, scene.photo, OFFICIAL_CROP)


def test_preprocess_tutorial(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "preprocess", scene, tutorial.network_input, scene.photo)


def test_segment(benchmark: BenchmarkFixture, scene: Scene, bundled: Backend) -> None:
    name_backend(benchmark, bundled)
    image = preprocess(scene.photo, bundled.network.crop)
    run(benchmark, "segment", scene, bundled.infer, image)


def our_mask(scene: Scene) -> tutorial.Pixels:
    return photo_mask(subject_mask(scene.labels, PERSON), *scene.photo.shape[:2])


def test_mask(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "mask", scene, our_mask, scene)


def test_mask_tutorial(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "mask", scene, tutorial.full_mask, scene.labels, *scene.photo.shape[:2])


@pytest.mark.benchmark(timer=lambda: WATCH.seconds["blur"])
def test_blur(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "blur", scene, blur_background, scene.photo, scene.mask, timer=WATCH)


def test_blur_tutorial(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "blur", scene, tutorial.blurred_background, scene.photo, scene.mask)


@pytest.mark.benchmark(timer=lambda: WATCH.seconds["composite"])
def test_composite(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "composite", scene, blur_background, scene.photo, scene.mask, timer=WATCH)


def test_composite_tutorial(benchmark: BenchmarkFixture, scene: Scene) -> None:
    blurred = tutorial.blurred_background(scene.photo, scene.mask)
    run(benchmark, "composite", scene, tutorial.composite, scene.photo, scene.mask, blurred)


def ours_after_segmentation(scene: Scene) -> tutorial.Pixels:
    return blur_background(scene.photo, our_mask(scene))


def tutorials_after_segmentation(scene: Scene) -> tutorial.Pixels:
    mask = tutorial.full_mask(scene.labels, *scene.photo.shape[:2])
    return tutorial.composite(scene.photo, mask, tutorial.blurred_background(scene.photo, mask))


def test_mask_blur_composite(benchmark: BenchmarkFixture, scene: Scene) -> None:
    # Times of chains that give different bytes would mean nothing.
    assert np.array_equal(ours_after_segmentation(scene), tutorials_after_segmentation(scene))
    run(benchmark, "mask+blur+composite", scene, ours_after_segmentation, scene)


def test_mask_blur_composite_tutorial(benchmark: BenchmarkFixture, scene: Scene) -> None:
    run(benchmark, "mask+blur+composite", scene, tutorials_after_segmentation, scene)


def natural_after_segmentation(scene: Scene, style: Natural) -> Pixels:
    probability = (scene.labels == PERSON).astype(np.float32)
    alpha = refine(scene.network_input, probability, style.edge).of(scene.photo)
    return natural_portrait(scene.photo, alpha, style.blur(*scene.photo.shape[:2]))


@pytest.mark.parametrize("size", [13, 26, 61])
@pytest.mark.parametrize("kernel", KERNELS)
def test_mask_blur_composite_natural(
    benchmark: BenchmarkFixture, scene: Scene, kernel: Kernel, size: int
) -> None:
    benchmark.extra_info.update(kernel=kernel, blur=size)
    style = Natural(kernel, size=size)
    run(benchmark, "mask+blur+composite", scene, natural_after_segmentation, scene, style)


def test_whole(benchmark: BenchmarkFixture, scene: Scene, bundled: Backend) -> None:
    name_backend(benchmark, bundled)
    run(
        benchmark,
        "whole",
        scene,
        partial(make_portrait, style=Tutorial()),
        scene.photo,
        Cast(bundled, scene.labels),
    )


def test_whole_tutorial(benchmark: BenchmarkFixture, scene: Scene, bundled: Backend) -> None:
    name_backend(benchmark, bundled)
    cast = Cast(bundled, scene.labels)

    def segment(image: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
        return cast.infer(image).label_map

    run(benchmark, "whole", scene, tutorial.portrait, scene.photo, segment)
