"""The worker: what it times, on which work, and how it replies from a process of its own."""

from __future__ import annotations

import dataclasses
import gc
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.bench.stubs import Labeling, StubBackend, half_person, no_person, stub_spec
from tests.conftest import ROOT
from toolkit.backends import BACKENDS
from toolkit.bench import warmup
from toolkit.bench.schema import MEASURED_STAGES
from toolkit.bench.worker import PROTOCOL, Reply, Request, measure, read_request
from toolkit.errors import BackendError, UsageError
from toolkit.schema.records import read_record


@pytest.fixture(autouse=True)
def opencv_threads() -> Iterator[None]:
    """OpenCV's pool as it was: the worker sets it for its whole process."""
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    sizes = ((60, 80), (31, 47))
    for number, size in enumerate(sizes):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        np.save(tmp_path / f"{number}.npy", pixels)
    return Request(
        protocol=PROTOCOL,
        backend="stub",
        artifact=str(tmp_path / "net.onnx"),
        model="net",
        labels=None,
        trusted=False,
        photos=tuple(str(tmp_path / f"{number}.npy") for number in range(len(sizes))),
        round=4,
        order=1,
        iterations=6,
        warmup=3,
        warmup_seconds=None,
        threads=1,
        workers=1,
        provider=None,
        kernel=13,
        subject="person",
    )


def register(monkeypatch: pytest.MonkeyPatch, label: Labeling) -> list[StubBackend]:
    opened: list[StubBackend] = []
    monkeypatch.setitem(BACKENDS, "stub", stub_spec("stub", label, opened))
    return opened


def test_every_stage_of_every_pass_is_timed(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    opened = register(monkeypatch, half_person)
    reply = measure(request_)
    assert (reply.version, reply.provider, reply.threads) == ("1.2.3", "stub", 1)
    round_ = reply.measured
    assert (round_.round, round_.order) == (4, 1)
    assert [times.photo for times in round_.photos] == [0, 1]
    for times in round_.photos:
        assert set(times.iterations) == set(MEASURED_STAGES)
        assert {len(values) for values in times.iterations.values()} == {6}
        assert len(times.warmup_ns) == 3
        assert times.first_ns > 0
        assert times.cpu_ns > 0
        for one_pass in range(6):
            stages = [
                times.iterations[stage][one_pass] for stage in MEASURED_STAGES if stage != "whole"
            ]
            assert all(stage > 0 for stage in stages)
            assert times.iterations["whole"][one_pass] >= sum(stages)
    assert opened[0].calls == 2 * (1 + 3 + 6)
    assert opened[0].closed
    assert round_.max_rss_bytes is None or round_.max_rss_bytes > 2**20


def test_the_garbage_collector_stands_still_only_during_timed_passes(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    opened = register(monkeypatch, half_person)
    measure(request_)
    assert opened[0].collecting == 2 * ([True] * 4 + [False] * 6)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_without_the_subject_the_commonest_label_is_cut_out_instead(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    register(monkeypatch, no_person)
    for times in measure(request_).measured.photos:
        assert not times.subject_found
        assert times.subject == 1
        assert min(times.iterations["blur"]) > 0
        assert min(times.iterations["composite"]) > 0


@pytest.mark.parametrize(
    ("subject", "found"), [("person", True), ("2", True), ("cat", False), ("unicorn", False)]
)
def test_the_subject_is_a_name_or_number_of_the_network(
    monkeypatch: pytest.MonkeyPatch, request_: Request, subject: str, found: bool
) -> None:
    register(monkeypatch, half_person)
    times = measure(dataclasses.replace(request_, subject=subject)).measured.photos[0]
    assert times.subject_found is found
    if found:
        assert times.subject == 2


def test_what_was_used_during_the_timed_passes_is_counted(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    register(monkeypatch, half_person)
    for times in measure(request_).measured.photos:
        assert times.wall_ns is not None
        assert times.wall_ns >= sum(times.iterations["whole"])
        assert times.cpu_ns_per_photo == times.cpu_ns / 6
        for count in (times.voluntary_switches, times.involuntary_switches, times.minor_faults):
            assert count is not None
            assert count >= 0
        assert times.major_faults is not None
        assert times.steal_ns is None or times.steal_ns >= 0


def test_warm_ups_end_when_the_passes_are_steady(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    register(monkeypatch, half_person)
    monkeypatch.setattr(warmup, "TOLERANCE", 1e9)
    for times in measure(dataclasses.replace(request_, warmup=50)).measured.photos:
        assert len(times.warmup_ns) == 2 * warmup.WINDOW
        assert times.warmed_up is True
    for times in measure(request_).measured.photos:
        assert times.warmed_up is None  # three passes can't tell


def test_threads_that_share_the_session_are_timed_apart(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    opened = register(monkeypatch, half_person)
    reply = measure(dataclasses.replace(request_, workers=4))
    for times in reply.measured.photos:
        assert times.throughput is not None
        assert (times.throughput.workers, times.throughput.passes) == (4, 8)
        assert times.throughput.photos_per_second > 0
        assert {len(values) for values in times.iterations.values()} == {6}
    assert opened[0].calls == 2 * (1 + 3 + 6 + 4 + 8)
    assert measure(request_).measured.photos[0].throughput is None


def test_the_backend_is_told_its_provider_and_refuses_one_it_lacks(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    opened = register(monkeypatch, half_person)
    assert measure(dataclasses.replace(request_, provider="stub")).provider == "stub"
    with pytest.raises(BackendError, match=r"no provider 'GPU' here; available: stub$"):
        measure(dataclasses.replace(request_, provider="GPU"))
    assert len(opened) == 1


def test_the_reply_says_whose_packages_ran(
    monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    register(monkeypatch, half_person)
    reply = measure(request_)
    assert reply.python == platform.python_version()
    assert reply.versions["numpy"] == np.__version__


@pytest.mark.parametrize("protocol", [None, 1, PROTOCOL + 1, "2"])
def test_a_request_in_another_protocol_is_refused_in_one_line(
    request_: Request, protocol: object
) -> None:
    document = {**dataclasses.asdict(request_), "protocol": protocol}
    with pytest.raises(UsageError, match=rf"protocol .*{protocol}.*speaks {PROTOCOL}$") as caught:
        read_request(document)
    assert "\n" not in str(caught.value)


def test_what_is_no_request_is_refused(request_: Request) -> None:
    with pytest.raises(UsageError, match="protocol None"):
        read_request([])
    with pytest.raises(UsageError, match="no valid request: backend is missing"):
        read_request({"protocol": PROTOCOL})
    known = json.loads(json.dumps(dataclasses.asdict(request_)))
    assert read_request({**known, "later": 1}) == request_


def test_a_backend_that_is_not_registered_is_refused(request_: Request) -> None:
    with pytest.raises(UsageError, match="no backend 'stub'"):
        measure(request_)


def start(request: Request, backend: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench.stub_worker"],
        input=json.dumps(dataclasses.asdict(dataclasses.replace(request, backend=backend))),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def test_stdout_is_the_reply_alone_whatever_libraries_print(request_: Request) -> None:
    done = start(request_, "chatty")
    document: Any = json.loads(done.stdout)
    assert read_record(Reply, document).measured.round == 4
    assert "a library greets the world" in done.stderr


def test_an_error_of_the_family_is_one_line_and_its_exit_code(request_: Request) -> None:
    done = start(request_, "failing")
    assert done.returncode == 3
    assert json.loads(done.stdout) == {"protocol": PROTOCOL}
    assert done.stderr.strip().splitlines()[-1] == "the runtime failed; try another"
