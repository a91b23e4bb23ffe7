"""Changes of color keep a photo's size and leave what they are given as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.photos import person, scene
from training.color import recolored, shaded, varied


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.5, 1.0]))
def test_variation_keeps_size_and_type(seed: int, strength: float) -> None:
    photo = scene(1)
    before = photo.copy()
    changed = varied(photo, np.random.default_rng(seed), strength)
    assert changed.shape == photo.shape
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("seed", range(8))
def test_only_clothes_are_dyed(seed: int) -> None:
    photo = person(1)
    dyed = recolored(photo.rgb, photo.mask, np.random.default_rng(seed))
    differ = (dyed != photo.rgb).any(axis=2)
    assert differ.any()
    assert not differ[photo.mask != 255].any()
    assert not differ[:30].any()  # the head, which begins at 20


def test_nobody_is_dyed_where_nobody_is() -> None:
    photo = person(1)
    nothing = np.zeros_like(photo.mask)
    dyed = recolored(photo.rgb, nothing, np.random.default_rng(0))
    np.testing.assert_array_equal(dyed, photo.rgb)


def test_no_light_changes_nothing() -> None:
    photo = scene(2)
    np.testing.assert_array_equal(shaded(photo, np.zeros(photo.shape[:2])), photo)
    assert shaded(photo, np.ones(photo.shape[:2])).mean() > photo.mean()
