"""Reports of gates with verdicts that tests choose."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from tests.bench.reports import make_report
from toolkit.bench.schema import BenchReport, Failure
from toolkit.bench.variants import parse_variant
from toolkit.gate.decision import ROLES, JudgedStage, StageComparison
from toolkit.gate.plan import GROUPS, Plan
from toolkit.gate.result import GateReport, StageVerdict, blamed, group_verdicts
from toolkit.stats.verdicts import Verdict, overall

HOSTILE = 'a\n::error::b | ```c <img src=x> "d" @all %25 \x1b[31m\x00\udcff]]>.jpg'
"""A photo's name: all of it but the zero byte may be in a file's name."""

FAILURE = Failure("head", 3, "head, round 3: died of signal 9", "one\ntwo\x1b[0m\x00 ]]> &amp;")
SAME, SLOWER, FASTER = Verdict.SAME, Verdict.SLOWER, Verdict.FASTER
INCONCLUSIVE = Verdict.INCONCLUSIVE
REASON = "too noisy: after 30 rounds the interval is still wider than the threshold"


def make_gate(
    verdicts: Mapping[str, Verdict],
    *,
    photos: Sequence[str] = ("photo.jpg",),
    failures: Sequence[Failure] = (),
    ended: str = "clear",
) -> GateReport:
    """Return a report by stages: each verdict is that on the first photo; others are the same."""
    stages = tuple(
        StageVerdict(
            GROUPS[stage],
            None if stage == "load" else photo,
            stage,
            judged(verdict if photo == 0 else SAME),
        )
        for stage, verdict in verdicts.items()
        for photo in range(1 if stage == "load" else len(photos))
    )
    return GateReport(
        verdict=overall(one.judged.verdict for one in stages),
        groups=group_verdicts(stages),
        blamed=blamed(stages),
        stages=stages,
        rounds=9,
        fresh_rounds=8 if SLOWER in verdicts.values() else 0,
        ended=ended,
        seconds=75.0,
        plan=Plan(stages=tuple(verdicts)),
        measurement=_measurement(photos, failures),
    )


def judged(verdict: Verdict) -> JudgedStage:
    """Return what leads to a verdict; what is slower was measured anew, and came out lower."""
    ratio = {SLOWER: 1.21, FASTER: 0.7}.get(verdict, 1.0)
    found = StageComparison(
        rounds=8,
        base_ns=3e6,
        head_ns=3e6 * ratio,
        ratio=ratio,
        low=ratio - 0.04,
        high=ratio + 0.04,
        p=0.001,
        control=1.01,
        control_p=1.0,
        limit=1.1,
    )
    if verdict is SLOWER:
        return JudgedStage(verdict, None, dataclasses.replace(found, rounds=9, ratio=1.4), found)
    return JudgedStage(verdict, REASON if verdict is INCONCLUSIVE else None, found)


def without_interval(report: GateReport) -> GateReport:
    """Return the report as if there had been too few rounds for intervals."""
    stages = tuple(
        dataclasses.replace(
            one,
            judged=dataclasses.replace(
                one.judged, search=dataclasses.replace(one.judged.search, low=0.0, high=math.inf)
            ),
        )
        for one in report.stages
    )
    return dataclasses.replace(report, stages=stages)


def _measurement(photos: Sequence[str], failures: Sequence[Failure]) -> BenchReport:
    report = make_report({"onnx": [[3_000_000]] * 9}, photos=len(photos))
    (variant,) = report.variants
    return dataclasses.replace(
        report,
        command=("toolkit", "gate", "--base", "onnx", "--head", "onnx@threads=1", *photos),
        photos=tuple(
            dataclasses.replace(facts, name=name)
            for facts, name in zip(report.photos, photos, strict=True)
        ),
        baseline="base",
        variants=tuple(
            dataclasses.replace(
                variant,
                name=name,
                variant=parse_variant("onnx@threads=1" if name == "head" else "onnx"),
            )
            for name in ROLES
        ),
        skipped=(),
        failures=tuple(failures),
    )
