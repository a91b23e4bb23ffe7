"""Holes in the subject: filled where the network is unsure, kept where it is sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.samples import seeds, sides
from toolkit.portrait.alpha import SURE
from toolkit.portrait.holes import DOUBT, FILLED, fill_holes


def figure(height: int = 40, width: int = 60) -> NDArray[np.float32]:
    """Draw a subject in the middle of a background, both of them sure."""
    probability = np.full((height, width), 0.01, np.float32)
    probability[8:-8, 10:-10] = 0.99
    return probability


def test_a_hole_that_the_network_is_unsure_of_is_filled() -> None:
    probability = figure()
    probability[15:20, 20:26] = 0.45
    filled = fill_holes(probability)
    assert (filled[15:20, 20:26] == np.float32(FILLED)).all()
    assert np.array_equal(filled == probability, probability != np.float32(0.45))


def test_a_gap_that_shows_the_background_stays_with_its_soft_edge() -> None:
    probability = figure()
    probability[14:22, 20:28] = 0.45
    probability[16:20, 22:26] = DOUBT / 2
    assert np.array_equal(fill_holes(probability), probability)


@pytest.mark.parametrize("way_out", [np.s_[12:40, 22], np.s_[12, 0:30], np.s_[0:20, 22]])
def test_what_reaches_the_photos_edge_or_the_background_is_no_hole(
    way_out: tuple[slice | int, slice | int],
) -> None:
    probability = figure()
    probability[12:20, 20:26] = 0.45
    probability[way_out] = 0.45
    assert np.array_equal(fill_holes(probability), probability)


def test_a_diagonal_of_the_subject_closes_a_hole() -> None:
    probability = np.full((5, 5), 0.45, np.float32)
    for place in ((1, 2), (2, 1), (2, 3), (3, 2)):
        probability[place] = 0.9
    assert fill_holes(probability)[2, 2] == np.float32(FILLED)


def test_the_rim_of_a_filled_hole_is_filled_too() -> None:
    probability = figure()
    probability[14:22, 20:28] = 0.6
    probability[16:20, 22:26] = 0.45
    assert (fill_holes(probability)[14:22, 20:28] == np.float32(FILLED)).all()


@given(seed=seeds, height=sides, width=sides, level=st.floats(0.1, 2.0))
def test_nothing_is_taken_from_the_subject(
    seed: int, height: int, width: int, level: float
) -> None:
    random = np.random.default_rng(seed)
    probability = np.clip(random.random((height, width)) * level, 0, 1).astype(np.float32)
    before = probability.copy()
    filled = fill_holes(probability)
    assert np.array_equal(probability, before)
    assert filled.dtype == np.float32
    changed = filled != probability
    assert (filled[changed] == np.float32(FILLED)).all()
    assert (filled >= probability).all()
    assert not changed[probability < DOUBT].any()
    inner = np.zeros_like(changed)
    inner[1:-1, 1:-1] = changed[1:-1, 1:-1]
    assert np.array_equal(changed, inner)


def test_a_filled_hole_is_the_watersheds_to_decide() -> None:
    assert FILLED < SURE
