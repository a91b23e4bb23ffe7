"""One frame through the chain: the same as a photo, taken apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.video.clips import FigureBackend, clip, walk
from toolkit.portrait import EDGES, PERSON, Edge, Natural, make_portrait
from toolkit.video.frames import alpha_of, portrait_of, probability_in


@pytest.mark.parametrize("edge", EDGES)
def test_a_frame_alone_is_the_photos_portrait(edge: Edge) -> None:
    style, backend = Natural(strength=10, edge=edge), FigureBackend()
    ((frame, _mask),) = clip(walk(1))
    guide, probability, found = probability_in(frame, backend, PERSON)
    made = portrait_of(frame, alpha_of(frame, guide, probability, style), style)
    assert found
    wanted = make_portrait(frame, backend, subject=PERSON, style=style).image
    assert np.array_equal(made, wanted)
