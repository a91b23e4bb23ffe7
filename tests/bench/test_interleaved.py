"""Processes that take turns: one at work at any moment, and what becomes of those that fail."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.bench.stubs import stub_spec
from tests.bench.test_processes import PHOTO, REQUEST
from tests.bench.test_run import QUICK, prepared_variant, run_stubs
from toolkit.backends import BACKENDS
from toolkit.bench import run, worker
from toolkit.bench.processes import WORKER, Death, LivingWorker
from toolkit.bench.run import BenchRun, run_bench
from toolkit.bench.schema import Failure
from toolkit.bench.usage import Usage
from toolkit.bench.variants import Variant
from toolkit.bench.worker import Request, measure
from toolkit.hub.model import resolve_model

INTERLEAVED = dataclasses.replace(QUICK, iterations=3, interleaved=True)
PASSES = 1 + INTERLEAVED.iterations

# Workers without a toolkit: `go` waits for the turn, which is on the pipe that the request names.
SCRIPT = """
import json, os, signal, sys, time
pipe = os.fdopen(json.load(sys.stdin)["slices"])
def go():
    if pipe.readline() != "go\\n":
        sys.exit(3)
def say(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()
go()
say("done")
go()
sys.stderr.write("in the middle\\n")
sys.stderr.flush()
"""


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stub ``logging`` writes what it does."""
    path = tmp_path / "log"
    monkeypatch.setenv("STUB_LOG", str(path))
    return path


def entries(log: Path) -> list[tuple[int, str, float]]:
    """Process, ``begin`` or ``end``, and when; in the order they were written."""
    return [
        (int(process), what, float(when))
        for process, what, when in (line.split() for line in log.read_text().splitlines())
    ]


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_two_work_at_once_and_every_pass_is_there(tmp_path: Path, log: Path) -> None:
    settings = dataclasses.replace(INTERLEAVED, rounds=2, workers=2)
    names = ("logging", "logging_too", "logging_three")
    measurement = run_stubs(tmp_path, *names, settings=settings)
    assert measurement.failures == ()
    for times in measurement.variants:
        assert [round_.round for round_ in times.rounds] == [0, 1]
        for round_ in times.rounds:
            assert {len(each) for each in round_.photos[0].iterations.values()} == {3}
            assert round_.photos[0].throughput is not None
    for number in range(2):
        orders = {times.rounds[number].order for times in measurement.variants}
        assert orders == {0, 1, 2}
    written = entries(log)
    spans: dict[int, list[float]] = {}
    for process, _, when in written:
        spans.setdefault(process, []).append(when)
    assert len(spans) == 2 * len(names)
    # without throughput, whose two threads work in one turn
    single = {process: sorted(whens)[: 2 * PASSES] for process, whens in spans.items()}
    turns = sorted(
        (whens[i], whens[i + 1]) for whens in single.values() for i in range(0, 2 * PASSES, 2)
    )
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(turns))
    # a round's processes are all there before one of them is through
    first = sorted(single, key=lambda process: single[process][0])[: len(names)]
    assert max(single[each][0] for each in first) < min(single[each][-1] for each in first)


def test_the_order_of_turns_is_drawn_anew_for_each_pass(tmp_path: Path, log: Path) -> None:
    settings = dataclasses.replace(INTERLEAVED, iterations=12)
    run_stubs(tmp_path, "logging", "logging_too", settings=settings)
    begun = [process for process, what, _ in entries(log) if what == "begin"]
    passes = {tuple(begun[i : i + 2]) for i in range(0, len(begun), 2)}
    assert len(passes) == 2
    assert all(len(set(each)) == 2 for each in passes)


def test_progress_is_called_once_per_process(tmp_path: Path) -> None:
    names = ("half_person", "no_person", "crash")
    calls = []
    measurement = BenchRun(
        [prepared_variant(tmp_path, name) for name in names],
        [PHOTO],
        INTERLEAVED,
        folder=tmp_path,
        worker=(*WORKER[:-1], "tests.bench.stub_worker"),
    )
    measurement.add_round(lambda: calls.append(1))
    assert len(calls) == len(names)


@pytest.mark.parametrize(
    ("name", "how", "stderr"),
    [
        ("crash", "ended with exit code 7", "warming up\nthe runtime fell over"),
        ("crash_later", "ended with exit code 7", "warming up\nthe runtime fell over"),
        ("killed_later", "died of signal 9 (Killed, as the system does where memory runs out)", ""),
        ("failing", "ended with exit code 3", "the runtime failed; try another"),
    ],
)
def test_what_one_died_of_is_said_and_the_others_finish(
    tmp_path: Path, name: str, how: str, stderr: str
) -> None:
    measurement = run_stubs(tmp_path, "half_person", name, "no_person", settings=INTERLEAVED)
    assert [times.name for times in measurement.variants] == ["half_person", "no_person"]
    for times in measurement.variants:
        assert len(times.rounds[0].photos[0].iterations["whole"]) == INTERLEAVED.iterations
    problem = ": ".join([f"{name}, round 0", how, *stderr.splitlines()[-1:]])
    assert measurement.failures == (Failure(name, 0, problem, stderr),)


def test_one_that_hangs_is_stopped_and_the_others_finish(tmp_path: Path) -> None:
    measurement = run_stubs(
        tmp_path, "hang_later", "half_person", settings=INTERLEAVED, time_limit=4
    )
    assert [times.name for times in measurement.variants] == ["half_person"]
    (failure,) = measurement.failures
    assert failure.problem == "hang_later, round 0: took more than 4 s and was stopped"


def scripted(ending: str, time_limit: float = 60) -> Death:
    """What becomes of a worker that ends so in its second turn."""
    command = (sys.executable, "-c", SCRIPT + ending)
    with LivingWorker(REQUEST, command, time_limit, interleaved=True) as living:
        assert living.next_slice() is None
        outcome = living.next_slice()
    assert isinstance(outcome, Death)
    assert outcome.stderr == "in the middle"
    return outcome


@pytest.mark.parametrize(
    ("ending", "problem"),
    [
        ("sys.exit(9)", "ended with exit code 9: in the middle"),
        ("os.kill(os.getpid(), 15)", "died of signal 15 (Terminated): in the middle"),
        ("say('hello')", "gave no valid reply (Expecting value: line 1 column 1 (char 0)): in the"),
        ("say('hello'); go()", "gave no valid reply (Expecting value: line 1 column 1 (char 0))"),
        ("say('{}'); sys.exit(0)", "gave no valid reply (protocol is missing): in the middle"),
        (
            "say(json.dumps({'protocol': 99}))",
            "its toolkit is newer than this one (worker protocol",
        ),
    ],
)
def test_nonsense_and_deaths_in_the_middle_are_said(ending: str, problem: str) -> None:
    assert scripted(ending).problem.startswith(problem)


def test_the_time_limit_is_on_its_own_turns() -> None:
    command = (sys.executable, "-c", SCRIPT + "say('done'); go(); time.sleep(60)")
    with LivingWorker(REQUEST, command, 2, interleaved=True) as living:
        assert living.next_slice() is None
        time.sleep(2.5)  # waiting doesn't count
        assert living.next_slice() is None
        outcome = living.next_slice()
    assert isinstance(outcome, Death)
    assert outcome.problem == "took more than 2 s and was stopped: in the middle"


def test_the_time_limit_is_on_all_its_turns_together() -> None:
    loop = "\nwhile True:\n    time.sleep(0.3)\n    say('done')\n    go()"
    with LivingWorker(
        REQUEST, (sys.executable, "-c", SCRIPT + loop), 2, interleaved=True
    ) as living:
        outcomes = [living.next_slice() for _ in range(12)]
    assert Death("took more than 2 s and was stopped: in the middle", "in the middle") in outcomes


def test_much_on_stderr_blocks_no_one_and_its_end_is_kept() -> None:
    death = Death("", "")
    command = (
        sys.executable,
        "-c",
        "import sys; sys.stderr.write('x' * 10**6 + 'ü' * 3000 + 'last'); sys.exit(9)",
    )
    with LivingWorker(REQUEST, command, 60, interleaved=True) as living:
        outcome = living.next_slice()
    assert isinstance(outcome, type(death))
    assert outcome.stderr == "ü" * 1996 + "last"


@pytest.mark.parametrize("interleaved", [False, True])
def test_an_interrupt_leaves_no_process_behind(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, interleaved: bool
) -> None:
    settings = dataclasses.replace(INTERLEAVED, interleaved=interleaved)
    passed = LivingWorker.next_slice
    calls = []

    def interrupted(living: LivingWorker) -> object:
        calls.append(living)
        if len(calls) == (6 if interleaved else 2):
            raise KeyboardInterrupt
        return passed(living)

    monkeypatch.setattr(LivingWorker, "next_slice", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_stubs(tmp_path, "logging", "logging_too", settings=settings)
    processes = {process for process, *_ in entries(log)}
    assert len(processes) == (2 if interleaved else 1)
    assert not any(alive(process) for process in processes)


def test_an_interrupt_between_two_outcomes_leaves_no_process_behind(
    tmp_path: Path, log: Path
) -> None:
    measurement = BenchRun(
        [prepared_variant(tmp_path, name) for name in ("crash_later", "logging", "logging_too")],
        [PHOTO],
        INTERLEAVED,
        folder=tmp_path,
        worker=(*WORKER[:-1], "tests.bench.stub_worker"),
    )

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        measurement.add_round(interrupt)
    processes = {process for process, *_ in entries(log)}
    assert len(processes) == 2
    assert not any(alive(process) for process in processes)
    assert caught.tb  # it kept every frame until here, so that none was closed by its end


def test_where_the_parent_is_gone_it_ends_quietly(tmp_path: Path) -> None:
    pipe, parents = os.pipe()
    request = dataclasses.replace(
        REQUEST, backend="half_person", artifact=str(tmp_path), slices=pipe
    )
    started = subprocess.Popen(
        (*WORKER[:-1], "tests.bench.stub_worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[pipe],
    )
    os.close(pipe)
    os.close(parents)
    stdout, stderr = started.communicate(json.dumps(dataclasses.asdict(request)).encode())
    assert (started.returncode, stdout, stderr) == (worker.ORPHANED, b"", b"")


def test_a_worker_that_reads_its_input_to_the_end_gets_one(tmp_path: Path) -> None:
    answer = json.dumps({"protocol": 2})
    code = f"import json, sys; json.load(sys.stdin); print('{answer}'); sys.exit(2)"
    with LivingWorker(REQUEST, (sys.executable, "-c", code), 60, interleaved=True) as living:
        outcome = living.next_slice()
    assert isinstance(outcome, Death)
    assert outcome.problem.startswith("its toolkit is older than this one (worker protocol 2")


def test_what_cant_be_started_is_said(tmp_path: Path) -> None:
    with LivingWorker(REQUEST, (str(tmp_path / "none"),), 60, interleaved=True) as living:
        outcome = living.next_slice()
    assert isinstance(outcome, Death)
    assert "can't be started (No such file or directory)" in outcome.problem


def test_real_processes_take_turns() -> None:
    one = Variant("onnx", threads=1)
    report = run_bench(
        resolve_model("mnv2_dm05_person"), [PHOTO, PHOTO], [Variant("onnx"), one], INTERLEAVED
    )
    assert report.failures == ()
    assert report.settings.interleaved
    for times in report.variants:
        assert [len(each.iterations["whole"]) for each in times.rounds[0].photos] == [3, 3]


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setitem(BACKENDS, "stub", stub_spec("stub", lambda image: image[:, :, 0] // 128))
    np.save(tmp_path / "0.npy", PHOTO.bgr)
    return dataclasses.replace(
        REQUEST,
        backend="stub",
        artifact=str(tmp_path / "net.onnx"),
        photos=(str(tmp_path / "0.npy"),) * 2,
        iterations=4,
        slices=0,
    )


def every_pass_takes(nanoseconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(worker.Left):
        def take(self, spent_ns: int) -> None:
            super().take(max(spent_ns, nanoseconds))

    monkeypatch.setattr(worker, "Left", Slow)


@pytest.mark.parametrize(("took", "turns"), [(worker.SLICE_NS, 4), (worker.SLICE_NS // 2, 2)])
def test_fast_passes_share_a_turn(
    request_: Request, monkeypatch: pytest.MonkeyPatch, took: int, turns: int
) -> None:
    every_pass_takes(took, monkeypatch)
    begun: list[int] = []
    (times,) = measure(
        dataclasses.replace(request_, photos=request_.photos[:1]), lambda: begun.append(1)
    ).measured.photos
    assert len(begun) == turns
    assert len(times.iterations["whole"]) == 4


@pytest.mark.parametrize("slices", [None, 0])
def test_passes_go_on_for_the_seconds_asked_for(request_: Request, slices: int | None) -> None:
    asked = dataclasses.replace(request_, slices=slices, timed_seconds=0.2)
    for times in measure(asked).measured.photos:
        passes = times.iterations["whole"]
        assert sum(passes) >= 0.2e9 > sum(passes[:-1])
        assert {len(values) for values in times.iterations.values()} == {len(passes)}
        assert len(passes) > asked.iterations


def test_slow_passes_are_no_more_than_asked_for(request_: Request) -> None:
    asked = dataclasses.replace(request_, timed_seconds=1e-9)
    assert [len(each.iterations["whole"]) for each in measure(asked).measured.photos] == [4, 4]


def busy(seconds: float) -> Callable[[], None]:
    def work() -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    return work


def test_what_happens_between_turns_is_not_counted(request_: Request) -> None:
    for times in measure(request_, busy(0.2)).measured.photos:
        assert times.cpu_ns < 0.2e9
        assert times.wall_ns is not None
        assert sum(times.iterations["whole"]) <= times.wall_ns < 0.2e9


@pytest.mark.parametrize("workers", [1, 2])
def test_a_turn_is_a_warm_up_a_pass_or_a_throughput(
    request_: Request, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    every_pass_takes(worker.SLICE_NS, monkeypatch)
    turns: list[int] = []
    measure(dataclasses.replace(request_, workers=workers), lambda: turns.append(1))
    each = 4 + (workers > 1)
    assert len(turns) == each + 1 + each


def test_usage_of_two_spans_adds_up() -> None:
    one, two = Usage(1, 2, 3, 4, 5, 6, 7), Usage(10, 20, 30, 40, 50, 60, 70)
    assert one.plus(two) == Usage(11, 22, 33, 44, 55, 66, 77)
    assert one.plus(dataclasses.replace(two, steal_ns=None)).steal_ns is None


def test_before_each_turn_lies_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(run, "time", SimpleNamespace(sleep=pauses.append))
    run_stubs(tmp_path, "logging", "logging_too", settings=INTERLEAVED)
    assert pauses == [run.SLICE_PAUSE] * 2 * PASSES
