"""A gate's summary in Markdown, for a job's page or a comment on a change."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolkit.gate.result import GateReport
from toolkit.report.gate.formatting import (
    LEGEND,
    advice,
    cells,
    failure_text,
    group_text,
    header,
    printable,
    reasons,
    run_text,
    verdict_text,
)
from toolkit.report.html import command_lines

TEXT_COLUMNS = {"group", "photo", "stage", "verdict"}
"""Columns that hold words; numbers are set flush right."""


def markdown_summary(report: GateReport) -> str:
    """Return the report as Markdown: the verdict, the stages, what was run, how to repeat it."""
    measurement = report.measurement
    lines = [
        f"## toolkit gate: {_plain(verdict_text(report))}",
        "",
        " · ".join(group_text(report)),
        "",
        *_table(report),
        "",
        f"{LEGEND[0].upper()}{LEGEND[1:]}.",
        "",
    ]
    lines += [
        f"- inconclusive: {_plain(reason)} ({_plain(', '.join(names))})"
        for reason, names in reasons(report).items()
    ]
    lines += [f"- did not end well: {_plain(problem)}" for problem in failure_text(report)]
    lines += [f"- {_plain(line)}" for line in run_text(report)]
    next_step = advice(report)
    lines += [f"- {_plain(next_step)}"] if next_step else []
    lines += ["", *_repeat(measurement.command), _plain(_machine(report)), ""]
    return "\n".join(lines)


def markdown_of_error(problem: str) -> str:
    """Return the summary of a gate that could not run."""
    return f"## toolkit gate: could not run\n\n{_plain(printable(problem))}\n"


def _table(report: GateReport) -> list[str]:
    columns = header(report)
    return [
        _row(columns),
        _row(["---" if column in TEXT_COLUMNS else "--:" for column in columns]),
        *(_row([_plain(cell) for cell in cells(one, report)]) for one in report.stages),
    ]


def _row(cells_of_it: Sequence[str]) -> str:
    return f"| {' | '.join(cells_of_it)} |"


def _plain(text: str) -> str:
    r"""Keep Markdown from reading anything into a text.

    >>> _plain("a|b <i> *x* p.jpg")
    'a\\|b \\<i\\> \\*x\\* p.jpg'
    """
    return re.sub(r"([]!#&*<>@[\\^_`{|}~])", r"\\\1", text)


def _repeat(command: Sequence[str]) -> list[str]:
    """Write the command in a block; quoted as it is, no line of it can begin with the fence."""
    if not command:
        return []
    return [
        "To repeat it:",
        "",
        "```sh",
        command_lines([printable(word) for word in command]),
        "```",
        "",
    ]


def _machine(report: GateReport) -> str:
    host = report.measurement.host
    quota = "" if host.cpu_quota is None else f", quota {host.cpu_quota:g}"
    packages = [
        f"{name} {version}" for name, version in host.versions.items() if version is not None
    ]
    return (
        f"On {host.cpu}, {host.available_cores} of {host.logical_cores} cores{quota}, "
        f"{host.system}, Python {host.python}; {', '.join(packages)}"
    )
