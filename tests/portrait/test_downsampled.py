"""A background at half the photo's size: as its two sides are, for the colors of a video."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.samples import random_photo, seeds
from toolkit.portrait import KERNELS, Blur, Kernel
from toolkit.portrait.natural import background_alone

even_sides = st.integers(1, 60).map(lambda half: 2 * half)


@given(seeds, even_sides, even_sides, st.sampled_from(KERNELS), st.floats(13, 101))
@example(0, 720, 1280, "lens", 25.6)
def test_half_of_it_is_the_whole_of_it_halved(
    seed: int, height: int, width: int, kernel: Kernel, size: float
) -> None:
    photo = random_photo(seed, height, width)
    background = background_alone(photo, np.zeros((height, width), np.uint8), Blur(kernel, size))
    found = background.half(background.small)
    whole = background.whole(background.small)
    wanted = cv2.resize(whole, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 1
