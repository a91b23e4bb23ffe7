"""The schedule ends at the frozen crop with a rate of 0, whatever its length."""

from __future__ import annotations

import pytest

from training import freeze
from training.schedule import PHASES, WARMUP, Schedule


def test_the_shares_are_all_of_the_steps() -> None:
    assert sum(share for _, share in PHASES) == pytest.approx(1)


@pytest.mark.parametrize("steps", [100, 4999, 20000])
def test_the_last_steps_see_the_crop_that_is_frozen(steps: int) -> None:
    schedule = Schedule(steps)
    crops = [schedule.crop(step) for step in range(steps)]
    assert crops == sorted(crops)
    assert crops[-1] == freeze.CROP
    assert all(crop % 32 == 1 for crop in crops)


def test_the_rate_rises_holds_and_falls_to_nothing() -> None:
    schedule = Schedule(5000)
    rates = [schedule.rate(step) for step in range(5000)]
    assert rates[0] == pytest.approx(1 / WARMUP)
    assert rates[WARMUP] == rates[1000] == 1
    assert all(a >= b for a, b in zip(rates[WARMUP:], rates[WARMUP + 1 :], strict=False))
    assert rates[-1] < 1e-5


def test_the_first_blocks_are_trained_after_the_first_steps() -> None:
    schedule = Schedule(1000)
    assert schedule.frozen(0)
    assert not schedule.frozen(500)
