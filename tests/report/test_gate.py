"""A gate's report as JUnit XML, annotations, Markdown and JSON; also where names are hostile."""

from __future__ import annotations

import dataclasses
import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.gates import (
    FAILURE,
    FASTER,
    HOSTILE,
    INCONCLUSIVE,
    REASON,
    SAME,
    SLOWER,
    make_gate,
    without_interval,
)
from toolkit.cli.console import to_json
from toolkit.gate.result import GateReport
from toolkit.report.gate import (
    annotation_lines,
    annotation_of_error,
    formatting,
    gate_document,
    junit_of_error,
    junit_xml,
    markdown_of_error,
    markdown_summary,
)
from toolkit.stats.verdicts import Verdict

MIXED = {"segment": SAME, "mask": INCONCLUSIVE, "blur": SLOWER, "whole": SLOWER}
NOTHING_WRONG: list[dict[str, Verdict]] = [{"segment": SAME}, {"segment": FASTER, "blur": SAME}]
CHANGE = "takes 1.21 times as long (1.17 to 1.25)"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314 - made here


def cases(root: ET.Element) -> dict[str, ET.Element]:
    return {case.attrib["name"]: case for case in root.iter("testcase")}


def bad(root: ET.Element) -> int:
    return int(root.attrib["failures"]) + int(root.attrib["errors"])


def test_junit_has_a_suite_per_group_and_a_case_per_stage() -> None:
    root = parsed(junit_xml(make_gate(MIXED | {"load": SAME})))
    suites = {suite.attrib["name"]: suite for suite in root.findall("testsuite")}
    assert {
        name: [case.attrib["name"] for case in suite.iter("testcase")]
        for name, suite in suites.items()
    } == {
        "toolkit gate: model": ["segment", "load"],
        "toolkit gate: core": ["mask", "blur"],
        "toolkit gate: whole": ["whole"],
    }
    assert root.attrib["tests"] == "5"
    assert {suite.attrib["tests"] for suite in suites.values()} == {"1", "2"}


def test_in_junit_slower_is_a_failure_and_inconclusive_an_error_with_the_reason() -> None:
    root = parsed(junit_xml(make_gate(MIXED)))
    found = cases(root)
    failure = found["blur"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == CHANGE
    assert str(failure.text).startswith(CHANGE)
    assert "base 3 ms, head 3.63 ms, 8 rounds; too slow from 1.100 on" in str(failure.text)
    error = found["mask"].find("error")
    assert error is not None
    assert error.attrib["message"] == REASON
    assert not list(found["segment"])
    assert (root.attrib["failures"], root.attrib["errors"]) == ("2", "1")
    assert root.attrib["skipped"] == "0"


@pytest.mark.parametrize("verdicts", NOTHING_WRONG)
def test_junit_is_green_where_the_exit_code_is_0(verdicts: dict[str, Verdict]) -> None:
    assert bad(parsed(junit_xml(make_gate(verdicts)))) == 0


def test_junit_is_not_green_where_a_process_failed_and_has_what_it_said() -> None:
    root = parsed(junit_xml(make_gate({"segment": SAME}, failures=[FAILURE])))
    assert bad(root) == 1
    head = cases(root)["head"]
    assert "died of signal 9" in str(head.findtext("error"))
    assert head.findtext("system-err") == "one\ntwo\ufffd[0m\ufffd ]]> &amp;"
    assert not list(cases(root)["base"])


def test_no_two_cases_of_junit_have_the_same_name() -> None:
    root = parsed(junit_xml(make_gate({"load": SAME, "blur": SLOWER}, photos=["p", "p", "p (2)"])))
    keys = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(set(keys)) == len(keys) == 4
    assert ("toolkit.gate.core", "blur on p (1)") in keys


def test_a_cases_time_is_the_heads() -> None:
    (case,) = parsed(junit_xml(make_gate({"blur": SLOWER}))).iter("testcase")
    assert float(case.attrib["time"]) == pytest.approx(3.63e-3)


def test_annotations_blame_a_stage_warn_of_what_is_unclear_and_of_failures() -> None:
    lines = annotation_lines(make_gate(MIXED, failures=[FAILURE]))
    assert lines == [
        f"::error title=toolkit gate%3A blur is slower::blur {CHANGE}%0Abase 3 ms, head 3.63 ms",
        f"::warning title=toolkit gate%3A inconclusive::mask: {REASON}",
        "::warning title=toolkit gate%3A a process did not end well::"
        "head, round 3: died of signal 9",
    ]


@pytest.mark.parametrize("verdicts", NOTHING_WRONG)
def test_a_pass_is_one_notice(verdicts: dict[str, Verdict]) -> None:
    (line,) = annotation_lines(make_gate(verdicts))
    assert line.startswith("::notice title=toolkit gate%3A ")
    assert "10 %25 and 0.05 ms" in line


def test_the_summary_begins_with_the_verdict_and_has_figures_control_command_and_host() -> None:
    report = make_gate(MIXED, failures=[FAILURE])
    text = markdown_summary(report)
    title, _, groups, *_ = text.splitlines()
    assert title == f"## toolkit gate: slower: blur {CHANGE}"
    assert groups == "model: same · core: slower · whole: slower"
    assert "| core | blur | 3 | 3.63 | 1.210 | 1.170 to 1.250 | 1.010 | 1.100 | slower |" in text
    assert f"- inconclusive: {REASON} (mask)" in text
    assert "- 9 rounds and 8 fresh ones to confirm; each: " in text
    assert "- did not end well: head, round 3: died of signal 9" in text
    assert "toolkit gate \\\n  --base onnx \\\n  --head onnx@threads=1 photo.jpg\n" in text
    host = report.measurement.host
    assert f"{host.available_cores} of {host.logical_cores} cores" in text


def test_several_photos_have_a_column() -> None:
    text = markdown_summary(make_gate({"load": SAME, "blur": SLOWER}, photos=["p.jpg", "q.jpg"]))
    assert "| group | photo | stage |" in text
    assert "| core | q.jpg | blur |" in text
    assert "| model |  | load |" in text
    assert "blur on p.jpg takes" in text


ROW = re.compile(r"(?<!\\)\|")


def check_no_name_breaks_out(report: GateReport) -> None:
    assert parsed(junit_xml(report)).tag == "testsuites"
    for line in annotation_lines(report):
        assert line.startswith("::")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line)
        assert re.fullmatch(r"::\w+ title=[^:,]*::.*", line)
    text = markdown_summary(report)
    text.encode()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(report.stages)
    assert len({len(ROW.findall(row)) for row in rows}) == 1
    assert not re.search(r"(?<!\\)<(?!/?$)", text.partition("To repeat it")[0])
    json.dumps(to_json(gate_document(report)), allow_nan=False)


def test_a_hostile_name_breaks_out_of_no_format() -> None:
    report = make_gate(MIXED, photos=[HOSTILE, "q.jpg"], failures=[FAILURE])
    check_no_name_breaks_out(report)
    text = markdown_summary(report)
    assert "\\| \\`\\`\\`c \\<img src=x\\>" in text
    assert "\\@all" in text
    assert re.findall("^ *`+", text, re.MULTILINE) == ["```"] * 2


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_name_and_no_word_of_a_process_breaks_out_of_any_format(name: str, said: str) -> None:
    failure = dataclasses.replace(FAILURE, problem=said, stderr=said)
    check_no_name_breaks_out(make_gate(MIXED, photos=[name, name], failures=[failure]))


def test_the_document_has_no_infinite_ends() -> None:
    document = to_json(gate_document(without_interval(make_gate({"blur": SAME}))))
    search = document["stages"][0]["search"]
    assert (search["low"], search["high"], search["ratio"]) == (None, None, 1.0)
    json.dumps(document, allow_nan=False)


def test_a_missing_interval_is_left_out_of_tables_and_sentences() -> None:
    report = without_interval(make_gate({"blur": FASTER}))
    assert formatting.verdict_text(report) == "faster: blur takes 0.70 times as long"
    assert "inf" not in markdown_summary(report) + junit_xml(report)


def test_what_is_shown_of_a_slower_stage_are_its_fresh_rounds() -> None:
    (one, *_) = make_gate({"blur": SLOWER}).blamed
    assert (formatting.shown(one).ratio, one.judged.search.ratio) == (1.21, 1.4)


@pytest.mark.parametrize(
    ("verdicts", "ended", "line"),
    [
        ({"segment": SAME}, "clear", "same: nothing is too slow"),
        ({"segment": INCONCLUSIVE, "mask": SAME}, "looks", "inconclusive: no verdict on segment"),
        (
            dict.fromkeys(("segment", "mask", "blur", "composite", "preprocess"), INCONCLUSIVE),
            "looks",
            "inconclusive: no verdict on segment, mask, blur, and 2 more",
        ),
        ({"blur": SLOWER, "whole": SLOWER}, "clear", f"slower: blur {CHANGE}"),
        ({"blur": SAME, "whole": SLOWER}, "clear", f"slower: whole {CHANGE}"),
    ],
)
def test_a_verdict_in_a_line(verdicts: dict[str, Verdict], ended: str, line: str) -> None:
    assert formatting.verdict_text(make_gate(verdicts, ended=ended)) == line


def test_advice_fits_why_it_ended() -> None:
    assert formatting.advice(make_gate({"blur": SAME})) is None
    assert "--stage blur" in str(formatting.advice(make_gate({"blur": SLOWER, "whole": SLOWER})))
    unclear = {"blur": INCONCLUSIVE}
    assert "--rounds 60" in str(formatting.advice(make_gate(unclear, ended="looks")))
    assert "--budget" in str(formatting.advice(make_gate(unclear, ended="budget")))


def test_what_could_not_run_is_told_in_every_format() -> None:
    problem = "head a|b.onnx can't run: 100 %\nno such file\x00"
    root = parsed(junit_of_error(problem))
    assert bad(root) == 1
    assert "no such file" in str(root.findtext("testsuite/testcase/error"))
    line = annotation_of_error(problem)
    assert line.startswith("::error title=toolkit gate%3A could not run::head a|b.onnx can't run")
    assert "100 %25 no such file" in line
    assert "head a\\|b.onnx can't run" in markdown_of_error(problem)
