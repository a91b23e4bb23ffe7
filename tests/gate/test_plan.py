"""The plan: limits by stage, and what makes no sense is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.bench.schema import MEASURED_STAGES
from toolkit.errors import UsageError
from toolkit.gate.plan import GROUPS, Plan
from toolkit.stats.intervals import LEVEL
from toolkit.stats.signed_rank import fewest_pairs


@given(st.floats(1, 1e12), st.floats(0.01, 1), st.floats(0, 100))
def test_a_limit_is_at_least_the_threshold_and_at_least_the_floor(
    base_ns: float, threshold: float, floor_ms: float
) -> None:
    limit = Plan(threshold=threshold, floor_ms=floor_ms).limit("blur", base_ns)
    assert limit >= 1 + threshold
    assert limit * base_ns >= (base_ns + floor_ms * 1e6) * (1 - 1e-12)


def test_a_stage_has_its_own_threshold_and_floor() -> None:
    plan = Plan(thresholds={"mask": 0.5}, floors_ms={"blur": 1.0})
    assert plan.limit("mask", 1e9) == 1.5
    assert plan.limit("blur", 1e6) == 2
    assert plan.limit("segment", 1e9) == 1.1


@pytest.mark.parametrize(
    "nonsense",
    [
        {"stages": ()},
        {"stages": ("blur", "nose")},
        {"thresholds": {"nose": 0.1}},
        {"floors_ms": {"nose": 0.1}},
        {"threshold": 0.0},
        {"thresholds": {"blur": -0.1}},
        {"floor_ms": -1.0},
        {"looks": ()},
        {"looks": (9, 9)},
        {"fresh_looks": (16, 8)},
        {"looks": (0, 9)},
    ],
)
def test_what_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Plan(**nonsense)


def test_every_stage_belongs_to_a_group() -> None:
    assert set(MEASURED_STAGES) <= set(GROUPS)


def test_the_first_look_can_already_call_one_of_the_stages_slower() -> None:
    plan = Plan()
    smallest = plan.error / len(plan.looks) / len(plan.stages)
    assert plan.looks[0] >= fewest_pairs(smallest)
    assert plan.fresh_looks[0] >= fewest_pairs(plan.error / len(plan.fresh_looks) / 2)
    assert plan.level == LEVEL
