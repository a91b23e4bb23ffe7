"""The rule: what is called slower, what isn't, and how many rounds are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.gate.decision import AddRounds, GateTimes, compare_rounds, decide
from toolkit.gate.plan import Plan
from toolkit.stats.verdicts import Verdict

MEASURED_STAGES = ("segment", "mask", "whole")
PLAN = Plan(stages=MEASURED_STAGES)
TYPICAL = np.array([200e6, 1e6, 205e6])


class Machine:
    """Rounds of a machine with noise; the head takes `slowdown` times as long, by unit.

    `change` may do anything to a batch of rounds, given (times, rounds before it).
    """

    def __init__(
        self,
        slowdown: tuple[float, ...] = (1.0, 1.0, 1.0),
        noise: float = 0.02,
        seed: int = 0,
        change: Callable[[GateTimes, int], None] | None = None,
        most: int = 10**6,
    ) -> None:
        self.asked: list[int] = []
        self._slowdown = np.array(slowdown)
        self._noise = noise
        self._random = np.random.default_rng(seed)
        self._change = change
        self._most = most

    def add(self, count: int) -> GateTimes | None:
        before = sum(self.asked)
        if before + count > self._most:
            return None
        self.asked.append(count)
        drift = self._random.standard_normal((count, 1, 1)) * 0.3  # hits a whole round
        noise = self._random.standard_normal((count, 3, 3)) * self._noise
        times: GateTimes = TYPICAL * np.exp(drift + noise)
        times[:, 1] *= self._slowdown
        if self._change:
            self._change(times, before)
        return times


def verdicts(add: AddRounds, plan: Plan = PLAN) -> list[Verdict]:
    return [one.verdict for one in decide(MEASURED_STAGES, plan, add)]


SAME, SLOWER, FASTER = Verdict.SAME, Verdict.SLOWER, Verdict.FASTER
INCONCLUSIVE = Verdict.INCONCLUSIVE


def test_equal_code_is_the_same_at_the_first_look() -> None:
    machine = Machine()
    assert verdicts(machine.add) == [SAME] * 3
    assert machine.asked == [PLAN.looks[0]]


def test_a_slower_stage_is_found_confirmed_with_fresh_rounds_and_named_alone() -> None:
    machine = Machine((1.0, 1.3, 1.0))
    judged = decide(MEASURED_STAGES, PLAN, machine.add)
    assert [one.verdict for one in judged] == [SAME, SLOWER, SAME]
    assert machine.asked == [PLAN.looks[0], PLAN.fresh_looks[0]]
    slow = judged[1]
    assert slow.fresh is not None
    assert (slow.search.rounds, slow.fresh.rounds) == (PLAN.looks[0], PLAN.fresh_looks[0])
    for found in (slow.search, slow.fresh):
        assert found.low < 1.3 < found.high
        assert found.head_ns / found.base_ns == pytest.approx(1.3, rel=0.05)
    assert judged[0].fresh is None


def test_a_difference_below_the_threshold_is_not_slower_however_sure() -> None:
    machine = Machine((1.05, 1.05, 1.05), noise=0.002)
    assert verdicts(machine.add) == [SAME] * 3


def test_a_difference_below_the_floor_is_not_slower() -> None:
    slow = (1.0, 1.3, 1.0)
    plan = dataclasses.replace(PLAN, floors_ms={"mask": 0.5})
    assert verdicts(Machine(slow).add, plan) == [SAME] * 3
    assert verdicts(Machine(slow).add, dataclasses.replace(plan, floors_ms={})) != [SAME] * 3


def test_a_stage_is_judged_by_its_own_threshold() -> None:
    plan = dataclasses.replace(PLAN, thresholds={"segment": 0.5})
    assert verdicts(Machine((1.3, 1.3, 1.0)).add, plan)[:2] == [SAME, SLOWER]


def test_faster_code_is_called_so() -> None:
    assert verdicts(Machine((0.7, 1.0, 0.7)).add) == [FASTER, SAME, FASTER]


def test_what_is_not_clear_gets_more_rounds_and_in_the_end_is_inconclusive() -> None:
    machine = Machine(noise=0.6)
    judged = decide(MEASURED_STAGES, PLAN, machine.add)
    assert INCONCLUSIVE in {one.verdict for one in judged}
    assert sum(machine.asked) == PLAN.looks[-1]
    reasons = [one.reason or "" for one in judged if one.verdict is INCONCLUSIVE]
    assert all("wider than the threshold" in reason for reason in reasons)


def test_a_suspicion_that_fresh_rounds_clear_is_dropped() -> None:
    def slow_at_first(times: GateTimes, before: int) -> None:
        if before == 0:
            times[:, 1, 1] *= 1.3

    machine = Machine(change=slow_at_first)
    judged = decide(MEASURED_STAGES, PLAN, machine.add)
    assert [one.verdict for one in judged] == [SAME] * 3
    assert judged[1].fresh is not None
    assert machine.asked == [PLAN.looks[0], PLAN.fresh_looks[0]]


def test_a_suspicion_there_is_no_time_to_confirm_is_inconclusive() -> None:
    judged = decide(MEASURED_STAGES, PLAN, Machine((1.0, 1.3, 1.0), most=PLAN.looks[0]).add)
    assert judged[1].verdict is INCONCLUSIVE
    assert "no time to confirm" in str(judged[1].reason)


def test_without_time_for_the_first_look_there_is_no_verdict() -> None:
    assert decide(MEASURED_STAGES, PLAN, Machine(most=PLAN.looks[0] - 1).add) == []


def test_with_less_time_the_last_look_there_was_decides() -> None:
    judged = decide(MEASURED_STAGES, PLAN, Machine(noise=0.6, most=PLAN.looks[1]).add)
    assert {one.search.rounds for one in judged} == {PLAN.looks[1]}


def control(factor: float) -> Callable[[GateTimes, int], None]:
    def change(times: GateTimes, before: int) -> None:
        times[:, 2, 1] *= factor

    return change


@pytest.mark.parametrize("factor", [1.4, 1 / 1.4])
def test_where_equal_code_differs_the_stage_has_no_verdict(factor: float) -> None:
    machine = Machine(change=control(factor))
    judged = decide(MEASURED_STAGES, PLAN, machine.add)
    assert [one.verdict for one in judged] == [SAME, INCONCLUSIVE, SAME]
    assert "control failed" in str(judged[1].reason)
    assert sum(machine.asked) == PLAN.looks[-1]  # it might have settled


def test_a_failing_control_also_forbids_to_call_it_slower() -> None:
    assert verdicts(Machine((1.0, 2.0, 1.0), change=control(1.5)).add)[1] is INCONCLUSIVE


def test_a_control_that_fails_in_the_fresh_rounds_forbids_it_too() -> None:
    def later(times: GateTimes, before: int) -> None:
        if before:
            times[:, 2, 1] *= 1.5

    judged = decide(MEASURED_STAGES, PLAN, Machine((1.0, 2.0, 1.0), change=later).add)
    assert judged[1].verdict is INCONCLUSIVE
    assert "control failed" in str(judged[1].reason)


def test_the_base_is_the_mean_of_its_two_processes() -> None:
    times = np.ones((9, 3, 3)) * TYPICAL
    times[:, 0] *= 4
    (found, *_) = compare_rounds(MEASURED_STAGES, PLAN, times)
    assert found.ratio == pytest.approx(0.5)
    assert found.base_ns == pytest.approx(2 * TYPICAL[0])
    assert found.control == pytest.approx(0.25)


@given(st.integers(0, 10**6), st.floats(0.5, 2))
@settings(max_examples=30)
def test_units_of_time_and_drift_of_rounds_change_nothing(seed: int, scale: float) -> None:
    times = Machine(seed=seed).add(9)
    assert times is not None
    shift = np.random.default_rng(seed).uniform(0.5, scale + 0.5, (9, 1, 1))
    plan = dataclasses.replace(PLAN, floor_ms=0)
    before, after = (
        compare_rounds(MEASURED_STAGES, plan, given) for given in (times, times * shift)
    )
    for one, other in zip(before, after, strict=True):
        assert (other.ratio, other.low, other.high) == pytest.approx((one.ratio, one.low, one.high))
        assert (other.p, other.control_p) == (one.p, one.control_p)


def test_of_many_gates_on_equal_code_hardly_any_raises_an_alarm() -> None:
    alarms = sum(SLOWER in verdicts(Machine(noise=0.08, seed=seed).add) for seed in range(300))
    assert alarms <= 3


def test_most_slowdowns_of_a_fifth_are_found() -> None:
    slow = (1.0, 1.2, 1.0)
    found = sum(verdicts(Machine(slow, 0.08, seed).add)[1] is SLOWER for seed in range(100))
    assert found >= 95
