"""One frame through the chain: as a photo, taken apart, and what stays sharp untouched."""

from __future__ import annotations

import numpy as np
import pytest

from tests.video.clips import FigureBackend, clip, framed, walk
from toolkit.portrait import EDGES, PERSON, Edge, Natural, make_portrait
from toolkit.video.frames import alpha_of, portrait_of, probability_in

((PICTURE, MASK),) = clip(walk(1))
STYLE = Natural(strength=10)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("depth", [0, 0.7])
def test_a_frame_alone_is_the_photos_portrait(edge: Edge, depth: float) -> None:
    """But for colours at half the resolution."""
    style, backend = Natural(strength=10, edge=edge, depth=depth), FigureBackend()
    frame = framed(PICTURE)
    guide, probability, found = probability_in(frame.bgr, backend, PERSON)
    made = portrait_of(frame, alpha_of(frame, guide, probability, style), style)
    assert found
    wanted = framed(make_portrait(PICTURE, backend, subject=PERSON, style=style).image)
    for plane, other in zip(made, wanted.planes, strict=True):
        difference = np.abs(plane.astype(int) - other)
        assert difference.mean() < 1.5
        assert np.percentile(difference, 99) <= 10


@pytest.mark.parametrize("edge", EDGES)
def test_with_colours_at_full_resolution_it_is_that_to_rounding(edge: Edge) -> None:
    """A frame of odd sides has them."""
    style, backend, picture = Natural(strength=10, edge=edge), FigureBackend(), PICTURE[:95, :143]
    frame = framed(picture.copy())
    guide, probability, _found = probability_in(frame.bgr, backend, PERSON)
    made = portrait_of(frame, alpha_of(frame, guide, probability, style), style)
    wanted = framed(make_portrait(picture, backend, subject=PERSON, style=style).image)
    for plane, other in zip(made, wanted.planes, strict=True):
        assert plane.shape == (95, 143)
        assert np.abs(plane.astype(int) - other).max() <= 3


@pytest.mark.parametrize("strength", [4, 10])
def test_what_is_all_subject_leaves_as_it_came_and_nothing_else(strength: float) -> None:
    frame, style = framed(PICTURE), Natural(strength=strength)
    alpha = np.where(MASK, np.uint8(255), np.uint8(0))
    for whole, made in zip(
        frame.planes, portrait_of(frame, np.full_like(alpha, 255), style), strict=True
    ):
        assert np.array_equal(whole, made)
    inside = alpha[::2, ::2].copy()  # a sample of colour covers four pixels
    for row, column in ((0, 1), (1, 0), (1, 1)):
        inside &= alpha[row::2, column::2]
    for plane, made, where in zip(
        frame.planes, portrait_of(frame, alpha, style), (alpha, inside, inside), strict=True
    ):
        assert np.array_equal(plane[where == 255], made[where == 255])
        assert np.abs(plane[where == 0].astype(int) - made[where == 0]).mean() > 0.5


def test_nothing_that_was_given_is_changed() -> None:
    frame, alpha = framed(PICTURE), np.where(MASK, np.uint8(200), np.uint8(0))
    before = [array.copy() for array in (*frame.planes, frame.bgr, alpha)]
    portrait_of(frame, alpha, Natural(strength=10, depth=1))
    after = (*frame.planes, frame.bgr, alpha)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
