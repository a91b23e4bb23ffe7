"""Blurs without the subject: the plain definition, at any strength."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.samples import random_photo, seeds
from toolkit.errors import UsageError
from toolkit.portrait import KERNELS, Blur, Kernel, natural_portrait
from toolkit.portrait.lens import blur_without, box, disk
from toolkit.portrait.linear_color import from_linear_light, to_linear_light


def nothing(height: int, width: int) -> NDArray[np.bool_]:
    return np.zeros((height, width), bool)


def smooth(seed: int, height: int, width: int) -> np.ndarray:
    """Coarse noise, as photos are: fine noise is what reducing takes away."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 16 + 2, width // 16 + 2, 3))
    enlarged = cv2.resize(noise.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(enlarged, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [3, 13, 26, 43])
def test_a_box_is_the_mean_of_its_square(size: int) -> None:
    photo = random_photo(1, 120, 150)
    made = natural_portrait(photo, nothing(120, 150), Blur("box", size))
    side = 2 * round((size - 1) / 2) + 1
    assert np.array_equal(made, cv2.blur(photo, (side, side)))


@pytest.mark.parametrize("size", [45, 61, 77, 101])
def test_a_wide_box_is_nearly_the_mean_of_its_square(size: int) -> None:
    # the finest there is: reduced by something, all of the error would be seen
    photo = random_photo(1, 360, 400)
    made = natural_portrait(photo, nothing(360, 400), Blur("box", size))
    apart = np.abs(made - cv2.blur(photo.astype(np.float64), (size, size)))[size:-size, size:-size]
    assert apart.mean() < 0.5
    assert apart.max() < 3


@given(variance=st.floats(0, 500))
def test_a_bar_has_its_variance_and_sums_to_1(variance: float) -> None:
    taps = box(variance).astype(np.float64)
    reach = len(taps) // 2
    assert taps.sum() == pytest.approx(1, abs=1e-5)
    spread = (taps * np.arange(-reach, reach + 1) ** 2).sum()
    assert spread == pytest.approx(variance, rel=1e-4, abs=1e-4)
    # as flat as a box is
    assert np.ptp(taps[1:-1]) == 0
    assert 0 <= taps[0] <= taps[1] * (1 + 1e-6)


@pytest.mark.parametrize("size", [5, 13, 26, 61])
def test_a_gaussian_is_a_gaussian_at_any_size(size: int) -> None:
    photo = smooth(2, 360, 400)
    made = natural_portrait(photo, nothing(360, 400), Blur("gaussian", size))
    sigma = math.sqrt((size**2 - 1) / 12)
    plain = cv2.GaussianBlur(photo.astype(np.float64), (0, 0), sigma)
    inner = slice(size * 2, -size * 2)
    apart = np.abs(made - plain)[inner, inner]
    assert apart.mean() < 0.6
    assert apart.max() < 5


@pytest.mark.parametrize("size", [5, 13, 26, 61])
def test_a_lens_is_the_mean_of_its_disc_in_light(size: int) -> None:
    photo = smooth(3, 360, 400)
    made = natural_portrait(photo, nothing(360, 400), Blur("lens", size))
    radius = math.sqrt((size**2 - 1) / 3)
    plain = cv2.filter2D(
        to_linear_light(photo).astype(np.float64), -1, disk(radius).astype(np.float64)
    )
    expected = from_linear_light(plain.astype(np.float32), np.uint8)
    inner = slice(size * 2, -size * 2)
    apart = np.abs(made - expected)[inner, inner]
    assert apart.mean() < 1.5
    assert apart.max() < 10


def test_a_lamp_becomes_a_bright_disc_behind_a_lens_only() -> None:
    photo = np.full((200, 200, 3), 20, np.uint8)
    cv2.circle(photo, (100, 100), 3, (255, 255, 255), -1)
    discs = {
        kernel: natural_portrait(photo, nothing(200, 200), Blur(kernel, 26))[..., 0]
        for kernel in KERNELS
    }
    # as bright well inside the disc of radius 15 as in its middle, and dark outside
    assert discs["lens"][100, 109] > 0.85 * discs["lens"][100, 100]
    assert discs["lens"][100, 122] < 25
    assert discs["lens"][100, 100] > 2 * discs["box"][100, 100]


@given(radius=st.floats(0.1, 20))
def test_a_disc_is_round_and_sums_to_1(radius: float) -> None:
    kernel = disk(radius)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(kernel, kernel.T)
    assert np.array_equal(kernel, kernel[::-1])
    if radius > 1:
        assert 1 / kernel.max() == pytest.approx(math.pi * radius**2, rel=0.05)


@given(
    seed=seeds,
    kernel=st.sampled_from(KERNELS),
    value=st.integers(0, 255),
    size=st.floats(1, 60),
)
def test_a_plain_background_stays_as_it_is_whatever_the_subject(
    seed: int, kernel: Kernel, value: int, size: float
) -> None:
    generator = np.random.default_rng(seed)
    photo = np.full((40, 50, 3), value, np.uint8)
    mask = np.zeros((40, 50), bool)
    top, left = generator.integers(0, 30, 2)
    mask[top : top + 10, left : left + 12] = True
    photo[mask] = random_photo(seed, 40, 50)[mask]
    made = natural_portrait(photo, mask, Blur(kernel, size))
    assert np.abs(made[~mask].astype(int) - value).max() <= 1
    assert np.array_equal(made[mask], photo[mask])


def test_what_has_no_weight_has_no_part() -> None:
    photo = random_photo(1, 60, 60)
    weight = np.full((60, 60), 255, np.uint8)
    weight[20:40, 20:40] = 0
    other = photo.copy()
    other[20:40, 20:40] = 255 - other[20:40, 20:40]
    for kernel in KERNELS:
        one, two = (blur_without(image, weight, Blur(kernel, 7)) for image in (photo, other))
        assert np.allclose(one, two, atol=1e-2)


@pytest.mark.parametrize(("kernel", "size"), [("heart", 13), ("lens", 0.5), ("box", 4000)])
def test_a_blur_that_is_not_possible_is_refused(kernel: Kernel, size: float) -> None:
    with pytest.raises(UsageError):
        Blur(kernel, size)
