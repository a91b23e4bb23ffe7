"""Tail percentiles, where there are samples enough for them, and the reason where there are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST_PROCESSES = 5
FEWEST_PASSES = {90: 64, 99: 662}
"""By percentile: passes so many that their slowest lies beyond it in more than 998 of 1000 cases,
if they were independent."""


def tail_percentile(processes: Sequence[Sequence[float]], percent: int) -> float | None:
    """Return a percentile of all passes of all processes; None where there are too few.

    Parameters
    ----------
    processes : sequence of sequences of float
        The passes' times, process by process.
    percent : int
        90 or 99.

    Examples
    --------
    >>> tail_percentile([range(20)] * 5, 90)
    17.0
    >>> tail_percentile([range(200)], 90) is None
    True
    """
    if too_few(processes, percent):
        return None
    passes = np.concatenate([np.asarray(times, np.float64) for times in processes])
    # a time that was measured, not a mean of two
    return float(np.percentile(passes, percent, method="inverted_cdf"))


def too_few(processes: Sequence[Sequence[float]], percent: int) -> str | None:
    """Say why there is no such percentile; None where there is one.

    >>> too_few([range(20)] * 3, 90)
    'p90 needs 64 passes over 5 processes or more; there are 60 over 3'
    """
    passes = sum(map(len, processes))
    fewest = FEWEST_PASSES[percent]
    if passes >= fewest and len(processes) >= FEWEST_PROCESSES:
        return None
    return (
        f"p{percent} needs {fewest} passes over {FEWEST_PROCESSES} processes or more; "
        f"there are {passes} over {len(processes)}"
    )
