"""The sides of a benchmark in turns, each time in a fresh process, and their ratio."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from toolkit.stats.intervals import paired_interval

SEED = 0
"""Of the order in which the sides take their turns."""


def interleaved(
    variants: Sequence[str], rounds: int, measure: Callable[[str, int], dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Measure every side once in each round, in an order drawn anew.

    Parameters
    ----------
    variants : sequence of str
    rounds : int
    measure : callable
        Gets the side and the round, from 0.

    Returns
    -------
    dict of str to list of dict
        Of each side what was measured, by rounds.
    """
    found: dict[str, list[dict[str, Any]]] = {variant: [] for variant in variants}
    order = random.Random(SEED)  # noqa: S311 - an order, no secret
    for number in range(rounds):
        for variant in order.sample(list(variants), len(variants)):
            found[variant].append(measure(variant, number))
    return found


def in_a_process(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in a process of its own; returns the JSON document that it writes."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], check=True, capture_output=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def ratio_text(above: Sequence[float], below: Sequence[float], form: str = ".2f") -> str:
    """Write the median ratio of what was measured in the same rounds, and its 95 % interval.

    Examples
    --------
    >>> ratio_text([2.0, 4.0], [1.0, 2.0])
    '2.00'
    """
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    interval = paired_interval(ratios)
    sure = f" ({interval.low:{form}} to {interval.high:{form}})" if interval else ""
    return f"{median(ratios):{form}}{sure}"
