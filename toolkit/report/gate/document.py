"""A gate's report as the document that ``toolkit gate --json`` prints; docs/stability.md has it."""

from __future__ import annotations

import dataclasses
from typing import Any

from toolkit.bench.schema import VariantTimes
from toolkit.gate.decision import StageComparison
from toolkit.gate.result import GateReport, StageVerdict
from toolkit.report.gate.formatting import has_interval


def gate_document(report: GateReport) -> dict[str, Any]:
    """Return verdict, figures and facts, without the raw times.

    Those are in ``report.measurement``; `toolkit.bench.files.write_report` keeps them. An interval
    for which there were too few rounds is None at both ends.
    """
    measurement = report.measurement
    return {
        "verdict": report.verdict,
        "groups": report.groups,
        "blamed": [{"stage": one.stage, "photo": one.photo} for one in report.blamed],
        "stages": [_stage(one) for one in report.stages],
        "rounds": report.rounds,
        "fresh_rounds": report.fresh_rounds,
        "ended": report.ended,
        "seconds": report.seconds,
        "plan": dataclasses.asdict(report.plan),
        "created": measurement.created,
        "command": measurement.command,
        "host": measurement.host,
        "photos": measurement.photos,
        "settings": measurement.settings,
        "variants": [_variant(times) for times in measurement.variants],
        "failures": measurement.failures,
    }


def _stage(one: StageVerdict) -> dict[str, Any]:
    fresh = one.judged.fresh
    return {
        "group": one.group,
        "stage": one.stage,
        "photo": one.photo,
        "verdict": one.judged.verdict,
        "reason": one.judged.reason,
        "search": _comparison(one.judged.search),
        "fresh": None if fresh is None else _comparison(fresh),
    }


def _comparison(found: StageComparison) -> dict[str, Any]:
    ends = {} if has_interval(found) else {"low": None, "high": None}
    return dataclasses.asdict(found) | ends


def _variant(times: VariantTimes) -> dict[str, Any]:
    facts = {
        field.name: getattr(times, field.name)
        for field in dataclasses.fields(times)
        if field.name != "rounds"
    }
    return facts | {"variant": str(times.variant), "processes": len(times.rounds)}
