"""Samples that a network is trained on: what the graph sees, the same from the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.data import KEPT_BACK, Photo, Samples, read_photos

CROP = 65


def made_up(seed: int, *, person: bool) -> Photo:
    generator = np.random.default_rng(seed)
    mask = np.zeros((60, 90), np.uint8)
    if person:
        mask[20:, 30:60] = 255
        mask[:10, :10] = 128
    return Photo(generator.integers(0, 256, (60, 90, 3), dtype=np.uint8), mask)


def samples(seed: int) -> Samples:
    people, nobody = ([made_up(n, person=person) for n in range(2)] for person in (True, False))
    return Samples(people, nobody, CROP, seed)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_a_sample_is_a_padded_photo_and_its_mask(seed: int) -> None:
    images, masks = samples(seed).batch(3)
    assert images.shape == (3, CROP, CROP, 3)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert set(np.unique(masks)) <= {0, 128, 255}
    for image, mask in zip(images, masks, strict=True):
        rows, columns = ((image != 0).any(axis=(axis, 2)).nonzero()[0].max() + 1 for axis in (1, 0))
        assert max(rows, columns) == CROP  # the longer side fits the crop
        assert (mask[rows:] == 128).all()
        assert (mask[:, columns:] == 128).all()


def test_the_same_seed_gives_the_same_samples() -> None:
    one, other, third = (samples(seed).batch(4)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_people_are_put_where_the_mask_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.data.COMPOSED", 1.0)
    _, masks = samples(3).batch(16)
    assert sum((mask == 255).any() for mask in masks) >= 12


def test_kept_back_photos_are_not_trained_on(shared: Path) -> None:
    people, nobody, kept_back = read_photos(shared / "dataset")
    assert len(kept_back) == len(KEPT_BACK.read_text().split()) == 10 + 7 + 6
    assert (len(people), len(nobody)) == (30 + 19, 17)
    assert all((photo.mask == 255).any() for photo in people)
