"""Warm-up: it ends when the passes no longer change, and at its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, count, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.bench.warmup import WINDOW, is_warm, warm_up


def passes(times: Iterable[int]) -> Callable[[], int]:
    source = iter(times)
    return lambda: next(source)


def test_it_ends_when_the_last_window_is_like_the_one_before() -> None:
    times, warmed_up = warm_up(passes(chain([90, 60, 40, 30], repeat(20))), most=50, seconds=None)
    assert warmed_up is True
    # the earlier window must no longer be ruled by the slow passes
    assert times == (90, 60, 40, 30, *[20] * 7)


def test_one_pass_that_was_disturbed_does_not_keep_it_going() -> None:
    times, warmed_up = warm_up(passes(chain([20] * 5, [900], repeat(20))), most=50, seconds=None)
    assert (len(times), warmed_up) == (2 * WINDOW, True)


def test_what_never_settles_ends_at_the_most_passes() -> None:
    times, warmed_up = warm_up(passes(100 * 2**n for n in count()), most=15, seconds=None)
    assert (len(times), warmed_up) == (15, False)


def test_no_pass_is_begun_after_the_time() -> None:
    times, warmed_up = warm_up(
        passes(100 * 2**n for n in count()), most=99, seconds=9.5, clock=passes(count())
    )
    assert (len(times), warmed_up) == (9, False)


@pytest.mark.parametrize("most", [0, 1, 2 * WINDOW - 1])
def test_too_few_passes_cant_tell(most: int) -> None:
    times, warmed_up = warm_up(passes(repeat(20)), most=most, seconds=None)
    assert (len(times), warmed_up) == (most, None)


@given(st.lists(st.integers(1, 10**9), max_size=30), st.integers(1, 1000))
def test_the_unit_does_not_matter(times: list[int], unit: int) -> None:
    assert is_warm(times) == is_warm([time * unit for time in times])
