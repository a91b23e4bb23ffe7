"""The whole chain: the tutorial's bytes, and its two deviations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests import tutorial
from tests.samples import PaintedBackend, random_photo, seeds, sides
from toolkit.errors import UsageError
from toolkit.media import read_photo
from toolkit.portrait import STAGES, Stopwatch, make_portrait


@given(seed=seeds, height=sides, width=sides, kernel=st.integers(1, 40))
def test_the_style_tutorial_is_the_tutorial_byte_for_byte(
    seed: int, height: int, width: int, kernel: int
) -> None:
    assume(min(height, width) * 65 >= max(height, width))  # the tutorial's own resize fails there
    photo = random_photo(seed, height, width)
    before = photo.copy()
    backend = PaintedBackend()
    made = make_portrait(photo, backend, kernel=kernel)
    expected = tutorial.portrait(photo, PaintedBackend().segment, crop=65, kernel=kernel)
    assert np.array_equal(made.image, expected)
    assert made.image.dtype == np.uint8
    assert np.array_equal(photo, before)


def test_real_photos_come_out_as_the_tutorials(shared: Path) -> None:
    backend = PaintedBackend(crop=(513, 513))
    for path in sorted((shared / "photos").glob("*.[jpwb]*")):
        photo = read_photo(path).bgr
        expected = tutorial.portrait(photo, backend.segment)
        assert np.array_equal(make_portrait(photo, backend).image, expected), path.name


def test_a_photo_whose_side_would_become_0_is_done() -> None:
    made = make_portrait(random_photo(1, 3, 2000), PaintedBackend(crop=(513, 513)))
    assert made.network_size == (1, 513)
    assert made.image.shape == (3, 2000, 3)


def test_without_the_subject_the_photo_comes_back_as_a_copy() -> None:
    photo = random_photo(1, 30, 40)
    made = make_portrait(photo, PaintedBackend(label=8), subject=15)
    assert not made.subject_found
    assert np.array_equal(made.image, photo)
    assert not np.shares_memory(made.image, photo)


def test_any_label_can_be_the_subject() -> None:
    photo = random_photo(1, 30, 40)
    cat = make_portrait(photo, PaintedBackend(label=8), subject=8)
    assert cat.subject_found
    assert np.array_equal(cat.image, make_portrait(photo, PaintedBackend()).image)


def test_the_portrait_says_what_was_found() -> None:
    backend = PaintedBackend(crop=(33, 65))
    made = make_portrait(random_photo(1, 300, 400), backend)
    assert made.photo_size == (300, 400)
    assert made.network_size == (33, 44)
    assert backend.seen == [(33, 44, 3)]
    assert made.labels.shape == (33, 44)
    assert set(made.shares) == {0, 15}
    assert made.shares[15] == np.mean(made.labels == 15)
    assert made.stages is None


def test_stages_are_the_pictures_on_the_way() -> None:
    photo = random_photo(1, 120, 90)
    made = make_portrait(photo, PaintedBackend(), stages=True)
    stages = made.stages
    assert stages is not None
    assert np.array_equal(stages.network_input, tutorial.network_input(photo, 65))
    assert np.array_equal(stages.mask, tutorial.full_mask(stages.labels, 120, 90))
    assert np.array_equal(stages.blurred, tutorial.blurred_background(photo, stages.mask))
    assert stages.network_mask.shape == stages.labels.shape
    assert (stages.background[stages.mask == 255] == 0).all()
    assert stages.portrait is made.image


def test_every_stage_is_timed() -> None:
    watch = Stopwatch()
    make_portrait(random_photo(1, 120, 90), PaintedBackend(), clock=watch)
    assert tuple(watch.seconds) == STAGES
    assert all(seconds > 0 for seconds in watch.seconds.values())


def test_a_stage_that_fails_is_timed_too() -> None:
    watch = Stopwatch()
    with pytest.raises(ZeroDivisionError), watch("segment"):
        _ = 1 / 0
    assert watch.seconds["segment"] > 0


def test_a_kernel_out_of_range_is_refused_before_the_network_runs() -> None:
    backend = PaintedBackend()
    with pytest.raises(UsageError):
        make_portrait(random_photo(1, 9, 9), backend, kernel=0)
    assert backend.seen == []
