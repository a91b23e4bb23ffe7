"""Masks of frames that the network did not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.samples import seeds
from tests.video.clips import FigureBackend, clip, walk
from toolkit.portrait import PERSON
from toolkit.video.frames import probability_in
from toolkit.video.mask_propagation import Seen, Unseen, propagate_masks

Clip = list[Seen[int]]


def seen(places: Any, noise: float = 3) -> tuple[Clip, list[Any]]:
    backend = FigureBackend()
    frames = clip(places, noise=noise)
    found = [probability_in(frame, backend, PERSON) for frame, _ in frames]
    return [Seen(guide, n, prob) for n, (guide, prob, _) in enumerate(found)], frames


def thinned(frames: Clip, every: int) -> list[Seen[int] | Unseen[int]]:
    return [one if one.rest % every == 0 else Unseen(one.guide, one.rest) for one in frames]


def agreement(found: Clip, wanted: Clip) -> float:
    """Mean IoU with the network's own answers."""
    pairs = [(a.probability > 0.5, b.probability > 0.5) for a, b in zip(found, wanted, strict=True)]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))


@pytest.mark.parametrize("every", [2, 3, 5])
def test_carried_masks_follow_what_moves(every: int) -> None:
    wanted, _ = seen(walk(16))
    found = list(propagate_masks(thinned(wanted, every)))
    held = [
        Seen(one.guide, one.rest, wanted[one.rest // every * every].probability) for one in wanted
    ]
    assert agreement(found, wanted) > 0.93
    assert agreement(found, wanted) > agreement(held, wanted)


def test_frames_keep_their_order_and_those_that_were_seen_their_answer() -> None:
    wanted, _ = seen(walk(8))
    found = list(propagate_masks(thinned(wanted, 3)))
    assert [one.rest for one in found] == list(range(8))
    assert all(found[n].probability is wanted[n].probability for n in (0, 3, 6))


def test_what_stands_still_keeps_its_mask() -> None:
    wanted, _ = seen([(70, 56, 70)] * 5, noise=0)
    for one in propagate_masks(thinned(wanted, 4)):
        assert np.abs(one.probability - wanted[0].probability).max() < 0.02


def test_across_a_cut_each_side_keeps_its_own() -> None:
    left, _ = seen([(40, 56, 60)] * 4, noise=0)
    right, _ = seen([(110, 50, 60)] * 5, noise=0)
    scene = [*left, *(Seen(255 - one.guide, one.rest + 4, one.probability) for one in right)]
    found = list(propagate_masks(thinned(scene, 8)))
    for one, wanted in zip(found, scene, strict=True):
        assert agreement([one], [wanted]) > 0.8, one.rest


def test_a_clip_that_begins_unseen_is_a_bug() -> None:
    with pytest.raises(ValueError, match="first frame"):
        list(propagate_masks([Unseen(np.zeros((4, 4, 3), np.uint8), 0)]))


@settings(deadline=None)
@given(seeds, st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(1, 4))
def test_every_frame_gets_a_probability_and_nothing_given_changes(
    seed: int, height: int, width: int, count: int, every: int
) -> None:
    rng = np.random.default_rng(seed)
    frames = [
        Seen(
            rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
            number,
            rng.random((height, width), np.float32),
        )
        for number in range(count)
    ]
    before = [(one.guide.copy(), one.probability.copy()) for one in frames]
    found = list(propagate_masks(thinned(frames, every)))
    assert [one.rest for one in found] == list(range(count))
    for one in found:
        assert one.probability.shape == (height, width)
        assert one.probability.dtype == np.float32
        assert (one.probability >= 0).all()
        assert (one.probability <= 1 + 1e-6).all()
    for one, (guide, probability) in zip(frames, before, strict=True):
        assert np.array_equal(one.guide, guide)
        assert np.array_equal(one.probability, probability)
