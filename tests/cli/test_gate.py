"""``toolkit gate``: exit codes, what is printed and written, and how it fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.conftest import Command
from tests.report.gates import FAILURE, FASTER, HOSTILE, INCONCLUSIVE, SAME, SLOWER, make_gate
from toolkit.bench.files import read_report
from toolkit.bench.photos import BenchPhoto
from toolkit.bench.schema import MEASURED_STAGES, BenchSettings, Failure
from toolkit.bench.variants import Variant
from toolkit.cli.gate_plan import plan_from
from toolkit.errors import BackendError, UsageError
from toolkit.gate import run
from toolkit.gate.decision import ROLES
from toolkit.gate.plan import Plan
from toolkit.gate.result import GateReport
from toolkit.host import available_cores
from toolkit.imaging import write_photo
from toolkit.stats.verdicts import Verdict

SIDES = ("--base", "onnx", "--head", "onnx@threads=1")
PASSES, FAILS, UNCLEAR = {"blur": SAME}, {"blur": SLOWER}, {"blur": INCONCLUSIVE}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write_photo(path, np.random.default_rng(3).integers(0, 256, (90, 160, 3), np.uint8))
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `run_gate` was asked; it gives ``report``, or raises it."""
    calls: dict[str, Any] = {"report": make_gate(PASSES)}

    def fake(
        model: object, photos: Sequence[BenchPhoto], base: Variant, head: Variant, **rest: object
    ) -> GateReport:
        calls.update(rest, model=model, photos=[photo.name for photo in photos])
        calls.update(base=str(base), head=str(head))
        report: GateReport | Exception = calls["report"]
        if isinstance(report, Exception):
            raise report
        return report

    monkeypatch.setattr(run, "run_gate", fake)
    return calls


@pytest.mark.parametrize(
    ("verdicts", "failures", "code", "line"),
    [
        (PASSES, [], 0, "verdict: same: nothing is too slow"),
        ({"blur": FASTER}, [], 0, "verdict: faster: blur takes 0.70 times as long (0.66 to 0.74)"),
        (FAILS, [], 1, "verdict: slower: blur takes 1.21 times as long (1.17 to 1.25)"),
        (UNCLEAR, [], 4, "verdict: inconclusive: no verdict on blur"),
        (PASSES, [FAILURE], 3, "verdict: same: nothing is too slow"),
        (UNCLEAR, [FAILURE], 3, "verdict: inconclusive: no verdict on blur"),
        (FAILS, [FAILURE], 1, "verdict: slower: blur takes 1.21 times as long (1.17 to 1.25)"),
        ({"blur": SLOWER, "mask": INCONCLUSIVE}, [], 1, "verdict: slower: blur takes"),
    ],
)
def test_the_exit_code_is_the_verdicts_and_the_last_line_says_it(
    toolkit: Command,
    asked: dict[str, Any],
    tmp_path: Path,
    verdicts: dict[str, Verdict],
    failures: list[Failure],
    code: int,
    line: str,
) -> None:
    asked["report"] = make_gate(verdicts, failures=failures)
    files = {name: tmp_path / "made" / name for name in ("gate.json", "gate.xml", "gate.md")}
    options = ("--output", "--junit", "--summary")
    written = [word for pair in zip(options, files.values(), strict=True) for word in pair]
    outcome = toolkit("gate", *SIDES, *written)
    assert outcome.code == code
    assert outcome.stdout.splitlines()[-1].startswith(line)
    assert ("head, round 3: died of signal 9" in outcome.stderr) == bool(failures)
    # whatever the verdict, every file is there
    report = read_report(files["gate.json"])
    assert [times.name for times in report.variants] == list(ROLES)
    assert report.failures == tuple(failures)
    root = ET.fromstring(files["gate.xml"].read_bytes())  # noqa: S314 - made here
    assert (int(root.attrib["failures"]) + int(root.attrib["errors"]) > 0) == (code != 0)
    assert files["gate.md"].read_text().startswith(f"## toolkit gate: {line.split(': ')[1]}")
    assert all(f"wrote {path}" in outcome.stderr for path in files.values())


def test_people_get_groups_a_table_what_was_run_and_what_to_do(
    toolkit: Command, asked: dict[str, Any]
) -> None:
    asked["report"] = make_gate({"segment": SAME, "blur": INCONCLUSIVE}, ended="looks")
    outcome = toolkit("gate", *SIDES)
    assert "model: same, core: inconclusive\n" in outcome.stdout
    row = next(line for line in outcome.stdout.splitlines() if line.startswith("core"))
    assert row.split() == [
        *("core", "blur", "3", "3", "1.000", "0.960", "to", "1.040", "1.010", "1.100"),
        "inconclusive",
    ]
    assert "base onnx, head onnx@threads=1\n" in outcome.stdout
    assert "9 rounds (the most allowed); each: base, head and base again" in outcome.stdout
    assert "inconclusive: too noisy: " in outcome.stdout
    assert "this may decide it: a quieter machine, more rounds (--rounds 60)" in outcome.stdout
    assert "::" not in outcome.stdout


def test_json_is_one_document_without_raw_times_and_annotations_go_to_stderr(
    toolkit: Command, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    asked["report"] = make_gate(FAILS)
    outcome = toolkit("gate", *SIDES, "--json")
    assert outcome.code == 1
    document = json.loads(outcome.stdout)
    assert (document["schema"], document["version"]) == ("toolkit-gate", 1)
    assert (document["verdict"], document["groups"]) == ("slower", {"core": "slower"})
    assert document["blamed"] == [{"stage": "blur", "photo": 0}]
    (stage,) = document["stages"]
    assert (stage["search"]["ratio"], stage["fresh"]["ratio"]) == (1.4, 1.21)
    assert document["variants"][0]["processes"] == 9
    assert "iterations" not in json.dumps(document["variants"])
    assert "::error title=toolkit gate%3A blur is slower::" in outcome.stderr


@pytest.mark.parametrize(
    ("environment", "option", "expected"),
    [
        ("true", (), True),
        (None, (), False),
        ("false", (), False),
        (None, ("--github",), True),
        ("true", ("--no-github",), False),
    ],
)
def test_annotations_are_printed_where_github_reads_them(
    toolkit: Command,
    asked: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    environment: str | None,
    option: tuple[str, ...],
    expected: bool,
) -> None:
    if environment:
        monkeypatch.setenv("GITHUB_ACTIONS", environment)
    lines = toolkit("gate", *SIDES, *option).stdout.splitlines()
    assert any(line.startswith("::notice ") for line in lines) == expected


def test_the_summary_is_added_to_githubs_unless_it_has_a_file_of_its_own(
    toolkit: Command, asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, own = tmp_path / "step.md", tmp_path / "own.md"
    step.write_text("an earlier command's\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    asked["report"] = make_gate(FAILS)
    toolkit("gate", *SIDES)
    toolkit("gate", *SIDES)
    text = step.read_text()
    assert text.startswith("an earlier command's\n## toolkit gate: slower: ")
    assert text.count("\n## toolkit gate: slower: ") == 2
    toolkit("gate", *SIDES, "--summary", own)
    assert step.read_text() == text
    assert own.read_text().startswith("## toolkit gate: slower: ")


def test_what_could_not_run_is_exit_code_3_and_stands_in_every_file(
    toolkit: Command, asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    asked["report"] = BackendError("head onnx:a.onnx can't run: no such file")
    junit = tmp_path / "gate.xml"
    junit.write_text("an older verdict")
    outcome = toolkit("gate", *SIDES, "--junit", junit, "--github")
    assert outcome.code == 3
    assert outcome.stderr.endswith("toolkit: head onnx:a.onnx can't run: no such file\n")
    assert outcome.stdout.startswith("::error title=toolkit gate%3A could not run::head onnx")
    root = ET.fromstring(junit.read_bytes())  # noqa: S314 - made here
    assert root.attrib["errors"] == "1"
    assert "could not run\n\nhead onnx:a.onnx" in (tmp_path / "step.md").read_text()


def test_a_file_that_cant_be_written_is_exit_code_3_and_the_verdict_is_printed(
    toolkit: Command, asked: dict[str, Any], tmp_path: Path
) -> None:
    outcome = toolkit("gate", *SIDES, "--junit", tmp_path)
    assert outcome.code == 3
    assert "is not a regular file" in outcome.stderr
    assert "verdict: same" in outcome.stdout
    asked["report"] = BackendError("the head died")
    outcome = toolkit("gate", *SIDES, "--junit", tmp_path)
    assert outcome.stderr.endswith("toolkit: the head died\n")


def test_hostile_names_reach_the_terminal_as_one_line(
    toolkit: Command, asked: dict[str, Any], tmp_path: Path
) -> None:
    asked["report"] = make_gate(FAILS, photos=[HOSTILE, "b.jpg"], failures=[FAILURE])
    outcome = toolkit("gate", *SIDES, "--output", tmp_path / "gate.json")
    assert outcome.code == 1
    assert not any(line.startswith("::") for line in outcome.stdout.splitlines())
    assert not {"\x1b", "\0", "\udcff"} & set(outcome.stdout + outcome.stderr)
    assert read_report(tmp_path / "gate.json").photos[0].name == HOSTILE


def test_the_options_reach_the_gate(toolkit: Command, asked: dict[str, Any], photo: Path) -> None:
    outcome = toolkit(
        *(
            "gate",
            photo,
            *SIDES,
            "--model",
            "mnv2_dm05_person",
            "--budget",
            "60",
            "--time-limit",
            "30",
        ),
        *("--threshold", "5%", "--threshold", "load=20%", "--floor", "blur=1", "--floor", "0.1"),
        *("--stage", "blur", "--stage", "load", "--iterations", "3", "--threads", "1"),
    )
    assert outcome.code == 0, outcome.stderr
    assert (asked["base"], asked["head"], asked["photos"]) == (
        "onnx",
        "onnx@threads=1",
        [photo.name],
    )
    assert asked["model"].name == "mnv2_dm05_person"
    assert (asked["budget_seconds"], asked["time_limit"]) == (60, 30)
    settings: BenchSettings = asked["settings"]
    assert (settings.iterations, settings.timed_seconds) == (3, None)
    assert (settings.threads, settings.interleaved) == (1, True)
    assert asked["plan"] == Plan(
        stages=("load", "blur"),
        threshold=0.05,
        thresholds={"load": 0.2},
        floor_ms=0.1,
        floors_ms={"blur": 1.0},
    )
    assert asked["command"][0] == "toolkit"


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        ("onnx", "onnx:b.onnx", True),
        ("onnx:a.onnx", "onnx", True),
        ("onnx:a.onnx", "onnx:b.onnx", False),
    ],
)
def test_the_default_model_is_named_only_where_a_side_uses_it(
    toolkit: Command, photo: Path, base: str, head: str, said: bool
) -> None:
    outcome = toolkit("gate", photo, "--base", base, "--head", head)
    assert ("model mnv2_dm05_person" in outcome.stderr) == said


def test_without_options_it_is_the_default_plan_and_settings(
    toolkit: Command, asked: dict[str, Any]
) -> None:
    assert toolkit("gate", *SIDES).code == 0
    assert asked["plan"] == Plan()
    assert asked["settings"] == dataclasses.replace(run.GATE, threads=available_cores())
    assert asked["budget_seconds"] is None
    assert len(asked["photos"]) == 1


@pytest.mark.parametrize(
    ("rounds", "stages", "photos", "looks"),
    [
        (40, (), 1, (9, 14, 20, 30, 40)),
        (30, (), 1, (9, 14, 20, 30)),
        (15, (), 1, (9, 14, 15)),
        (7, (), 1, (7,)),
        (6, ("blur",), 1, (6,)),
        (8, ("blur", "load"), 3, (8,)),
    ],
)
def test_the_most_rounds_end_the_looks(
    rounds: int, stages: Sequence[str], photos: int, looks: tuple[int, ...]
) -> None:
    assert plan_from(stages, (), (), rounds, photos=photos).looks == looks


@pytest.mark.parametrize(
    ("rounds", "stages", "photos", "words"),
    [
        (6, (), 1, "6 rounds can't tell whether one of 6 times is slower; it takes 7, or fewer"),
        (5, ("blur",), 1, "one of 1 times is slower; it takes 6$"),
        (6, ("blur", "load"), 3, "one of 4 times is slower; it takes 7"),
    ],
)
def test_too_few_rounds_for_any_verdict_are_refused(
    rounds: int, stages: Sequence[str], photos: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        plan_from(stages, (), (), rounds, photos=photos)


@pytest.mark.parametrize("stages", [MEASURED_STAGES, ("blur",)])
def test_the_fewest_rounds_that_are_taken_can_find_a_slowdown_and_call_the_rest_the_same(
    stages: tuple[str, ...],
) -> None:
    from toolkit.gate.decision import decide

    fewest = next(
        plan for rounds in range(1, 30) if (plan := _plan_or_none(stages, rounds)) is not None
    )

    def add(count: int) -> Any:
        times = np.full((count, 3, len(stages)), 1e8)
        times[:, 1, 0] *= 1.5
        return times

    assert [one.verdict for one in decide(stages, fewest, add)] == [
        SLOWER,
        *[SAME] * (len(stages) - 1),
    ]


def _plan_or_none(stages: Sequence[str], rounds: int) -> Plan | None:
    try:
        return plan_from(stages, (), (), rounds, photos=1)
    except UsageError:
        return None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--base", "onnx"), "--head"),
        (("--base", "onnx", "--head", "onnx@cores=1"), "no option 'cores'"),
        ((*SIDES, "--threshold", "much"), "--threshold 'much' makes no sense; write 10%"),
        ((*SIDES, "--threshold", "-5%"), "--threshold"),
        ((*SIDES, "--threshold", "0%"), "above 0"),
        ((*SIDES, "--threshold", "nose=5%"), "nose"),
        ((*SIDES, "--threshold", "load=5%"), "load has a limit but is not judged"),
        ((*SIDES, "--threshold", "5%", "--threshold", "6%"), "twice for every stage"),
        ((*SIDES, "--floor", "5%"), "in milliseconds"),
        ((*SIDES, "--floor", "mask=1", "--floor", "mask=2"), "--floor is given twice for mask"),
        ((*SIDES, "--stage", "nose"), "no stage 'nose'; one of: load, first"),
        ((*SIDES, "--rounds", "3"), "3 rounds can't tell"),
        ((*SIDES, "--output", "a", "--junit", "a"), "a is named twice"),
        (("photo.png", *SIDES, "--summary", "photo.png"), "photo.png is named twice"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    toolkit: Command,
    asked: dict[str, Any],
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(photo.parent)
    outcome = toolkit("gate", *arguments)
    assert outcome.code == 2
    assert words in outcome.stderr
    assert outcome.stdout == ""
    assert "plan" not in asked


@pytest.mark.slow
def test_the_bundled_network_against_itself_end_to_end(
    toolkit: Command, photo: Path, tmp_path: Path
) -> None:
    output, junit, summary = (tmp_path / name for name in ("gate.json", "gate.xml", "gate.md"))
    outcome = toolkit(
        *(
            "gate",
            photo,
            "--base",
            "onnx",
            "--head",
            "onnx",
            "--model",
            "mnv2_dm05_person",
            "--json",
        ),
        *("--stage", "whole", "--threshold", "300%", "--rounds", "6", "--iterations", "2"),
        *("--output", output, "--junit", junit, "--summary", summary),
    )
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    document = json.loads(outcome.stdout)
    assert document["verdict"] in ("same", "faster")
    assert (document["rounds"], document["groups"].keys()) == (6, {"whole"})
    report = read_report(output)
    assert {times.name: len(times.rounds) for times in report.variants} == dict.fromkeys(ROLES, 6)
    assert not report.failures
    (case,) = ET.fromstring(junit.read_bytes()).iter("testcase")  # noqa: S314 - made here
    assert case.attrib["name"] == "whole"
    assert "| whole | whole | " in summary.read_text()
    page = tmp_path / "page.html"
    pytest.importorskip("matplotlib", reason="the page needs the report extra")
    assert toolkit("report", output, "-o", page).code == 0
