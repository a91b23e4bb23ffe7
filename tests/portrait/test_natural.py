"""The natural portrait: what alpha says, exactly, in every run of tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks import tutorial
from tests.support.samples import random_photo, seeds, sides
from toolkit.portrait import KERNELS, Blur, Kernel, natural, natural_portrait
from toolkit.portrait.natural import background_alone, runs

sizes = st.floats(1, 40)
dtypes = st.sampled_from([np.uint8, np.uint16, np.float32, np.float64])


def made_up(seed: int, height: int, width: int, dtype: Any) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width, 3))
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    return (noise * top).astype(dtype)


def soft(seed: int, height: int, width: int) -> np.ndarray:
    """Alpha with areas of 0, of 1, and all between."""
    return np.clip(np.random.default_rng(seed).normal(0.5, 1, (height, width)), 0, 1)


@given(
    seed=seeds, height=sides, width=sides, kernel=st.sampled_from(KERNELS), size=sizes, dtype=dtypes
)
@example(seed=0, height=1, width=2, kernel="gaussian", size=7.0, dtype=np.uint8)
def test_alpha_1_is_the_photo_and_alpha_0_the_blurred_background(
    seed: int, height: int, width: int, kernel: Kernel, size: float, dtype: Any
) -> None:
    photo = made_up(seed, height, width, dtype)
    before = photo.copy()
    blur = Blur(kernel, size)
    kept = natural_portrait(photo, np.ones((height, width), bool), blur)
    assert np.array_equal(kept, photo)
    assert not np.shares_memory(kept, photo)
    nobody = np.zeros((height, width), bool)
    gone = natural_portrait(photo, nobody, blur)
    assert gone.dtype == photo.dtype
    assert np.isfinite(gone).all()
    tolerance = {np.uint8: 1.0, np.uint16: 16.0}.get(dtype, 1e-4)
    behind = background_alone(photo, nobody, blur)
    assert np.abs(gone.astype(float) - behind.whole(behind.small)).max() <= tolerance
    assert np.array_equal(photo, before)


@given(
    seed=seeds,
    height=sides,
    width=sides,
    kernel=st.sampled_from(KERNELS),
    size=sizes,
    turns=st.integers(1, 3),
)
def test_a_turned_photo_gives_the_turned_portrait(
    seed: int, height: int, width: int, kernel: Kernel, size: float, turns: int
) -> None:
    photo, alpha = random_photo(seed, height, width), soft(seed, height, width)
    blur = Blur(kernel, size)
    made = natural_portrait(photo, alpha, blur)
    turned = natural_portrait(np.rot90(photo, turns).copy(), np.rot90(alpha, turns), blur)
    # sums in another order round another way
    assert np.abs(np.rot90(made, turns).astype(int) - turned).max() <= 1


@given(seed=seeds, height=sides, width=sides, kernel=st.sampled_from(KERNELS), size=sizes)
def test_tiles_and_bands_do_not_show(
    seed: int, height: int, width: int, kernel: Kernel, size: float
) -> None:
    photo, alpha = random_photo(seed, height, width), soft(seed, height, width)
    alpha[: height // 2] = 0
    blur = Blur(kernel, size)
    whole = natural_portrait(photo, alpha, blur)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(natural, "TILE", 5)
        patch.setattr(natural, "BAND_BYTES", 1)
        pieces = natural_portrait(photo, alpha, blur)
    assert np.abs(whole.astype(int) - pieces).max() <= 1


@given(height=sides, width=sides, seed=seeds)
def test_runs_cover_the_photo_once(height: int, width: int, seed: int) -> None:
    covered = np.zeros((height, width), int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(natural, "TILE", 7)
        patch.setattr(natural, "BAND_BYTES", 100)
        for run in runs((soft(seed, height, width) * 255).astype(np.uint8), Blur("box", 5)):
            covered[run.rows, run.columns] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_nothing_of_the_subject_is_in_the_background(kernel: Kernel) -> None:
    photo, mask = random_photo(1, 200, 300), np.zeros((200, 300), bool)
    mask[60:180, 90:200] = True
    other = photo.copy()
    other[mask] = 255 - other[mask]
    one, two = (natural_portrait(image, mask, Blur(kernel, 21)) for image in (photo, other))
    assert np.abs(one[~mask].astype(int) - two[~mask]).max() <= 1


def test_the_tutorials_dark_halo_is_gone() -> None:
    photo, mask = np.full((200, 300, 3), 200, np.uint8), np.zeros((200, 300), np.uint8)
    mask[60:180, 90:200] = 255
    ours = natural_portrait(photo, mask, Blur("box", 13))
    dark = tutorial.composite(photo, mask, tutorial.blurred_background(photo, mask))
    assert dark.min() < 120
    assert ours.min() == 200
