"""The proof of the gate: what is drawn from a recording; tables and figures belong together."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gate import tables
from benchmarks.gate.real_gates import kinds, measured_share, read_real
from benchmarks.gate.recording import Recording, condense, read_recording, write_recording
from benchmarks.gate.resampling import (
    BLOCK,
    Resampled,
    Slowdown,
    spread_of,
)
from benchmarks.gate.rules import RULES
from benchmarks.gate.simulate import (
    ALONE,
    FAST,
    PARTS,
    RECORDINGS,
    SIMULATED,
    WANTED,
    Cell,
    Outcomes,
    gate,
    plan_of_cells,
    read_simulated,
    simulate,
    total,
)
from benchmarks.gate.slow_worker import Delay, slow_interpreter
from tests.bench.reports import make_report
from tests.conftest import ROOT
from toolkit.bench.photos import synthetic_photo
from toolkit.bench.prepared import prepare
from toolkit.bench.run import BenchRun
from toolkit.bench.schema import MEASURED_STAGES
from toolkit.bench.variants import Variant
from toolkit.gate.decision import BASE, CONTROL, HEAD, ROLES, GateTimes
from toolkit.gate.plan import Plan
from toolkit.gate.run import GATE
from toolkit.hub.model import resolve_model
from toolkit.portrait import Stage, Stopwatch

UNITS = ("segment", "mask", "whole")


def numbered(rounds: int = 50) -> GateTimes:
    """GateTimes that say which round, contender and unit they are of."""
    round_, role, unit = np.indices((rounds, 3, len(UNITS)))
    times: GateTimes = 1e6 * (1 + round_) + 1e3 * (1 + role) + unit
    return times


def drawn(count: int = 40, seed: int = 0, slowdown: Slowdown | None = None) -> GateTimes:
    random = np.random.default_rng(seed)
    return Resampled(numbered(), UNITS, random, slowdown=slowdown).add(count)


def test_rounds_are_drawn_in_blocks_that_stay_together() -> None:
    rounds = drawn(4 * BLOCK)[:, :, 0].min(axis=1) // 1e6
    blocks = rounds.reshape(4, BLOCK)
    assert (np.diff(blocks, axis=1) == 1).all()
    assert len(set(blocks[:, 0])) > 1


def test_a_block_goes_on_at_the_next_look() -> None:
    whole = drawn(25)
    machine = Resampled(numbered(), UNITS, np.random.default_rng(0))
    parts = np.concatenate([machine.add(count) for count in (9, 5, 11)])
    assert machine.rounds == 25
    assert np.array_equal(np.sort(parts, axis=1)[:BLOCK], np.sort(whole, axis=1)[:BLOCK])
    rounds = parts[:, :, 0].min(axis=1) // 1e6
    assert (np.diff(rounds[:BLOCK]) == 1).all()
    assert (np.diff(rounds[BLOCK : 2 * BLOCK]) == 1).all()


def test_who_is_base_head_and_control_is_drawn_anew_in_each_round() -> None:
    times = drawn(300)
    roles = times[:, :, 0] % 1e6 // 1e3
    assert (np.sort(roles, axis=1) == [1, 2, 3]).all()
    for place in range(3):
        counts = np.unique(roles[:, place], return_counts=True)[1]
        assert counts.min() > 70  # of 100


def test_a_process_keeps_its_stages_together() -> None:
    times = drawn()
    assert (times - times[:, :, :1] == [0, 1, 2]).all()


@pytest.mark.parametrize("stage", ["segment", "mask"])
def test_a_slowdown_lengthens_the_head_in_its_stage_and_the_whole_by_as_much(stage: str) -> None:
    before, after = drawn(), drawn(slowdown=Slowdown(stage, 0.2))
    extra = after - before
    unit, head = UNITS.index(stage), ROLES.index(HEAD)
    assert extra[:, head, unit] == pytest.approx(before[:, head, unit] * 0.2)
    assert extra[:, head, 2] == pytest.approx(extra[:, head, unit])
    extra[:, head, [unit, 2]] = 0
    assert not extra.any()


def test_a_slower_whole_is_lengthened_once() -> None:
    before, after = drawn(), drawn(slowdown=Slowdown("whole", 0.2))
    assert after[:, 1, 2] == pytest.approx(before[:, 1, 2] * 1.2)


def test_a_recording_shorter_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="no block"):
        Resampled(numbered(BLOCK - 1), UNITS, np.random.default_rng(0))


def noisy(noise: str, rounds: int = 2000, spread: float = 0.05) -> GateTimes:
    """Rounds of log-normal noise with one of `NOISES` on top."""
    random = np.random.default_rng(1)
    typical = np.array([2e8, 1e6, 2.01e8])
    times = typical * np.exp(spread * random.standard_normal((rounds, 3, 3)))
    return Resampled(times, UNITS, np.random.default_rng(2), noise=noise).add(rounds)


def test_recorded_noise_is_left_as_it_is() -> None:
    assert spread_of(noisy("recorded")) == pytest.approx([0.05] * 3, rel=0.1)


def test_doubled_noise_is_twice_as_wide() -> None:
    assert spread_of(noisy("doubled")) == pytest.approx([0.1] * 3, rel=0.1)


def test_heavy_tails_reach_much_farther_than_noise_as_wide() -> None:
    plain, heavy = noisy("recorded"), noisy("heavy tails")
    far = [np.abs(np.log(times[:, :, 1] / 1e6)).max() for times in (plain, heavy)]
    assert far[1] > 3 * far[0]
    assert 0.05 < spread_of(heavy)[1] < 0.12
    assert (heavy[:, :, 2] > heavy[:, :, 1]).all()  # what a stage lasts longer the whole does too


def test_drift_slows_later_rounds_and_hits_no_role_more_than_others() -> None:
    times = noisy("drift", rounds=46, spread=0.001)[:, :, 0]
    assert times[27:36].mean() / times[18:27].mean() == pytest.approx(1.3, rel=0.03)
    assert np.log(times[:, 1] / times[:, 0]).mean() == pytest.approx(0, abs=0.02)
    assert np.abs(np.log(times[:, 1] / times[:, 0])).max() > 0.008  # also within a round


def test_bursts_hit_one_process_in_twenty_in_all_its_stages() -> None:
    plain, hit = noisy("recorded", spread=0.001), noisy("bursts", spread=0.001)
    slower = hit / np.median(plain, axis=(0, 1))
    assert (slower.max(axis=(0, 1)) < 2.02).all()
    is_hit = slower > 1.25
    assert is_hit.mean() == pytest.approx(0.05, abs=0.01)
    assert (is_hit.all(axis=2) == is_hit.any(axis=2)).all()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_sees_a_slower_unit_and_no_other(rule: str) -> None:
    times = noisy("recorded", rounds=20, spread=0.02)
    times[:, 1, 1] *= 1.4
    found = RULES[rule](UNITS, Plan(stages=UNITS), times)
    assert [one.slower(0.05) for one in found] == [False, True, False]
    assert found[1].ratio == pytest.approx(1.4, rel=0.05)
    assert found[1].low < 1.4 < found[1].high
    assert [one.control for one in found] == pytest.approx([1] * 3, rel=0.03)


def test_against_one_base_the_control_adds_nothing_to_the_ratio() -> None:
    times = noisy("recorded", rounds=20, spread=0.02)
    times[:, 2] *= 2
    for rule, expected in (("signed ranks", 1 / np.sqrt(2)), ("one base", 1)):
        found = RULES[rule](UNITS, Plan(stages=UNITS), times)
        assert found[0].ratio == pytest.approx(expected, rel=0.03)
        assert found[0].control_fails(0.05)


def still(rounds: int = 30) -> Recording:
    """A recording with hardly any noise."""
    random = np.random.default_rng(0)
    times = 1e8 * np.exp(0.01 * random.standard_normal((rounds, 3, len(MEASURED_STAGES))))
    ones = np.ones((rounds, 3), np.int64)
    took = np.full(rounds, 30.0)
    return Recording({}, 0, MEASURED_STAGES, np.cumsum(took), took, ones, times, ones, ones)


def test_a_simulated_gate_says_what_it_took_and_whom_it_blames() -> None:
    plan = Plan()
    slow = gate(still(), Cell(stage="blur", share=0.2), np.random.default_rng(0), plan)
    rounds = plan.looks[0] + plan.fresh_looks[0]
    assert slow == Outcomes(1, True, False, True, rounds, rounds / 2)
    equal = gate(still(), Cell(), np.random.default_rng(0), plan)
    assert equal == Outcomes(1, False, False, False, plan.looks[0], plan.looks[0] / 2)
    both = total([slow, equal])
    assert (both.gates, both.slower, both.blamed, both.passed) == (2, 1, 1, 1)


def test_the_same_gates_come_out_the_same_however_many_share_the_work() -> None:
    cells = {Cell(): 3, Cell(stage="mask", share=0.2): 2}
    assert dict(simulate(cells, Plan(), workers=1)) == dict(simulate(cells, Plan(), workers=2))


def test_a_quick_simulation_writes_what_tables_and_pictures_read(tmp_path: Path) -> None:
    output = tmp_path / "simulated.json"
    run = module("simulate", "--quick", "--output", str(output))
    assert run.returncode == 0, run.stderr
    assert list(read_simulated(output)) == list(plan_of_cells())


def module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.gate.{name}", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_recording_is_condensed_to_medians_and_read_again(tmp_path: Path) -> None:
    report = make_report({name: [[10, 30, 20], [40, 50, 60]] for name in ROLES})
    lines = tmp_path / "rounds.jsonl"
    documents: list[object] = [{"facts": {"model": {}, "photo": {}, "settings": {}, "host": {}}}]
    for number in range(2):
        processes = {
            times.name: dataclasses.asdict(times.rounds[number]) for times in report.variants
        }
        documents.append({"began": 100.0 + number, "took": 6.0, "roles": processes})
    broken = {name: processes[name] for name in (BASE, HEAD)}
    documents.append({"began": 102.0, "took": 1.0, "roles": broken})
    lines.write_text("".join(json.dumps(document) + "\n" for document in documents))
    small = tmp_path / "noise.json"
    run = module("condense", str(lines), str(small))
    assert run.returncode == 0, run.stderr
    found = read_recording(small)
    assert found.times_of(["whole"])[:, :, 0].tolist() == [[20] * 3, [50] * 3]
    assert found.at.tolist() == [0, 1]
    assert found.minutes == pytest.approx(0.2)
    assert found.failures == 1
    assert found.order.tolist() == [
        [times.rounds[number].order for times in report.variants] for number in range(2)
    ]
    again = tmp_path / "again.json"
    write_recording(again, found)
    assert again.read_text() == small.read_text()


@pytest.mark.parametrize("lines", [[], ['{"facts": {}}']])
def test_what_is_no_recording_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="no recording"):
        condense(lines)


@pytest.mark.parametrize("path", RECORDINGS.values(), ids=RECORDINGS)
def test_the_committed_recordings_are_small_and_long_enough(path: Path) -> None:
    recording = read_recording(path)
    assert path.stat().st_size < 200_000
    assert recording.minutes >= (10 if path == RECORDINGS[FAST] else 60)
    assert recording.failures == 0
    assert recording.facts["settings"]["interleaved"] == (path != RECORDINGS[ALONE])


def test_the_committed_figures_are_of_the_default_plan_and_the_committed_recordings() -> None:
    document = json.loads(SIMULATED.read_text())
    assert document["plan"] == json.loads(json.dumps(dataclasses.asdict(Plan())))
    for name, path in RECORDINGS.items():
        assert document["recordings"][name]["rounds"] == len(read_recording(path).times)
    assert {cell: found.gates for cell, found in read_simulated().items()} == plan_of_cells()


def test_the_gate_keeps_what_it_promises() -> None:
    simulated = read_simulated()
    equal = simulated[Cell()]
    assert equal.gates >= 20_000
    assert equal.slower <= 0.01 * equal.gates
    for stage in PARTS:
        slow = simulated[Cell(stage=stage, share=WANTED)]
        assert slow.blamed >= 0.95 * slow.gates


def test_the_page_has_the_tables_that_follow_from_the_figures() -> None:
    page = tables.PAGE.read_text()
    assert tables.filled(page) == page
    with pytest.raises(ValueError, match="needs these tables"):
        tables.filled(f"{page}\n<!-- table: another -->\n<!-- end -->\n")


def test_the_page_shows_every_picture_of_the_gate() -> None:
    shown = set(re.findall(r"images/(gate-[a-z]+\.svg)", tables.PAGE.read_text()))
    assert shown == {path.name for path in tables.PAGE.parent.glob("images/gate-*")}


def test_the_pictures_are_drawn_from_the_figures(tmp_path: Path) -> None:
    run = module("pictures", str(tmp_path))
    assert run.returncode == 0, run.stderr
    committed = tables.PAGE.parent / "images"
    for path in tmp_path.iterdir():
        assert (committed / path.name).stat().st_size < 400_000
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in committed.glob("gate-*")
    )


def test_real_gates_alternate_and_go_round_the_stages() -> None:
    order = [stage for stage, _ in zip(kinds(0), range(12), strict=False)]
    assert order[::2] == [None] * 6
    assert order[1::2] == [*PARTS, PARTS[0]]
    assert next(kinds(3)) == order[3]


def test_the_measured_share_is_that_of_the_head_within_its_rounds() -> None:
    times = {BASE: [[100], [200]], HEAD: [[120], [240]], CONTROL: [[100], [200]]}
    assert measured_share(make_report(times), "whole") == pytest.approx(0.2)


def test_the_committed_real_gates_can_be_read() -> None:
    for one in read_real():
        assert one.verdict in {"slower", "faster", "same", "inconclusive"}
        assert one.failures == 0


def test_a_delay_lengthens_its_stage_alone_by_the_share_of_its_own_time() -> None:
    delay = Delay("blur", 0.5)
    a_pass: list[Stage] = ["preprocess", "blur", "composite", "blur", "composite"]
    for _ in range(3):
        watch = Stopwatch()
        clock = delay.around(watch)
        inside = 0.0
        for stage in a_pass:
            with clock(stage):
                start = time.perf_counter()
                time.sleep(0.002)
                took = time.perf_counter() - start
            inside += took * (stage == "blur")
        assert watch.seconds["blur"] >= 1.5 * inside


@pytest.mark.slow
def test_the_slow_interpreter_lengthens_its_stage(tmp_path: Path) -> None:
    variants = {
        name: Variant("onnx", python=str(slow_interpreter(tmp_path, "segment", share)))
        for name, share in ((BASE, 0.0), (HEAD, 3.0), (CONTROL, 0.0))
    }
    model = resolve_model("mnv2_dm05_person")
    roles = [
        dataclasses.replace(prepare(model, [variant], folder=tmp_path)[0][0], name=name)
        for name, variant in variants.items()
    ]
    settings = dataclasses.replace(GATE, iterations=5, warmup=2)
    measurement = BenchRun(roles, [synthetic_photo()], settings, folder=tmp_path)
    for _ in range(3):
        measurement.add_round()
    assert not measurement.failures
    times = {one.name: one.rounds for one in measurement.variants}
    head = min(min(one.photos[0].iterations["segment"]) for one in times[HEAD])
    base = min(min(one.photos[0].iterations["segment"]) for one in times[BASE])
    assert head > 2 * base  # four times, were there no noise
