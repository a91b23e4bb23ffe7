"""Sentences and table cells of a gate, the same in every format.

Names of photos and what processes said come from outside: all of it goes through `printable`, so
that no name ends a line, begins a workflow command, or holds what XML forbids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from toolkit.bench.schema import BenchSettings
from toolkit.gate.decision import BASE, CONTROL_FAILED, HEAD, StageComparison
from toolkit.gate.plan import Plan
from toolkit.gate.result import GateReport, StageVerdict
from toolkit.stats.verdicts import Verdict

MOST_NAMED = 3
"""Stages in a one-line verdict; the table has them all."""

LEGEND = (
    "ratio: head over base, above 1 is slower; control: the base against itself, what equal code "
    "came out at; limit: the ratio from which on it is too slow"
)


def printable(text: str) -> str:
    r"""Replace what can't be printed on one line.

    >>> printable("a\nb\tc\x1b[31md")
    'a b c�[31md'
    """
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def printable_lines(text: str) -> str:
    r"""Do the same line by line.

    >>> printable_lines("one\r\ntwo\x00")
    'one\ntwo�'
    """
    return "\n".join(printable(line) for line in text.splitlines())


def photo_names(report: GateReport) -> list[str]:
    """Return the photos' names by number, no two of them the same."""
    names = [printable(photo.name) for photo in report.measurement.photos]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({number})" for number, name in enumerate(names, start=1)]


def unit_name(one: StageVerdict, report: GateReport) -> str:
    """Name a stage, and its photo where there are several."""
    names = photo_names(report)
    return (
        one.stage if one.photo is None or len(names) == 1 else f"{one.stage} on {names[one.photo]}"
    )


def shown(one: StageVerdict) -> StageComparison:
    """Return what to show of a stage: its fresh rounds, where there are some.

    The others were chosen for looking slow, so their ratio is too high.
    """
    return one.judged.fresh or one.judged.search


def has_interval(found: StageComparison) -> bool:
    """Tell whether there were rounds enough for one."""
    return math.isfinite(found.high)


def change_text(found: StageComparison) -> str:
    """Say by how much the head differs.

    >>> from toolkit.gate.decision import StageComparison
    >>> change_text(StageComparison(9, 1e6, 1.2e6, 1.21, 1.17, 1.25, 0.001, 1.0, 1.0, 1.1))
    'takes 1.21 times as long (1.17 to 1.25)'
    """
    between = f" ({found.low:.2f} to {found.high:.2f})" if has_interval(found) else ""
    return f"takes {found.ratio:.2f} times as long{between}"


def stage_text(one: StageVerdict, report: GateReport) -> str:
    """Say what became of a stage."""
    return f"{unit_name(one, report)} {change_text(shown(one))}"


def verdict_text(report: GateReport) -> str:
    """Say the verdict in a line."""
    if report.verdict is Verdict.SLOWER:
        rest = _some([stage_text(one, report) for one in report.blamed], "; ")
    elif report.verdict is Verdict.INCONCLUSIVE:
        rest = f"no verdict on {_some(names_of(report, Verdict.INCONCLUSIVE), ', ')}"
    elif report.verdict is Verdict.FASTER:
        faster = [one for one in report.stages if one.judged.verdict is Verdict.FASTER]
        rest = _some([stage_text(one, report) for one in faster], "; ")
    else:
        rest = "nothing is too slow"
    return f"{report.verdict}: {rest}"


def names_of(report: GateReport, verdict: Verdict) -> list[str]:
    """Name the stages of a verdict."""
    return [unit_name(one, report) for one in report.stages if one.judged.verdict is verdict]


def group_text(report: GateReport) -> list[str]:
    """Say each group's verdict."""
    return [f"{group}: {verdict}" for group, verdict in report.groups.items()]


def reasons(report: GateReport) -> dict[str, list[str]]:
    """Return why something is inconclusive, and what."""
    found: dict[str, list[str]] = {}
    for one in report.stages:
        if one.judged.reason:
            found.setdefault(one.judged.reason, []).append(unit_name(one, report))
    return found


def failure_text(report: GateReport) -> list[str]:
    """Say which processes did not end well."""
    return [printable(failure.problem) for failure in report.measurement.failures]


def run_text(report: GateReport) -> list[str]:
    """Say what was run."""
    measurement = report.measurement
    settings = measurement.settings
    variants = {times.name: printable(str(times.variant)) for times in measurement.variants}
    fresh = f" and {report.fresh_rounds} fresh ones to confirm" if report.fresh_rounds else ""
    why = {"clear": "", "looks": " (the most allowed)", "budget": " (for want of time)"}
    return [
        f"base {variants[BASE]}, head {variants[HEAD]}",
        f"{report.rounds} rounds{why[report.ended]}{fresh}; each: base, head and base again in "
        f"fresh processes, {passes_text(settings)} in turns, {settings.threads} threads; "
        f"{duration(report.seconds)}",
        f"too slow: {limit_text(report.plan)}",
    ]


def passes_text(settings: BenchSettings) -> str:
    """Say how many passes a process makes.

    >>> passes_text(BenchSettings(iterations=10))
    '10 passes'
    >>> passes_text(BenchSettings(iterations=10, timed_seconds=1))
    '10 passes or more (1 s)'
    """
    more = f" or more ({settings.timed_seconds:g} s)" if settings.timed_seconds else ""
    return f"{settings.iterations} passes{more}"


def duration(seconds: float) -> str:
    """Write how long it took.

    >>> duration(75.2), duration(200)
    ('75 s', '3.3 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def limit_text(plan: Plan) -> str:
    """Say from what on a stage is too slow.

    >>> limit_text(Plan(thresholds={"load": 0.5}, floors_ms={"mask": 1}))
    'from 10 % and 0.05 ms on (load: 50 %; mask: 1 ms)'
    """
    others = [f"{stage}: {100 * share:g} %" for stage, share in plan.thresholds.items()]
    others += [f"{stage}: {floor:g} ms" for stage, floor in plan.floors_ms.items()]
    own = f" ({'; '.join(others)})" if others else ""
    return f"from {100 * plan.threshold:g} % and {plan.floor_ms:g} ms on{own}"


def advice(report: GateReport) -> str | None:
    """Say what to do next; None where nothing is left to do."""
    if report.verdict is Verdict.SLOWER:
        stages = dict.fromkeys(one.stage for one in report.blamed)
        alone = " ".join(f"--stage {stage}" for stage in stages)
        return f"to measure only that again: the same command with {alone}"
    if report.verdict is Verdict.INCONCLUSIVE:
        why = reasons(report)
        more = (
            "more time (--budget)"
            if report.ended == "budget"
            else f"more rounds (--rounds {2 * report.plan.looks[-1]})"
        )
        ways = ["a quieter machine", more, "a larger --threshold for these stages"]
        return f"this may decide it: {ways[0] if set(why) == {CONTROL_FAILED} else ', '.join(ways)}"
    return None


def header(report: GateReport) -> tuple[str, ...]:
    """Return the table's columns; the photo's only where there are several."""
    photo = ("photo",) if len(report.measurement.photos) > 1 else ()
    level = f"{100 * report.plan.level:g} % interval"
    times = ("base ms", "head ms", "ratio", level, "control", "limit")
    return ("group", *photo, "stage", *times, "verdict")


def cells(one: StageVerdict, report: GateReport) -> tuple[str, ...]:
    """Return a stage's row of the table."""
    found = shown(one)
    names = photo_names(report)
    photo = ("" if one.photo is None else names[one.photo],) if len(names) > 1 else ()
    return (
        one.group,
        *photo,
        one.stage,
        milliseconds(found.base_ns),
        milliseconds(found.head_ns),
        f"{found.ratio:.3f}",
        f"{found.low:.3f} to {found.high:.3f}" if has_interval(found) else "",
        f"{found.control:.3f}",
        f"{found.limit:.3f}",
        str(one.judged.verdict),
    )


def milliseconds(time: float) -> str:
    """Write nanoseconds as milliseconds.

    >>> milliseconds(205_432_100), milliseconds(52_000)
    ('205.4', '0.052')
    """
    return f"{time / 1e6:.4g}"


def _some(items: Sequence[str], separator: str) -> str:
    left = len(items) - MOST_NAMED
    more = [f"and {left} more"] if left > 0 else []
    return separator.join([*items[:MOST_NAMED], *more])
