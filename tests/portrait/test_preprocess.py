"""Preprocessing: the tutorial's sizes and bytes, and no side that becomes 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks import tutorial
from tests.support.samples import random_photo, seeds, sides
from toolkit.portrait import network_size, preprocess


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(720, 1280, (288, 513)), (1280, 720, (513, 288)), (1, 1, (513, 513)), (3, 2000, (1, 513))],
)
def test_known_sizes(height: int, width: int, expected: tuple[int, int]) -> None:
    assert network_size(height, width, (513, 513)) == expected


@given(height=st.integers(1, 10_000), width=st.integers(1, 10_000))
def test_the_tutorials_size_for_every_photo_that_it_can_resize(height: int, width: int) -> None:
    ratio = 513 / max(height, width)
    wanted = int(ratio * height), int(ratio * width)
    assert network_size(height, width, (513, 513)) == tuple(max(side, 1) for side in wanted)


@given(
    height=st.integers(1, 10_000),
    width=st.integers(1, 10_000),
    crop=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
)
def test_the_resized_photo_fits_the_crop(height: int, width: int, crop: tuple[int, int]) -> None:
    network_height, network_width = network_size(height, width, crop)
    assert 1 <= network_width <= crop[1]
    assert 1 <= network_height <= crop[0]


@given(seed=seeds, height=sides, width=sides, crop=st.sampled_from([65, 129]))
def test_the_same_bytes_as_the_tutorial(seed: int, height: int, width: int, crop: int) -> None:
    assume(min(height, width) * crop >= max(height, width))  # the tutorial itself fails there
    photo = random_photo(seed, height, width)
    before = photo.copy()
    ours = preprocess(photo, (crop, crop))
    assert np.array_equal(ours, tutorial.network_input(photo, crop))
    assert np.array_equal(photo, before)
    assert ours.flags.c_contiguous


def test_colors_come_out_as_rgb() -> None:
    blue = np.zeros((10, 10, 3), np.uint8)
    blue[..., 0] = 200
    assert preprocess(blue, (5, 5))[0, 0].tolist() == [0, 0, 200]


def test_a_thin_photo_keeps_one_row() -> None:
    assert preprocess(random_photo(1, 3, 2000), (513, 513)).shape == (1, 513, 3)
