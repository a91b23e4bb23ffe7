"""Steadying: less shimmer where nothing moves, no lag where something does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import seeds
from tests.video.clips import FigureBackend, clip, walk
from tests.video.judging import alphas, fits, flicker, lag
from toolkit.portrait.alpha import AlphaPlane
from toolkit.video.temporal_smoothing import GAIN, TemporalSmoother


@pytest.mark.parametrize("noise", [2, 5, 9])
def test_a_still_scene_with_noise_flickers_a_third_at_most(noise: float) -> None:
    frames = clip([(70, 56, 70)] * 20, noise=noise)
    steadied, as_it_is = alphas(frames, FigureBackend(), GAIN, 1)
    assert flicker(steadied) < flicker(as_it_is) / 3


@pytest.mark.parametrize("step", [0.5, 1, 2, 4, 8])
def test_a_moving_mask_lags_by_a_frame_at_most(step: float) -> None:
    frames = clip(walk(16, step / 2), noise=3)
    (found,) = alphas(frames, FigureBackend(), GAIN)
    assert lag(found, frames) in (0, 1)


def test_a_moving_mask_is_as_good_as_one_that_is_not_steadied() -> None:
    frames = clip(walk(12), noise=3)
    steadied, as_it_is = (
        fits(found, frames)[0] for found in alphas(frames, FigureBackend(), GAIN, 1)
    )
    assert steadied > as_it_is - 0.005


def test_a_soft_edge_that_moves_is_not_late_where_the_picture_is_plain() -> None:
    """It is wider than what is seen to move."""
    smoother, rng = TemporalSmoother(), np.random.default_rng(0)
    for place in range(20, 48, 2):
        picture = np.full((48, 80, 3), 60.0)
        picture[:, :place] = 180
        guide = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        hard = np.zeros((96, 160), np.float32)
        hard[:, : 2 * place] = 255
        alpha = cv2.GaussianBlur(hard, (0, 0), 4).astype(np.uint8)
        assert np.abs(smoother.steady(guide, alpha).astype(int) - alpha).max() <= 4


def test_a_cut_takes_the_new_alpha_at_once() -> None:
    smoother = TemporalSmoother()
    dark, bright = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 200, np.uint8)
    before, after = (np.full((40, 60), value, np.uint8) for value in (60, 255))
    smoother.steady(dark, before)
    assert np.array_equal(smoother.steady(bright, after), after)


@given(seeds, st.integers(1, 12), st.integers(1, 12), st.floats(0, 1))
def test_alpha_lies_between_its_last_and_its_new_value(
    seed: int, height: int, width: int, gain: float
) -> None:
    rng = np.random.default_rng(seed)
    smoother = TemporalSmoother(gain)
    last: AlphaPlane | None = None
    for _ in range(3):
        guide = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        alpha = rng.integers(0, 256, (2 * height, 3 * width), dtype=np.uint8)
        given_guide, given_alpha = guide.copy(), alpha.copy()
        found = smoother.steady(guide, alpha)
        assert np.array_equal(guide, given_guide)
        assert np.array_equal(alpha, given_alpha)
        assert found.dtype == np.uint8
        if last is None:
            assert np.array_equal(found, alpha)
        else:
            low, high = np.minimum(last, alpha), np.maximum(last, alpha)
            assert (found >= low).all()
            assert (found <= high).all()
        last = found.copy()


def test_what_was_given_out_does_not_change_later() -> None:
    smoother = TemporalSmoother()
    guide = np.zeros((8, 8, 3), np.uint8)
    first = smoother.steady(guide, np.zeros((8, 8), np.uint8))
    smoother.steady(guide, np.full((8, 8), 255, np.uint8))
    assert not first.any()


def test_an_alpha_that_fades_away_is_nothing_in_the_end() -> None:
    """Sums with floats too small for their first digits take ten times as long."""
    smoother = TemporalSmoother(0.5)
    guide = np.zeros((8, 8, 3), np.uint8)
    ends = np.zeros((8, 8), np.uint8)
    ends[:, [0, -1]] = 255  # what lies between is looked at again and again
    smoother.steady(guide, np.full((8, 8), 255, np.uint8))
    for _ in range(200):
        smoother.steady(guide, ends)
    kept = smoother._alpha
    assert kept is not None
    assert np.array_equal(kept, ends)


def test_a_color_that_fades_away_is_nothing_in_the_end() -> None:
    smoother = TemporalSmoother(0.5)
    smoother.gain(np.full((8, 8, 3), 1, np.uint8))
    for _ in range(200):
        smoother.gain(np.zeros((8, 8, 3), np.uint8))
    kept = smoother._usual
    assert kept is not None
    assert not np.any(kept)
