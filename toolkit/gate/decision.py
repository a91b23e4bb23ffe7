"""Rounds in, verdict out: the gate's rule, the same for real rounds and for simulated ones.

In a round the base runs twice, the second time as a hidden control, and the head once. The base's
time in a round is the geometric mean of its two; the control says whether two processes of equal
code differ, which says something about the machine and not about the head. GateTimes are compared
within a round, by their logarithms, with the signed-rank test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolkit.gate.plan import Plan, next_looks
from toolkit.stats.intervals import adjusted
from toolkit.stats.signed_rank import signed_ranks
from toolkit.stats.verdicts import Verdict

BASE, HEAD, CONTROL = "base", "head", "control"
ROLES = (BASE, HEAD, CONTROL)

CONTROL_FAILED = "the control failed: equal code seemed to differ; the machine is too restless"

GateTimes = NDArray[np.float64]
"""(rounds, contenders, units): nanoseconds above 0; a unit is a stage of a photo."""

AddRounds = Callable[[int], GateTimes | None]
"""Given how many, returns as many new rounds; None: there is no time left for them."""


@dataclass(frozen=True)
class StageComparison:
    """Head against base, in one unit.

    Attributes
    ----------
    rounds : int
    base_ns, head_ns : float
        Medians over the rounds.
    ratio, low, high : float
        Head over base, and its interval; above 1 the head is slower.
    p : float
        That chance alone makes it so much slower; corrected for the stages looked at together.
    control : float
        The control over the base: what equal code came out at.
    control_p : float
        That chance alone makes these differ so much, corrected likewise.
    limit : float
        The ratio from which on it is too slow.
    """

    rounds: int
    base_ns: float
    head_ns: float
    ratio: float
    low: float
    high: float
    p: float
    control: float
    control_p: float
    limit: float

    @property
    def clear(self) -> bool:
        """Whether it is surely not too slow."""
        return self.high < self.limit

    @property
    def wide(self) -> bool:
        """Whether the interval is wider than the threshold."""
        return self.high - self.low > self.limit - 1

    def slower(self, error: float) -> bool:
        """Whether it is too slow, not by chance, and equal code is not."""
        return self.p < error and self.ratio >= self.limit and not self.control_fails(error)

    @property
    def faster(self) -> bool:
        """Whether it is faster by as much as would be too slow the other way."""
        return self.high < 1 and self.ratio <= 1 / self.limit

    def control_fails(self, error: float) -> bool:
        """Whether equal code seems to differ by more than what is looked for."""
        return self.control_p < error and not 1 / self.limit < self.control < self.limit


Compare = Callable[[Sequence[str], Plan, GateTimes], list[StageComparison]]
"""Given the stage of each unit, the plan and all rounds, compares head and base in every unit."""


@dataclass(frozen=True)
class JudgedStage:
    """The verdict on one unit.

    Attributes
    ----------
    verdict : Verdict
    reason : str or None
        Why it is inconclusive; None for the other verdicts.
    search : StageComparison
        All rounds up to the look that decided.
    fresh : StageComparison or None
        The rounds after a suspicion, where there was one.
    """

    verdict: Verdict
    reason: str | None
    search: StageComparison
    fresh: StageComparison | None = None


def compare_rounds(stages: Sequence[str], plan: Plan, times: GateTimes) -> list[StageComparison]:
    """Compare head and base in every unit.

    Parameters
    ----------
    stages : sequence of str
        The stage of each unit.
    plan : Plan
    times : (rounds, 3, units) float64
        Nanoseconds above 0, contenders in the order of `ROLES`.
    """
    logs = np.log(times)
    base, head, control = (logs[:, number] for number in range(len(ROLES)))
    slower = [signed_ranks(column) for column in (head - (base + control) / 2).T]
    apart = [signed_ranks(column) for column in (control - base).T]
    p = adjusted([one.p_above for one in slower])
    control_p = adjusted([one.p_apart for one in apart])
    medians = np.median(times, axis=0)
    found = []
    for unit, stage in enumerate(stages):
        base_ns = math.sqrt(medians[0, unit] * medians[2, unit])
        low, high = slower[unit].interval(plan.level)
        found.append(
            StageComparison(
                rounds=len(times),
                base_ns=base_ns,
                head_ns=float(medians[1, unit]),
                ratio=math.exp(slower[unit].estimate),
                low=math.exp(low),
                high=math.exp(high),
                p=p[unit],
                control=math.exp(apart[unit].estimate),
                control_p=control_p[unit],
                limit=plan.limit(stage, base_ns),
            )
        )
    return found


def decide(
    stages: Sequence[str],
    plan: Plan,
    add_rounds: AddRounds,
    compare: Compare = compare_rounds,
) -> list[JudgedStage]:
    """Ask for rounds until the verdict is clear.

    Parameters
    ----------
    stages : sequence of str
        The stage of each unit.
    plan : Plan
    add_rounds : callable
        See `AddRounds`.
    compare : callable
        What compares the rounds there are: the gate's own, or another to hold it against.

    Returns
    -------
    list of JudgedStage
        One per unit; empty where there was not time for the first look.
    """
    error = plan.error / len(plan.looks)
    searched: list[StageComparison] = []
    for found in _looks(stages, plan, plan.looks, add_rounds, compare):
        searched = found
        suspects = [unit for unit, one in enumerate(found) if one.slower(error)]
        if suspects:
            return _confirm(stages, plan, found, suspects, add_rounds, compare)
        if all(one.clear and not one.control_fails(error) for one in found):
            break
    return [_not_slower(one, error) for one in searched]


def _looks(
    stages: Sequence[str],
    plan: Plan,
    looks: Sequence[int],
    add_rounds: AddRounds,
    compare: Compare,
) -> Iterator[list[StageComparison]]:
    rounds: list[GateTimes] = []
    for count in next_looks(looks):
        added = add_rounds(count)
        if added is None:
            return
        rounds.append(added)
        yield compare(stages, plan, np.concatenate(rounds))


def _confirm(
    stages: Sequence[str],
    plan: Plan,
    searched: Sequence[StageComparison],
    suspects: Sequence[int],
    add_rounds: AddRounds,
    compare: Compare,
) -> list[JudgedStage]:
    """Measure anew: a suspicion chosen among many looks and stages is too high by that choice."""
    error = plan.error / len(plan.fresh_looks)
    suspected = [stages[unit] for unit in suspects]

    def add_suspects(count: int) -> GateTimes | None:
        added = add_rounds(count)
        return None if added is None else added[:, :, suspects]

    fresh: list[StageComparison] = []
    for found in _looks(suspected, plan, plan.fresh_looks, add_suspects, compare):
        fresh = found
        if all(one.slower(error) or one.clear for one in found):
            break
    judged = [_not_slower(one, plan.error / len(plan.looks)) for one in searched]
    for place, unit in enumerate(suspects):
        judged[unit] = _suspect(searched[unit], fresh[place] if fresh else None, error)
    return judged


def _suspect(search: StageComparison, fresh: StageComparison | None, error: float) -> JudgedStage:
    if fresh is None:
        reason = "looked slower, but there was no time to confirm it with fresh rounds"
        return JudgedStage(Verdict.INCONCLUSIVE, reason, search)
    if fresh.slower(error):
        return JudgedStage(Verdict.SLOWER, None, search, fresh)
    if fresh.control_fails(error):
        return JudgedStage(Verdict.INCONCLUSIVE, CONTROL_FAILED, search, fresh)
    if fresh.clear:
        return JudgedStage(Verdict.SAME, None, search, fresh)
    reason = f"looked slower, but {fresh.rounds} fresh rounds did not confirm it"
    return JudgedStage(Verdict.INCONCLUSIVE, reason, search, fresh)


def _not_slower(one: StageComparison, error: float) -> JudgedStage:
    if one.control_fails(error):
        return JudgedStage(Verdict.INCONCLUSIVE, CONTROL_FAILED, one)
    if one.faster:
        return JudgedStage(Verdict.FASTER, None, one)
    if one.clear or not one.wide:
        return JudgedStage(Verdict.SAME, None, one)
    reason = f"too noisy: after {one.rounds} rounds the interval is still wider than the threshold"
    return JudgedStage(Verdict.INCONCLUSIVE, reason, one)
