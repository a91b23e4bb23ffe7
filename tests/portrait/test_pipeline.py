"""The whole chain: the tutorial's bytes and its two deviations, and the natural style."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import tutorial
from tests.support.real import RealPhotos
from tests.support.samples import PaintedBackend, random_photo, seeds, sides
from toolkit.errors import UsageError
from toolkit.imaging import read_photo
from toolkit.inference import Capabilities, Segmentation
from toolkit.portrait import (
    EDGES,
    KERNELS,
    STAGES,
    Edge,
    Kernel,
    Natural,
    Stopwatch,
    Style,
    Tutorial,
    make_portrait,
)


@given(seed=seeds, height=sides, width=sides, kernel=st.integers(1, 40))
def test_the_style_tutorial_is_the_tutorial_byte_for_byte(
    seed: int, height: int, width: int, kernel: int
) -> None:
    assume(min(height, width) * 65 >= max(height, width))  # the tutorial's own resize fails there
    photo = random_photo(seed, height, width)
    before = photo.copy()
    backend = PaintedBackend()
    made = make_portrait(photo, backend, style=Tutorial(kernel))
    expected = tutorial.portrait(photo, PaintedBackend().segment, crop=65, kernel=kernel)
    assert np.array_equal(made.image, expected)
    assert made.image.dtype == np.uint8
    assert np.array_equal(photo, before)


@pytest.mark.acceptance
def test_real_photos_come_out_as_the_tutorials(real_photos: RealPhotos) -> None:
    backend = PaintedBackend(crop=(513, 513))
    for path in real_photos.paths:
        photo = read_photo(path).bgr
        expected = tutorial.portrait(photo, backend.segment)
        made = make_portrait(photo, backend, style=Tutorial())
        assert np.array_equal(made.image, expected), path.name


def test_a_photo_whose_side_would_become_0_is_done() -> None:
    made = make_portrait(random_photo(1, 3, 2000), PaintedBackend(crop=(513, 513)))
    assert made.network_size == (1, 513)
    assert made.image.shape == (3, 2000, 3)


def test_without_the_subject_the_photo_comes_back_as_a_copy() -> None:
    photo = random_photo(1, 30, 40)
    made = make_portrait(photo, PaintedBackend(label=8), subject=15)
    assert not made.subject_found
    assert np.array_equal(made.image, photo)
    assert not np.shares_memory(made.image, photo)


def test_a_subject_has_a_name_or_a_number_and_one_that_is_not_there_is_an_error() -> None:
    photo = random_photo(1, 30, 40)
    wanted = make_portrait(photo, PaintedBackend(label=8), subject=8)
    for subject in ("cat", " CAT ", "8"):
        made = make_portrait(photo, PaintedBackend(label=8), subject=subject)
        assert np.array_equal(made.image, wanted.image)
        assert made.subject == 8
    for missing in ("unicorn", 21, -1):
        with pytest.raises(UsageError, match=f"the model has no label '?{missing}"):
            make_portrait(photo, PaintedBackend(), subject=missing)


@pytest.mark.parametrize("style", [Tutorial(), Natural()])
def test_a_portrait_has_its_alpha_and_mask(style: Style) -> None:
    photo = random_photo(1, 90, 120)
    made = make_portrait(photo, PaintedBackend(), style=style)
    assert made.alpha.shape == made.mask.shape == photo.shape[:2]
    assert np.array_equal(made.mask, made.alpha > 127)
    assert np.array_equal(made.image[made.alpha == 255], photo[made.alpha == 255])
    assert 0.1 < made.mask.mean() < 0.9


@pytest.mark.parametrize("dtype", [">u2", "i4"])
def test_the_tutorials_style_refuses_what_the_tutorial_can_not_do(dtype: str) -> None:
    with pytest.raises(UsageError, match="dtype"):
        make_portrait(np.zeros((30, 40, 3), dtype), PaintedBackend(), style=Tutorial())


def test_any_label_can_be_the_subject() -> None:
    photo = random_photo(1, 30, 40)
    cat = make_portrait(photo, PaintedBackend(label=8), subject=8)
    assert cat.subject_found
    assert np.array_equal(cat.image, make_portrait(photo, PaintedBackend()).image)


def test_the_portrait_says_what_was_found() -> None:
    backend = PaintedBackend(crop=(33, 65))
    made = make_portrait(random_photo(1, 300, 400), backend)
    assert made.photo_size == (300, 400)
    assert made.network_size == (33, 44)
    assert backend.seen == [(33, 44, 3)]
    assert made.label_map.shape == (33, 44)
    assert set(made.shares) == {0, 15}
    assert made.shares[15] == np.mean(made.label_map == 15)
    assert made.stages is None


def test_stages_are_the_pictures_on_the_way() -> None:
    photo = random_photo(1, 120, 90)
    made = make_portrait(photo, PaintedBackend(), style=Tutorial(), stages=True)
    stages = made.stages
    assert stages is not None
    assert np.array_equal(stages.network_input, tutorial.network_input(photo, 65))
    assert np.array_equal(stages.alpha, tutorial.full_mask(stages.label_map, 120, 90))
    assert np.array_equal(stages.blurred, tutorial.blurred_background(photo, stages.alpha))
    assert stages.network_mask.shape == stages.label_map.shape
    assert (stages.background[stages.alpha == 255] == 0).all()
    assert stages.portrait is made.image


@pytest.mark.parametrize("style", [Tutorial(), Natural(), Natural("box")])
def test_every_stage_is_timed(style: Style) -> None:
    watch = Stopwatch()
    make_portrait(random_photo(1, 120, 90), PaintedBackend(), style=style, timer=watch)
    assert tuple(watch.seconds) == STAGES
    assert all(seconds > 0 for seconds in watch.seconds.values())


def test_a_stage_that_fails_is_timed_too() -> None:
    watch = Stopwatch()
    with pytest.raises(ZeroDivisionError), watch("segment"):
        _ = 1 / 0
    assert watch.seconds["segment"] > 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Tutorial(0),
        lambda: Natural(size=0.5),
        lambda: Natural(strength=-1),
        lambda: Natural(depth=1.5),
        lambda: Natural("heart"),  # type: ignore[arg-type]
    ],
)
def test_a_style_that_is_not_possible_is_refused(wrong: Callable[[], Style]) -> None:
    with pytest.raises(UsageError):
        make_portrait(random_photo(1, 9, 9), PaintedBackend(), style=wrong())


@given(
    seed=seeds,
    height=sides,
    width=sides,
    kernel=st.sampled_from(KERNELS),
    edge=st.sampled_from(EDGES),
    depth=st.sampled_from([0.0, 0.7]),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32, np.float64]),
)
def test_the_natural_style_takes_any_photo_and_changes_none(
    seed: int, height: int, width: int, kernel: Kernel, edge: Edge, depth: float, dtype: type
) -> None:
    noise = np.random.default_rng(seed).random((height, width, 3))
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    photo: NDArray[Any] = (noise * top).astype(dtype)
    before = photo.copy()
    style = Natural(kernel, edge=edge, depth=depth, size=7)
    made = make_portrait(photo, PaintedBackend(), style=style, stages=True)
    assert np.array_equal(photo, before)
    assert made.image.shape == photo.shape
    assert made.image.dtype == dtype
    assert np.isfinite(made.image).all()
    assert made.image.max() <= top


class Scored(PaintedBackend):
    """Gives logits on a grid of 8 pixels, and calls the left third the subject."""

    capabilities = Capabilities(margin=True)

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        assert margin
        height, width = image.shape[:2]
        labels = np.zeros((height, width), np.int64)
        labels[:, : width // 3] = 15 if subject is None else subject
        grid = np.full(((height - 1) // 8 + 1, (width - 1) // 8 + 1), -9, np.float32)
        grid[:, : grid.shape[1] // 3] = 9
        return Segmentation(labels, grid)


def test_the_natural_edge_is_made_of_the_logits_where_the_backend_gives_them() -> None:
    photo = np.full((65, 65, 3), 128, np.uint8)
    made = make_portrait(photo, Scored(), style=Natural(edge="none"), stages=True)
    assert made.stages is not None
    row = made.stages.alpha[30].astype(int)
    assert (np.diff(row) <= 0).all()
    assert row[0] == 255
    assert row[-1] == 0
    # 3 of 9 pixels of the grid: the middle between the third, at 16, and the fourth, at 24
    assert abs(int(np.abs(row - 128).argmin()) - 20) <= 1


@pytest.mark.parametrize(("doubt", "kept"), [(-0.3, True), (-9, False)])
def test_a_patch_of_the_subject_is_blurred_only_where_the_network_is_sure(
    doubt: float, kept: bool
) -> None:
    class Patched(Scored):
        def infer(
            self,
            image: NDArray[np.uint8],  # noqa: ARG002 - the answer is always the same
            *,
            subject: int | None = None,  # noqa: ARG002
            margin: bool = False,  # noqa: ARG002
        ) -> Segmentation:
            grid = np.full((9, 9), 9, np.float32)
            grid[:, :1] = -9
            grid[3:6, 4:7] = doubt
            wide = np.kron(grid, np.ones((8, 8)))[:65, :65]
            return Segmentation(np.where(wide > 0, 15, 0), grid)

    photo = random_photo(1, 65, 65)
    made = make_portrait(photo, Patched(), style=Natural(size=9))
    middle = np.s_[34:38, 42:46]
    assert np.array_equal(made.image[middle], photo[middle]) == kept


def test_the_networks_mask_is_of_the_networks_size() -> None:
    made = make_portrait(random_photo(1, 300, 500), Scored(crop=(513, 513)), stages=True)
    assert made.stages is not None
    assert made.stages.network_mask.shape == made.stages.label_map.shape == made.network_size


def test_the_ground_is_sharp_at_the_feet_and_only_there() -> None:
    photo = random_photo(1, 240, 160)
    labels = np.zeros((97, 65), np.int64)
    labels[20:80, 25:40] = 15
    backend = PaintedBackend(crop=(97, 97))
    backend.segment = lambda *_, **__: labels  # type: ignore[method-assign]
    flat, deep = (
        make_portrait(photo, backend, style=Natural("box", depth=depth, size=9)).image
        for depth in (0.0, 1.0)
    )
    feet = int(80 / 97 * 240)
    apart = np.abs(deep.astype(int) - photo).mean(axis=(1, 2))
    assert np.array_equal(deep[: 240 // 3], flat[: 240 // 3])
    assert apart[feet:].max() == 0
    assert apart[130] > apart[175] > apart[190] > 0
