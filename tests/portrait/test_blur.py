"""Blur and background: exact, whatever the kernel; the photo itself stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from benchmarks import tutorial
from tests.support.samples import kernels, random_mask, random_photo, seeds, sides
from toolkit.errors import UsageError
from toolkit.portrait import blur, hide_subject
from toolkit.portrait.blur import KERNEL_LIMIT


@given(seed=seeds, height=sides, width=sides)
def test_the_background_is_black_under_the_mask_and_the_photo_elsewhere(
    seed: int, height: int, width: int
) -> None:
    photo, mask = random_photo(seed, height, width), random_mask(seed, height, width)
    background = hide_subject(photo, mask)
    assert (background[mask == 255] == 0).all()
    assert np.array_equal(background[mask == 0], photo[mask == 0])


@given(seed=seeds, height=sides, width=sides, kernel=kernels)
def test_the_same_bytes_as_the_tutorial(seed: int, height: int, width: int, kernel: int) -> None:
    photo, mask = random_photo(seed, height, width), random_mask(seed, height, width)
    before = photo.copy(), mask.copy()
    ours = blur(hide_subject(photo, mask), kernel)
    assert np.array_equal(ours, tutorial.blurred_background(photo, mask, kernel))
    assert np.array_equal(photo, before[0])
    assert np.array_equal(mask, before[1])


@pytest.mark.parametrize("kernel", [1, 2, 3, 13])
def test_each_pixel_is_within_a_level_of_the_mean_of_its_mirrored_square(kernel: int) -> None:
    photo = random_photo(3, 20, 17)
    reach = kernel // 2
    padding = ((reach, kernel - 1 - reach), (reach, kernel - 1 - reach), (0, 0))
    padded = np.pad(photo, padding, mode="reflect").astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(0, 1))
    assert np.abs(blur(photo, kernel) - windows.mean(axis=(-1, -2))).max() < 1


def test_the_largest_kernel_does_not_overflow() -> None:
    white = np.full((4, 5, 3), 255, np.uint8)
    assert (blur(white, KERNEL_LIMIT) == 255).all()


@pytest.mark.parametrize("kernel", [0, -3, KERNEL_LIMIT + 1])
def test_a_kernel_out_of_range_is_refused(kernel: int) -> None:
    with pytest.raises(UsageError, match="choose from 1 to 2047"):
        blur(random_photo(0, 2, 2), kernel)
