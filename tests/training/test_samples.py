"""Samples that the network is trained on: what the graph sees, the same from the same seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.photos import animal, nobody, person
from training import cutouts
from training.photos import Photo
from training.samples import FLAGS, SHARES, Samples

CROP = 65

PHOTOS = [
    *(person(seed) for seed in range(3)),
    *(nobody(seed) for seed in range(10, 13)),
    *(animal(seed) for seed in range(15, 17)),
    *(nobody(seed, FLAGS) for seed in range(20, 22)),
]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let all samples be of one kind: `only.setitem(...)`."""
    for kind in SHARES:
        monkeypatch.setitem(SHARES, kind, 0.0)
    return monkeypatch


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_sample_is_a_padded_photo_and_its_mask(seed: int) -> None:
    image, mask = Samples(PHOTOS).one(CROP, [seed])
    assert image.shape == (CROP, CROP, 3)
    assert image.dtype == mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 128, 255}
    for axis in (0, 1):
        rows = (np.moveaxis(image, axis, 0) != 128).reshape(CROP, -1).any(axis=1)
        assert (np.moveaxis(mask, axis, 0)[~rows] == 128).all()  # nothing is known of padding


def test_a_sample_depends_on_its_seed_alone() -> None:
    one, other = Samples(PHOTOS), Samples(PHOTOS)
    first = [one.one(CROP, [7, place]) for place in range(4)]
    again = [other.one(CROP, [7, place]) for place in reversed(range(4))][::-1]
    for (image, mask), (image_again, mask_again) in zip(first, again, strict=True):
        np.testing.assert_array_equal(image, image_again)
        np.testing.assert_array_equal(mask, mask_again)
    assert any((a[0] != b[0]).any() for a, b in itertools.pairwise(first))


def test_drawing_changes_no_photo() -> None:
    photos = [Photo(photo.rgb.copy(), photo.mask.copy(), photo.folder) for photo in PHOTOS]
    drawn = Samples(photos)
    for seed in range(60):
        drawn.one(CROP, [seed])
    for photo, before in zip(photos, PHOTOS, strict=True):
        np.testing.assert_array_equal(photo.rgb, before.rgb)
        np.testing.assert_array_equal(photo.mask, before.mask)


@pytest.mark.parametrize("kind", ["composed", "mosaic", "photo"])
def test_people_are_where_the_mask_says(kind: str, only: pytest.MonkeyPatch) -> None:
    only.setitem(SHARES, kind, 1.0)
    drawn = Samples(PHOTOS)
    masks = [drawn.one(CROP, [seed])[1] for seed in range(30)]
    assert sum(bool((mask == 255).any()) for mask in masks) >= 22


def test_nobody_is_in_a_sample_of_nobody(only: pytest.MonkeyPatch) -> None:
    only.setitem(SHARES, "nobody", 1.0)
    drawn = Samples(PHOTOS)
    assert all((drawn.one(CROP, [seed])[1] != 255).all() for seed in range(60))


def test_a_patch_on_a_person_is_part_of_the_person() -> None:
    photo = person(0)
    drawn = Samples(PHOTOS)
    changed = 0
    for seed in range(40):
        drawn.one(CROP, [seed])  # a generator
        rgb, mask = photo.rgb.copy(), photo.mask.copy()
        drawn._patch(rgb, mask)
        np.testing.assert_array_equal(mask, photo.mask)
        differ = (rgb != photo.rgb).any(axis=2)
        near = np.zeros_like(differ)
        near[17:83, 42:78] = True  # an edge is as soft as a lens makes it
        assert not (differ & ~near).any()
        changed += bool(differ.any())
    assert changed > 20


def test_an_animal_is_put_in_and_is_nobody() -> None:
    drawn = Samples(PHOTOS)
    drawn.one(CROP, [1])  # a generator
    changed = 0
    for _ in range(20):
        rgb, mask = np.zeros((90, 120, 3), np.uint8), np.full((90, 120), 255, np.uint8)
        drawn._put_thing(rgb, mask)
        assert set(np.unique(mask)) <= {0, 255}
        assert not rgb[mask == 255].any() or (mask == 0).any()
        changed += bool((mask == 0).any())
    assert changed > 15


def test_streets_beside_people_show_nobody() -> None:
    wide = Photo(np.zeros((90, 400, 3), np.uint8), np.zeros((90, 400), np.uint8), "ccp")
    wide.mask[20:, 150:200] = 255
    wide.rgb[:, 150:200] = 255
    strips = cutouts.strips(wide)
    assert [strip.mask.shape[1] for strip in strips] == [146, 196]
    assert not any(strip.rgb.any() for strip in strips)
    assert cutouts.strips(nobody(1)) == []
