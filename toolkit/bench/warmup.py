"""When a process is warm: its passes no longer get faster or slower."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import median

WINDOW = 4
"""Passes whose median is compared with that of as many before them."""

TOLERANCE = 0.05
"""How far the two medians may lie apart, relative to the earlier."""


def is_warm(times: Sequence[int]) -> bool | None:
    """Whether the last passes took as long as those before them.

    Parameters
    ----------
    times : sequence of int
        One time per pass, in order.

    Returns
    -------
    bool or None
        None where there are fewer than two windows, too few to tell.

    Examples
    --------
    >>> is_warm([90, 30, 20, 20, 20, 20, 21, 20])
    False
    >>> is_warm([90, 30, 20, 20, 20, 20, 21, 20, 20, 20])
    True
    """
    if len(times) < 2 * WINDOW:
        return None
    before, last = median(times[-2 * WINDOW : -WINDOW]), median(times[-WINDOW:])
    return abs(last - before) <= TOLERANCE * before


def warm_up(
    run: Callable[[], int],
    *,
    most: int,
    seconds: float | None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[tuple[int, ...], bool | None]:
    """Run passes until they are warmed_up, but not for ever.

    Parameters
    ----------
    run : callable
        One pass; returns its time.
    most : int
        The most passes, 0 for none.
    seconds : float or None
        No pass is begun after these; None: no limit.
    clock : callable
        Tells the seconds.

    Returns
    -------
    tuple of int
        Each pass's time.
    bool or None
        As `is_warm` says of them.
    """
    end = math.inf if seconds is None else clock() + seconds
    times: list[int] = []
    while len(times) < most and clock() < end and not is_warm(times):
        times.append(run())
    return tuple(times), is_warm(times)
