"""One frame through the chain: as a photo, taken apart, and what stays sharp untouched."""

from __future__ import annotations

import cv2
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
    """But for colors at half the resolution."""
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
def test_with_colors_at_full_resolution_it_is_that_to_rounding(edge: Edge) -> None:
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
@pytest.mark.parametrize("size", [(96, 144), (95, 143)])
def test_what_is_all_subject_leaves_as_it_came(strength: float, size: tuple[int, int]) -> None:
    frame = framed(PICTURE[: size[0], : size[1]].copy())
    alpha = np.full(frame.planes[1].shape, 255, np.uint8)
    made = portrait_of(frame, alpha, Natural(strength=strength))
    assert all(np.array_equal(a, b) for a, b in zip(frame.planes, made, strict=True))


@pytest.mark.parametrize("strength", [4, 10])
def test_beside_the_subject_all_is_blurred_and_inside_it_nothing(strength: float) -> None:
    frame = framed(PICTURE)
    size = frame.planes[1].shape[::-1]
    subject = cv2.resize(MASK.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    alpha = np.asarray(subject * 255, np.uint8)
    made = portrait_of(frame, alpha, Natural(strength=strength))
    for before, after in zip(frame.planes, made, strict=True):
        # alpha has the resolution of the colors: of the brightness it is interpolated
        share = cv2.resize(subject.astype(np.float32), before.shape[::-1])
        assert np.array_equal(before[share == 1], after[share == 1])
        assert np.abs(before[share == 0].astype(int) - after[share == 0]).mean() > 0.5


def test_nothing_that_was_given_is_changed() -> None:
    frame = framed(PICTURE)
    alpha = np.full(frame.planes[1].shape, 200, np.uint8)
    alpha[:20] = 0
    before = [array.copy() for array in (*frame.planes, frame.bgr, alpha)]
    portrait_of(frame, alpha, Natural(strength=10, depth=1))
    after = (*frame.planes, frame.bgr, alpha)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
