"""The gate's comparison of rounds, and two others to hold it against."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from toolkit.gate.decision import Compare, GateTimes, StageComparison, compare_rounds
from toolkit.gate.plan import Plan
from toolkit.stats.intervals import adjusted, rank_test, unpaired_interval, unpaired_ratio


def base_alone(stages: Sequence[str], plan: Plan, times: GateTimes) -> list[StageComparison]:
    """Compare the head with one base; the control is compared, but adds nothing to it."""
    one_base = times.copy()
    one_base[:, 2] = times[:, 0]
    return [
        dataclasses.replace(one, control=both.control, control_p=both.control_p)
        for one, both in zip(
            compare_rounds(stages, plan, one_base),
            compare_rounds(stages, plan, times),
            strict=True,
        )
    ]


def mann_whitney(stages: Sequence[str], plan: Plan, times: GateTimes) -> list[StageComparison]:
    """Compare every head with every base and control, whatever its round."""
    units = range(len(stages))
    first, head, control = (times[:, number].T.tolist() for number in range(3))
    bases = [first[unit] + control[unit] for unit in units]
    slower = [_one_sided(bases[unit], head[unit]) for unit in units]
    apart = [rank_test(first[unit], control[unit]) for unit in units]
    found = []
    for unit, p, control_p in zip(units, adjusted(slower), adjusted(apart), strict=True):
        interval = unpaired_interval(bases[unit], head[unit], level=plan.level)
        base_ns = float(np.median(bases[unit]))
        found.append(
            StageComparison(
                rounds=len(times),
                base_ns=base_ns,
                head_ns=float(np.median(head[unit])),
                ratio=unpaired_ratio(bases[unit], head[unit]),
                low=interval.low if interval else 0.0,
                high=interval.high if interval else math.inf,
                p=p,
                control=unpaired_ratio(first[unit], control[unit]),
                control_p=control_p,
                limit=plan.limit(stages[unit], base_ns),
            )
        )
    return found


def _one_sided(base: Sequence[float], head: Sequence[float]) -> float:
    return rank_test(base, head) / 2 if unpaired_ratio(base, head) > 1 else 1.0


RULES: dict[str, Compare] = {
    "signed ranks": compare_rounds,
    "one base": base_alone,
    "Mann-Whitney": mann_whitney,
}
"""The first is the gate's."""
