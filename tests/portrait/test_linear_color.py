"""Levels to light and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.samples import seeds
from toolkit.imaging.pixels import encode
from toolkit.portrait.linear_color import from_linear_light, levels_of, to_linear_light


@given(seed=seeds, dtype=st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_light_and_back_is_the_photo(seed: int, dtype: type) -> None:
    photo = np.random.default_rng(seed).random((7, 5, 3))
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    levels: NDArray[Any] = (photo * top).astype(dtype)
    back = from_linear_light(to_linear_light(levels), dtype)
    assert np.abs(back - levels).max() <= 2e-4 * top + 1e-3 * (dtype == np.uint8)


@given(seed=seeds, most=st.sampled_from([0.01, 1.0, 5.0, 30.0]))
def test_levels_are_those_of_the_light_rounded(seed: int, most: float) -> None:
    linear_light = np.random.default_rng(seed).random((9, 7, 3), np.float32) * np.float32(most)
    assert (
        np.abs(levels_of(linear_light, np.uint8) - from_linear_light(linear_light, np.uint8)).max()
        <= 0.55
    )
    for dtype in (np.uint16, np.float32):
        exact = encode(from_linear_light(linear_light, dtype), dtype)
        assert np.array_equal(levels_of(linear_light, dtype), exact)


def test_every_level_comes_back_from_its_light() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    assert np.array_equal(levels_of(to_linear_light(levels), np.uint8), levels)
