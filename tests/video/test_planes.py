"""A frame in its own planes: the same colors, the same linear functions, exact where one wins."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import random_photo, seeds
from tests.video.clips import av
from toolkit.video.planes import WEIGHTS, Planes, lay_over, planes_of, to_bgr, weighed_planes
from toolkit.video.reading import planes_in

SPACES = [1, 2, 4, 5, 6, 7, 9]
sides = st.integers(1, 70)


def random_planes(seed: int, height: int, width: int) -> Planes:
    luma, blue, red = np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)
    return luma, blue, red


@pytest.mark.parametrize("space", SPACES)
def test_planes_are_ffmpegs(space: int) -> None:
    """Within its rounding, of colors smooth enough that two resolutions agree."""
    photo = np.asarray(cv2.GaussianBlur(random_photo(0, 64, 96), (0, 0), 8), np.uint8)
    named = space if space in WEIGHTS else None
    picture = av.VideoFrame.from_ndarray(photo, format="bgr24")
    theirs = planes_in(picture.reformat(format="yuv444p", dst_colorspace=named))
    for own, plane in zip(planes_of(photo, space), theirs, strict=True):
        downsampled = cv2.resize(own, plane.shape[::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(downsampled.astype(int) - plane).max() <= 2


@given(seeds, st.sampled_from(SPACES))
def test_there_and_back_is_the_same_color(seed: int, space: int) -> None:
    photo = random_photo(seed, 9, 7)
    planes = np.dstack([*planes_of(photo, space), np.ones((9, 7))])
    back = planes @ to_bgr(space)[:3].T
    assert np.abs(back - photo).max() < 2.2  # a level of a plane is up to 2 of a color


@given(seeds, sides, sides)
def test_a_function_of_planes_is_summed_up_sample_by_sample(
    seed: int, height: int, width: int
) -> None:
    planes = random_planes(seed, height, width)
    before = [plane.copy() for plane in planes]
    constant = np.random.default_rng(seed).uniform(-1, 1, 4) * [1, 1, 1, 100]
    factors = np.broadcast_to(constant, (3, 4, 4)).astype(np.float32)
    found = weighed_planes(planes, factors)
    wanted = constant @ np.array([*planes, np.ones_like(planes[0])]).reshape(4, -1)
    assert np.abs(found.ravel() - np.clip(wanted, 0, 255)).max() <= 0.51
    assert all(np.array_equal(a, b) for a, b in zip(planes, before, strict=True))


@given(seeds, sides, sides)
def test_where_alpha_is_0_or_255_one_plane_is_taken_as_it_is(
    seed: int, height: int, width: int
) -> None:
    front, behind, _ = random_planes(seed, height, width)
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.normal(128, 200, (height, width)), 0, 255).astype(np.uint8)
    found, *given_planes = behind.copy(), front.copy(), alpha.copy()
    lay_over(found, front, alpha)
    share = alpha / 255
    assert np.abs(found - (share * front + (1 - share) * behind)).max() <= 0.51
    assert np.array_equal(found[alpha == 255], front[alpha == 255])
    assert np.array_equal(found[alpha == 0], behind[alpha == 0])
    for now, was in zip((front, alpha), given_planes, strict=True):
        assert np.array_equal(now, was)
