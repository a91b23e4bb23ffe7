"""JUnit XML: what GitLab, Jenkins and GitHub's test reporters show of a gate.

There is no standard; this keeps to what they have in common. GitLab knows a case by class and name,
drops a second one of the same, and shows an element's text rather than its ``message``, so the text
stands in both. Slower is a ``failure``. Inconclusive is an ``error``, a check that could not be
carried out, and not ``skipped``: Jenkins and the reporters color a build by this file alone, and a
skipped case leaves it green. So a file is free of failures and errors exactly where the command
exits with 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from toolkit.bench.schema import Failure
from toolkit.gate.decision import ROLES
from toolkit.gate.result import GateReport, StageVerdict
from toolkit.report.gate.formatting import (
    change_text,
    milliseconds,
    printable,
    printable_lines,
    shown,
    unit_name,
)
from toolkit.stats.verdicts import Verdict

PROCESSES = "processes"
"""The suite of processes that did not end well; only where there are some."""


def junit_xml(report: GateReport) -> str:
    """Return the report as JUnit XML: a suite per group, a case per stage and photo.

    A case's time is the head's median in seconds, so that a reporter's chart of durations is one of
    latencies.
    """
    root = Element("testsuites", name="toolkit gate", time=f"{report.seconds:.3f}")
    for group in report.groups:
        suite = _suite(root, group, report.measurement.created)
        for one in report.stages:
            if one.group == group:
                _stage(suite, one, report)
    if report.measurement.failures:
        suite = _suite(root, PROCESSES, report.measurement.created)
        _processes(suite, report.measurement.failures)
    return _written(root)


def junit_of_error(problem: str, failures: Sequence[Failure] = ()) -> str:
    """Return the JUnit XML of a gate that could not run, or not to a verdict."""
    root = Element("testsuites", name="toolkit gate")
    suite = _suite(root, PROCESSES)
    _problem(_case(suite, "gate", PROCESSES), "error", printable(problem))
    if failures:
        _processes(suite, failures)
    return _written(root)


def _suite(root: Element, name: str, created: str | None = None) -> Element:
    suite = SubElement(root, "testsuite", name=f"toolkit gate: {name}")
    if created:
        suite.set("timestamp", created.removesuffix("+00:00"))
    return suite


def _case(suite: Element, name: str, group: str) -> Element:
    return SubElement(suite, "testcase", classname=f"toolkit.gate.{group}", name=name)


def _stage(suite: Element, one: StageVerdict, report: GateReport) -> None:
    found = shown(one)
    case = _case(suite, unit_name(one, report), one.group)
    case.set("time", f"{found.head_ns / 1e9:.9f}")
    facts = (
        f"base {milliseconds(found.base_ns)} ms, head {milliseconds(found.head_ns)} ms, "
        f"{found.rounds} rounds; too slow from {found.limit:.3f} on; "
        f"the control came out at {found.control:.3f}"
    )
    if one.judged.verdict is Verdict.SLOWER:
        _problem(case, "failure", change_text(found), facts)
    elif one.judged.verdict is Verdict.INCONCLUSIVE:
        _problem(case, "error", one.judged.reason or "", f"{change_text(found)}\n{facts}")


def _processes(suite: Element, failures: Sequence[Failure]) -> None:
    for name in ROLES:
        _prepared_variant(suite, name, [failure for failure in failures if failure.variant == name])


def _prepared_variant(suite: Element, name: str, failures: Sequence[Failure]) -> None:
    case = _case(suite, name, PROCESSES)
    if failures:
        problems = "\n".join(printable(failure.problem) for failure in failures)
        _problem(case, "error", f"{len(failures)} did not end well", problems)
        said = [printable_lines(failure.stderr) for failure in failures if failure.stderr]
        SubElement(case, "system-err").text = "\n\n".join(said)


def _problem(case: Element, kind: str, message: str, more: str = "") -> None:
    SubElement(case, kind, message=message, type=kind).text = "\n".join(
        filter(None, [message, more])
    )


def _written(root: Element) -> str:
    for suite in root.findall("testsuite"):
        _count(suite)
    _count(root)
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _count(element: Element) -> None:
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))
    element.set("skipped", "0")
