"""The parent: fresh processes, one at a time, in a drawn order; what fails is kept apart."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from toolkit.backends import BACKENDS
from toolkit.bench import run
from toolkit.bench.photos import BenchPhoto, default_photo, photo_from, synthetic_photo
from toolkit.bench.run import Contender, measure_backends, run_bench
from toolkit.bench.schema import BackendTimes, Failure, Settings
from toolkit.bench.worker import Request
from toolkit.errors import BackendError, MissingDependencyError, PhotoError, UsageError
from toolkit.media import write_photo
from toolkit.resolve import Model

STUB_WORKER = (*run.WORKER[:-1], "tests.bench.stub_worker")
QUICK = Settings(rounds=1, iterations=2, warmup=0, threads=1)


def photo(height: int = 24, width: int = 32) -> BenchPhoto:
    return BenchPhoto(
        "noise", np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    )


def run_stubs(
    folder: Path, *names: str, settings: Settings = QUICK, time_limit: float = 60
) -> tuple[tuple[BackendTimes, ...], tuple[Failure, ...]]:
    artefact = folder / "net.onnx"
    artefact.write_text("")
    return measure_backends(
        [Contender(name, artefact, "net") for name in names],
        [photo()],
        settings,
        folder=folder,
        worker=STUB_WORKER,
        time_limit=time_limit,
    )


def test_every_backend_runs_once_per_round(tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, rounds=2)
    seen = []
    artefact = tmp_path / "net.onnx"
    times, failures = measure_backends(
        [Contender(name, artefact, "net") for name in ("half_person", "no_person")],
        [photo(), photo(10, 10)],
        settings,
        folder=tmp_path,
        progress=lambda done, total: seen.append((done, total)),
        worker=STUB_WORKER,
    )
    assert failures == ()
    assert [backend.name for backend in times] == ["half_person", "no_person"]
    for backend in times:
        assert [round_.round for round_ in backend.rounds] == [0, 1]
        assert {len(round_.photos) for round_ in backend.rounds} == {2}
    for number in range(2):
        assert {backend.rounds[number].order for backend in times} == {0, 1}
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_order_is_drawn_for_each_round_and_comes_again_with_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def refuse(request: Request, worker: object, time_limit: float) -> Failure:
        started.append(request.backend)
        return Failure(request.backend, request.round, "refused", "")

    monkeypatch.setattr(run, "_run_worker", refuse)
    settings = dataclasses.replace(QUICK, rounds=12)
    assert run_stubs(tmp_path, "a", "b", settings=settings)[0] == ()
    first, started[:] = list(started), []
    run_stubs(tmp_path, "a", "b", settings=settings)
    assert started == first
    rounds = [tuple(first[i : i + 2]) for i in range(0, len(first), 2)]
    assert set(rounds) == {("a", "b"), ("b", "a")}
    started[:] = []
    run_stubs(tmp_path, "a", "b", settings=dataclasses.replace(settings, seed=1))
    assert started != first


@pytest.mark.parametrize(
    ("name", "problem", "stderr"),
    [
        (
            "crash",
            "crash, round 0: ended with exit code 7: the runtime fell over",
            "warming up\nthe runtime fell over",
        ),
        ("killed", "killed, round 0: died of signal 9 (Killed)", ""),
        (
            "failing",
            "failing, round 0: ended with exit code 3: the runtime failed; try another",
            "the runtime failed; try another",
        ),
    ],
)
def test_what_a_process_died_of_is_said_and_the_others_times_are_kept(
    tmp_path: Path, name: str, problem: str, stderr: str
) -> None:
    times, failures = run_stubs(tmp_path, name, "half_person")
    assert [backend.name for backend in times] == ["half_person"]
    assert failures == (Failure(name, 0, problem, stderr),)


def test_a_process_that_hangs_is_stopped(tmp_path: Path) -> None:
    times, failures = run_stubs(tmp_path, "hang", time_limit=3)
    assert times == ()
    assert failures[0].problem == "hang, round 0: took more than 3 s and was stopped"


def test_a_backend_that_dies_in_one_round_keeps_its_other_rounds(tmp_path: Path) -> None:
    times, failures = run_stubs(tmp_path, "once", settings=dataclasses.replace(QUICK, rounds=3))
    assert [round_.round for round_ in times[0].rounds] == [0]
    assert [failure.round for failure in failures] == [1, 2]


def test_a_reply_that_is_none_is_a_failure(tmp_path: Path) -> None:
    _, failures = measure_backends(
        [Contender("onnx", tmp_path / "net.onnx", "net")],
        [photo()],
        QUICK,
        folder=tmp_path,
        worker=(sys.executable, "-c", "print('{}')"),
    )
    assert failures[0].problem == "onnx, round 0: gave no valid reply (version is missing)"


def test_the_folder_it_is_started_in_shadows_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.delenv("PYTHONPATH", raising=False)  # a relative one would be found in there
    monkeypatch.chdir(tmp_path)
    times, failures = run_stubs(tmp_path, "half_person")
    assert failures == ()
    assert times


def onnx_model(tmp_path: Path) -> Model:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not really")
    return Model("net", "onnx", path, "a test's")


def test_where_nothing_was_measured_the_first_reason_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"nothing was measured: onnx, round 0: .*net\.onnx"):
        run_bench(onnx_model(tmp_path), [photo()], ["onnx"], QUICK)


def test_what_a_backend_needs_is_made_before_any_process_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def convert(model: Model, store: object) -> Path:
        events.append("export made")
        path = tmp_path / "made.onnx"
        path.write_bytes(b"bytes")
        return path

    def refuse(request: Request, worker: object, time_limit: float) -> Failure:
        events.append(f"worker runs {Path(request.artefact).name}")
        return Failure(request.backend, request.round, "refused", "")

    monkeypatch.setattr(run, "ensure_export", convert)
    monkeypatch.setattr(run, "_run_worker", refuse)
    with pytest.raises(BackendError, match="refused"):
        run_bench(onnx_model(tmp_path), [photo()], ["onnx"], QUICK)
    assert events == ["export made", "worker runs made.onnx"]


def test_a_backend_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = dataclasses.replace(BACKENDS["tf"], packages=("no_such_runtime",))
    monkeypatch.setitem(BACKENDS, "tf", absent)
    with pytest.raises(MissingDependencyError, match=r"no_such_runtime.*the convert extra"):
        run_bench(onnx_model(tmp_path), [photo()], ["onnx", "tf"], QUICK)


def test_unknown_backends_and_no_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no backend 'openvino'"):
        run_bench(onnx_model(tmp_path), [photo()], ["openvino"], QUICK)
    with pytest.raises(UsageError, match="no photo"):
        run_bench(onnx_model(tmp_path), [], ["onnx"], QUICK)


def test_the_default_photo_is_the_same_every_time() -> None:
    facts = default_photo().facts
    assert (facts.width, facts.height) == (1280, 720)
    assert facts == default_photo().facts


def test_without_scikit_image_a_made_up_photo_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    made_up = default_photo()
    assert made_up.facts == synthetic_photo().facts
    assert made_up.name == "synthetic"
    assert made_up.bgr.shape == (720, 1280, 3)
    assert made_up.bgr.std() > 20


def test_a_photos_hash_is_of_its_pixels(tmp_path: Path) -> None:
    pixels = photo().bgr
    write_photo(tmp_path / "a.png", pixels)
    write_photo(tmp_path / "b.bmp", pixels)
    first, second = photo_from(tmp_path / "a.png").facts, photo_from(tmp_path / "b.bmp").facts
    assert first.sha256 == second.sha256 == photo().facts.sha256
    assert (first.name, first.width, first.height) == ("a.png", 32, 24)
    with pytest.raises(PhotoError):
        photo_from(tmp_path / "none.png")
