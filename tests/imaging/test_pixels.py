"""Pixels of 8 bits, of 16, and floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.support.samples import random_photo, seeds
from toolkit.errors import UsageError
from toolkit.imaging.pixels import check_pixels, eight_bits, encode


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


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"shape \(4, 5\)"),
        (np.zeros((4, 5, 4), np.uint8), r"shape \(4, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), r"shape \(0, 5, 3\)"),
        (np.zeros((4, 5, 3), np.int32), "dtype int32"),
        (np.zeros((4, 5, 3), np.float16), "dtype float16"),
        (np.zeros((4, 5, 3), bool), "dtype bool"),
        (np.full((4, 5, 3), 255.0), "float pixels beyond 0..1"),
        (np.full((4, 5, 3), -0.1, np.float32), "float pixels beyond 0..1"),
        (np.full((4, 5, 3), np.nan), "float pixels beyond 0..1"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_line(pixels: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_pixels(pixels)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4", ">f4", "<f8", ">f8"])
def test_byte_order_changes_no_value(dtype: str) -> None:
    kind = np.dtype(dtype)
    top = np.iinfo(kind).max if kind.kind == "u" else 1
    pixels = (np.random.default_rng(0).random((3, 4, 3)) * top).astype(kind)
    checked = check_pixels(pixels)
    assert checked.dtype.isnative
    assert np.array_equal(checked, pixels)


def test_only_8_bits_are_taken_where_only_they_are_meant() -> None:
    with pytest.raises(UsageError, match="dtype uint16; convert it to one of: uint8"):
        check_pixels(np.zeros((4, 5, 3), np.uint16), eight_bits=True)
