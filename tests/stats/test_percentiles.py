"""Tail percentiles: given where there are samples enough, refused with the reason elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.percentiles import tail_percentile, too_few


@pytest.mark.parametrize(
    ("processes", "passes", "percent", "enough"),
    [
        (5, 13, 90, True),  # 65
        (5, 12, 90, False),  # 60
        (4, 100, 90, False),
        (5, 133, 99, True),  # 665
        (5, 132, 99, False),  # 660
        (4, 1000, 99, False),
        (64, 1, 90, True),
        (63, 1, 90, False),
    ],
)
def test_the_limits(processes: int, passes: int, percent: int, enough: bool) -> None:
    times = [[float(n) for n in range(passes)]] * processes
    assert (tail_percentile(times, percent) is not None) == enough
    reason = too_few(times, percent)
    assert (reason is None) == enough
    if reason:
        assert f"there are {processes * passes} over {processes}" in reason


@given(st.lists(st.lists(st.integers(1, 99), min_size=14, max_size=14), min_size=5, max_size=9))
def test_a_percentile_is_a_time_that_was_measured(times: list[list[int]]) -> None:
    found = tail_percentile(times, 90)
    passes = sorted(time for process in times for time in process)
    assert found in passes
    below = sum(time < found for time in passes)
    within = sum(time <= found for time in passes)
    assert below < 0.9 * len(passes) <= within + 1e-9
