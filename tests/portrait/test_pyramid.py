"""A Gaussian on half a photo: that with every tap, to a level, up to the edges of any photo."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.samples import random_photo, seeds
from toolkit.portrait import Blur
from toolkit.portrait.pyramid import PyramidBackground

sides = st.integers(1, 90)
sizes = st.floats(12, 13.8)


def whole(photo: NDArray[np.uint8], alpha: NDArray[np.uint8], blur: Blur) -> NDArray[np.uint8]:
    background = PyramidBackground(photo, alpha, blur)
    return np.asarray(background.whole(background.small), np.uint8)


def plain(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Every tap, in float64; beyond its edges the image is its own mirror image."""
    reach = round(4 * sigma)
    line = cv2.getGaussianKernel(2 * reach + 1, sigma)
    wide = cv2.copyMakeBorder(image, *(reach,) * 4, cv2.BORDER_REFLECT_101)
    made = np.asarray(cv2.sepFilter2D(wide, -1, line, line), np.float64)
    height, width = image.shape[:2]
    return made[reach : reach + height, reach : reach + width]


@given(seeds, sides, sides, sizes)
def test_without_a_subject_it_is_the_gaussian_up_to_the_edges(
    seed: int, height: int, width: int, size: float
) -> None:
    photo, blur = random_photo(seed, height, width), Blur("gaussian", size)
    made = whole(photo, np.zeros((height, width), np.uint8), blur)
    assert np.abs(made - plain(photo.astype(np.float64), blur.sigma)).max() < 2


@given(seeds, st.integers(20, 90), st.integers(20, 90), sizes)
def test_beside_a_subject_it_is_the_mean_of_what_has_weight(
    seed: int, height: int, width: int, size: float
) -> None:
    photo, blur = random_photo(seed, height, width), Blur("gaussian", size)
    alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(alpha, (width // 2, height // 2), (width // 5, height // 4), 0, 0, 360, 255, -1)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.5), np.uint8)
    weight = 1 - alpha.astype(np.float64) / 255
    total = plain(photo * weight[..., np.newaxis], blur.sigma)
    share = plain(weight, blur.sigma)
    apart = np.abs(whole(photo, alpha, blur) - total / np.maximum(share, 0.1)[..., np.newaxis])
    assert apart[share > 0.2].max() < 3


def test_it_is_for_gaussians_that_are_neither_narrow_nor_wide() -> None:
    factors = {size: Blur("gaussian", size).factor for size in (5, 9, 11, 12, 13, 14, 20)}
    assert factors == {5: 1, 9: 1, 11: 1, 12: 2, 13: 2, 14: 3, 20: 3}


@given(seeds, sides, sides, sizes, st.data())
def test_a_part_of_it_is_that_part_of_the_whole(
    seed: int, height: int, width: int, size: float, data: st.DataObject
) -> None:
    photo = random_photo(seed, height, width)
    alpha = photo[..., 0].copy()
    background = PyramidBackground(photo, alpha, Blur("gaussian", size))
    rows, columns = (
        slice(*sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, n)))))
        for n in (height, width)
    )
    if rows.start < rows.stop and columns.start < columns.stop:
        part = background.patch(rows, columns)
        assert np.array_equal(part, background.whole(background.small)[rows, columns])
