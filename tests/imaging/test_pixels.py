"""Pixels of 8 bits, of 16, and floats."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.support.samples import random_photo, seeds
from toolkit.imaging.pixels import eight_bits, encode


def test_rounding_is_to_the_nearest_of_each_dtype() -> None:
    levels = np.array([[[-3.0, 0.4, 0.6]], [[254.6, 300.0, 17.2]]], np.float32)
    assert encode(levels, np.uint8).ravel().tolist() == [0, 0, 1, 255, 255, 17]
    assert encode(levels, np.uint16).ravel().tolist() == [0, 0, 1, 255, 300, 17]
    assert encode(levels, np.float32).dtype == np.float32


@given(seed=seeds)
def test_eight_bits_of_sixteen_are_the_nearest(seed: int) -> None:
    sixteen_bit = np.random.default_rng(seed).integers(0, 65536, (3, 4, 3)).astype(np.uint16)
    assert np.abs(eight_bits(sixteen_bit) - sixteen_bit / 257).max() <= 0.5 + 1e-3
    assert eight_bits(shallow := random_photo(seed, 3, 4)) is shallow
