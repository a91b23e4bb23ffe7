"""Blurring and composing in bands: the bytes of the whole photo at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import tutorial
from tests.support.samples import kernels, random_mask, random_photo, seeds
from toolkit.errors import UsageError
from toolkit.portrait import Stopwatch, blur_background, composite
from toolkit.portrait.composite import bands


def the_tutorials(
    photo: tutorial.Pixels, mask: tutorial.Pixels, kernel: int = 13
) -> tutorial.Pixels:
    return tutorial.composite(photo, mask, tutorial.blurred_background(photo, mask, kernel))


@given(
    seed=seeds,
    height=st.integers(1, 250),
    width=st.integers(1, 40),
    kernel=st.one_of(st.integers(1, 30), kernels),
)
def test_narrow_bands_give_the_tutorials_bytes(
    seed: int, height: int, width: int, kernel: int
) -> None:
    photo, mask = random_photo(seed, height, width), random_mask(seed, height, width)
    before = photo.copy(), mask.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composite, "BAND_BYTES", 1)
        ours = blur_background(photo, mask, kernel)
    assert np.array_equal(ours, the_tutorials(photo, mask, kernel))
    assert np.array_equal(photo, before[0])
    assert np.array_equal(mask, before[1])


@pytest.mark.parametrize(
    ("height", "width"), [(480, 640), (720, 1280), (1, 5000), (5000, 1), (1000, 2001), (1, 1)]
)
@pytest.mark.parametrize("kernel", [1, 2, 12, 13, 101])
def test_bands_of_real_size_give_the_tutorials_bytes(height: int, width: int, kernel: int) -> None:
    photo, mask = random_photo(5, height, width), random_mask(6, height, width)
    ours = blur_background(photo, mask, kernel)
    assert np.array_equal(ours, the_tutorials(photo, mask, kernel))


def test_twelve_megapixels_give_the_tutorials_bytes() -> None:
    photo, mask = random_photo(5, 3000, 4000), random_mask(6, 3000, 4000)
    assert np.array_equal(blur_background(photo, mask), the_tutorials(photo, mask))


def test_a_photo_that_is_a_view_is_taken() -> None:
    photo, mask = random_photo(5, 90, 120)[::2, ::-1], random_mask(6, 90, 120)[::2, ::-1]
    whole = np.ascontiguousarray(photo), np.ascontiguousarray(mask)
    assert np.array_equal(blur_background(photo, mask), the_tutorials(*whole))


def test_a_full_mask_gives_the_photo_and_an_empty_one_its_blur() -> None:
    photo = random_photo(7, 300, 400)
    full, empty = np.full((300, 400), 255, np.uint8), np.zeros((300, 400), np.uint8)
    assert np.array_equal(blur_background(photo, full), photo)
    assert np.array_equal(blur_background(photo, empty), the_tutorials(photo, empty))


@given(height=st.integers(1, 5000), width=st.integers(1, 5000), kernel=kernels)
def test_bands_cover_every_row_once_and_read_what_the_kernel_reaches(
    height: int, width: int, kernel: int
) -> None:
    found = list(bands(height, width, kernel))
    assert [row for band in found for row in range(height)[band.rows]] == list(range(height))
    for band in found:
        assert range(height)[band.read][band.kept] == range(height)[band.rows]
        assert band.read.start == max(band.rows.start - kernel // 2, 0)
        assert band.read.stop == min(band.rows.stop + kernel // 2, height)


def test_a_large_photo_is_worked_on_in_many_bands() -> None:
    assert len(list(bands(3000, 4000, 13))) > 40


def test_blur_and_composite_are_timed_apart() -> None:
    watch = Stopwatch()
    blur_background(random_photo(1, 200, 200), random_mask(1, 200, 200), timer=watch)
    assert {stage for stage, seconds in watch.seconds.items() if seconds > 0} == {
        "blur",
        "composite",
    }


def test_a_kernel_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError):
        blur_background(random_photo(1, 2, 2), random_mask(1, 2, 2), 0)
