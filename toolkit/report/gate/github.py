"""GitHub workflow commands: annotations on a run's page and beside a pull request."""

from __future__ import annotations

from toolkit.gate.result import GateReport
from toolkit.report.gate.formatting import (
    change_text,
    failure_text,
    group_text,
    milliseconds,
    printable,
    reasons,
    run_text,
    shown,
    unit_name,
    verdict_text,
)
from toolkit.stats.verdicts import Verdict

TITLE = "toolkit gate"


def annotation_lines(report: GateReport) -> list[str]:
    """Return the report as workflow commands, a line each.

    An error for each stage to blame, a warning for each reason that something is inconclusive and
    for each process that did not end well, else one notice. GitHub shows the first 10 of a kind.
    """
    lines = []
    for one in report.blamed:
        found = shown(one)
        times = f"base {milliseconds(found.base_ns)} ms, head {milliseconds(found.head_ns)} ms"
        name = unit_name(one, report)
        lines.append(
            _command("error", f"{name} is slower", f"{name} {change_text(found)}\n{times}")
        )
    for reason, names in reasons(report).items():
        message = f"{', '.join(names)}: {reason}"
        lines.append(_command("warning", Verdict.INCONCLUSIVE, message))
    lines += [
        _command("warning", "a process did not end well", problem)
        for problem in failure_text(report)
    ]
    if not lines:
        message = "\n".join(["; ".join(group_text(report)), *run_text(report)])
        lines.append(_command("notice", verdict_text(report), message))
    return lines


def annotation_of_error(problem: str) -> str:
    """Return the workflow command of a gate that could not run."""
    return _command("error", "could not run", printable(problem))


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(f'{TITLE}: {title}')}::{_message(message)}"


def _message(text: str) -> str:
    r"""Escape what would end the line.

    >>> _message("100 %\nof it")
    '100 %25%0Aof it'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape also what would end the property.

    >>> _property("a: b, c")
    'a%3A b%2C c'
    """
    return _message(text).replace(":", "%3A").replace(",", "%2C")
