"""Masks: only 0 and 255, the tutorial's bytes; shares that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import tutorial
from tests.support.samples import random_mask, seeds, sides
from toolkit.portrait import label_shares, photo_mask, subject_mask


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_only_the_subject_is_marked(dtype: type[np.integer]) -> None:
    labels = np.array([[0, 15], [14, 15]], dtype)
    mask = subject_mask(labels, 15)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 255], [0, 255]]


@given(seed=seeds, height=sides, width=sides, to_height=sides, to_width=sides)
def test_the_same_bytes_as_the_tutorial(
    seed: int, height: int, width: int, to_height: int, to_width: int
) -> None:
    labels = np.where(random_mask(seed, height, width) > 0, 15, 3)
    network_mask = subject_mask(labels, 15)
    before = network_mask.copy()
    mask = photo_mask(network_mask, to_height, to_width)
    assert np.array_equal(mask, tutorial.full_mask(labels, to_height, to_width))
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 255}
    assert np.array_equal(network_mask, before)


def test_enlarging_cuts_above_the_middle_not_at_it() -> None:
    mask = np.array([[0, 255]], np.uint8)
    enlarged = photo_mask(mask, 1, 256)[0]  # a ramp of every level from 0 to 255
    assert np.count_nonzero(enlarged) == np.count_nonzero(
        np.round(np.clip((np.arange(256) + 0.5) / 128 - 0.5, 0, 1) * 255) > 128
    )


@given(labels=st.lists(st.integers(0, 20), min_size=1, max_size=50))
def test_shares_name_every_label_and_add_up(labels: list[int]) -> None:
    shares = label_shares(np.array([labels]))
    assert set(shares) == set(labels)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share == labels.count(label) / len(labels) for label, share in shares.items())
