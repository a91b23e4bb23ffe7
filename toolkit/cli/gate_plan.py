"""The options of ``toolkit gate`` that say what is too slow, as a plan."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.errors import UsageError

if TYPE_CHECKING:
    from toolkit.gate.plan import Plan

LIMIT = re.compile(r"(?:(?P<stage>[a-z]+)=)?(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<percent>%?)")


def plan_from(
    stages: Sequence[str],
    thresholds: Sequence[str],
    floors: Sequence[str],
    rounds: int | None,
    *,
    photos: int,
) -> Plan:
    """Make a plan of what the options say.

    Raises
    ------
    UsageError
        They make no sense, or so few rounds can't tell anything.
    """
    from toolkit.gate.plan import GROUPS, Plan

    plan = Plan()
    if stages:
        unknown = [name for name in stages if name not in GROUPS]
        ordered = [name for name in GROUPS if name in stages]
        plan = Plan(stages=tuple(unknown + ordered))
    own_thresholds = _limits("--threshold", thresholds, percent=True)
    own_floors = _limits("--floor", floors, percent=False)
    plan = dataclasses.replace(
        plan,
        threshold=own_thresholds.pop("", plan.threshold),
        floor_ms=own_floors.pop("", plan.floor_ms),
        thresholds=own_thresholds,
        floors_ms=own_floors,
    )
    for name in (*own_thresholds, *own_floors):
        if name not in plan.stages:
            raise UsageError(f"{name} has a limit but is not judged", f"add --stage {name}")
    return plan if rounds is None else _with_rounds(plan, rounds, photos)


def _limits(option: str, texts: Sequence[str], *, percent: bool) -> dict[str, float]:
    """Read ``10%`` and ``blur=10%``; the one without a stage comes under ``""``."""
    limits: dict[str, float] = {}
    for text in texts:
        found = LIMIT.fullmatch(text)
        if not found or (found["percent"] and not percent):
            example = "10% or blur=10%" if percent else "0.05 or blur=0.05, in milliseconds"
            raise UsageError(f"{option} {text!r} makes no sense", f"write {example}")
        stage = found["stage"] or ""
        if stage in limits:
            raise UsageError(f"{option} is given twice for {stage or 'every stage'}")
        limits[stage] = float(found["number"]) / (100 if found["percent"] else 1)
    return limits


def _with_rounds(plan: Plan, rounds: int, photos: int) -> Plan:
    """End at a number of rounds; earlier looks stay."""
    from toolkit.stats.signed_rank import fewest_pairs

    looks = (*(look for look in plan.looks if look < rounds), rounds)
    units = sum(1 if stage == "load" else photos for stage in plan.stages)
    to_call_it_slower = fewest_pairs(plan.error / len(looks) / units)
    to_call_it_the_same = fewest_pairs((1 - plan.level) / 2)  # without an interval nothing is
    fewest = max(to_call_it_slower, to_call_it_the_same)
    if rounds < fewest:
        raise UsageError(
            f"{rounds} rounds can't tell whether one of {units} times is slower",
            f"it takes {fewest}"
            + (", or fewer stages or photos" if fewest > to_call_it_the_same else ""),
        )
    return dataclasses.replace(plan, looks=looks)
