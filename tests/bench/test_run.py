"""The parent: fresh processes, one at a time, in a drawn order; what fails is kept apart."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from toolkit.backends import BACKENDS
from toolkit.bench import prepared, run
from toolkit.bench.photos import BenchPhoto, default_photo, photo_from, synthetic_photo
from toolkit.bench.prepared import PreparedVariant
from toolkit.bench.processes import WORKER, Death
from toolkit.bench.run import BenchRun, run_bench
from toolkit.bench.schema import BenchSettings, Failure, ModelFacts, Skipped, default_baseline
from toolkit.bench.stopping_rule import run_rounds
from toolkit.bench.variants import Variant
from toolkit.bench.worker import Request
from toolkit.errors import BackendError, PhotoError, UsageError
from toolkit.hub.model import Model, resolve_model
from toolkit.imaging import write_photo

STUB_WORKER = (*WORKER[:-1], "tests.bench.stub_worker")
QUICK = BenchSettings(rounds=1, iterations=2, warmup=0, threads=1)


def photo(height: int = 24, width: int = 32) -> BenchPhoto:
    return BenchPhoto(
        "noise", np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    )


def prepared_variant(folder: Path, name: str, *, asked: bool = True) -> PreparedVariant:
    facts = ModelFacts("net", None, "c" * 64)
    return PreparedVariant(name, Variant(name), folder / "net.onnx", facts, asked=asked)


def run_stubs(
    folder: Path,
    *names: str,
    settings: BenchSettings = QUICK,
    time_limit: float = 60,
    asked: bool = True,
) -> BenchRun:
    (folder / "net.onnx").write_text("")
    measurement = BenchRun(
        [prepared_variant(folder, name, asked=asked) for name in names],
        [photo()],
        settings,
        folder=folder,
        worker=STUB_WORKER,
        time_limit=time_limit,
    )
    run_rounds(measurement, default_baseline)
    return measurement


def test_every_variant_runs_once_per_round(tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, rounds=2)
    seen = []
    measurement = BenchRun(
        [prepared_variant(tmp_path, name) for name in ("half_person", "no_person")],
        [photo(), photo(10, 10)],
        settings,
        folder=tmp_path,
        worker=STUB_WORKER,
    )
    ended = run_rounds(
        measurement, default_baseline, progress=lambda done, total: seen.append((done, total))
    )
    assert ended == "rounds"
    assert measurement.failures == ()
    assert [times.name for times in measurement.variants] == ["half_person", "no_person"]
    for times in measurement.variants:
        assert times.model == ModelFacts("net", None, "c" * 64)
        assert [round_.round for round_ in times.rounds] == [0, 1]
        assert {len(round_.photos) for round_ in times.rounds} == {2}
    for number in range(2):
        assert {times.rounds[number].order for times in measurement.variants} == {0, 1}
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    measurement.add_round()
    assert [len(times.rounds) for times in measurement.variants] == [3, 3]


def refusals(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Have every worker refuse; what they were asked is in the list."""
    asked: list[Request] = []

    def refuse(request: Request, *_: object, **__: object) -> Death:
        asked.append(request)
        return Death("refused")

    monkeypatch.setattr(run, "run_worker", refuse)
    return asked


def test_the_order_is_drawn_for_each_round_and_comes_again_with_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = refusals(monkeypatch)

    def started(settings: BenchSettings) -> list[str]:
        asked.clear()
        assert run_stubs(tmp_path, "a", "b", settings=settings).variants == ()
        return [request.backend for request in asked]

    monkeypatch.setattr(run, "GIVE_UP", 99)
    settings = dataclasses.replace(QUICK, rounds=12)
    first = started(settings)
    assert started(settings) == first
    rounds = [tuple(first[i : i + 2]) for i in range(0, len(first), 2)]
    assert set(rounds) == {("a", "b"), ("b", "a")}
    assert started(dataclasses.replace(settings, seed=1)) != first


@pytest.mark.parametrize(
    ("name", "problem", "stderr"),
    [
        (
            "crash",
            "crash, round 0: ended with exit code 7: the runtime fell over",
            "warming up\nthe runtime fell over",
        ),
        (
            "killed",
            "killed, round 0: died of signal 9 (Killed, as the system does where memory runs out)",
            "",
        ),
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
    measurement = run_stubs(tmp_path, name, "half_person")
    assert [times.name for times in measurement.variants] == ["half_person"]
    assert measurement.failures == (Failure(name, 0, problem, stderr),)


def test_a_process_that_hangs_is_stopped(tmp_path: Path) -> None:
    measurement = run_stubs(tmp_path, "hang", time_limit=3)
    assert measurement.variants == ()
    assert measurement.failures[0].problem == "hang, round 0: took more than 3 s and was stopped"


def test_what_nobody_asked_for_and_its_backend_refuses_is_skipped(tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, rounds=2)
    measurement = run_stubs(tmp_path, "failing", "half_person", settings=settings, asked=False)
    assert measurement.skipped == (
        Skipped("failing", "the runtime failed; try another", asked=False),
    )
    assert measurement.failures == ()
    assert [len(times.rounds) for times in measurement.variants] == [2]


def test_what_nobody_asked_for_and_crashes_is_a_failure(tmp_path: Path) -> None:
    measurement = run_stubs(tmp_path, "crash", asked=False)
    assert measurement.skipped == ()
    assert measurement.failures[0].problem.startswith("crash, round 0: ended with exit code 7")


def test_a_variant_that_dies_in_one_round_keeps_its_other_rounds(tmp_path: Path) -> None:
    measurement = run_stubs(tmp_path, "once", settings=dataclasses.replace(QUICK, rounds=3))
    assert [round_.round for round_ in measurement.variants[0].rounds] == [0]
    assert [failure.round for failure in measurement.failures] == [1, 2]


def test_a_variant_that_only_fails_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = refusals(monkeypatch)
    measurement = run_stubs(tmp_path, "a", settings=dataclasses.replace(QUICK, rounds=12))
    assert len(asked) == len(measurement.failures) == run.GIVE_UP
    assert measurement.running == 0


def test_the_folder_it_is_started_in_shadows_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.delenv("PYTHONPATH", raising=False)  # a relative one would be found in there
    monkeypatch.chdir(tmp_path)
    measurement = run_stubs(tmp_path, "half_person")
    assert measurement.failures == ()
    assert measurement.variants


def onnx_model(tmp_path: Path) -> Model:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not really")
    return Model("net", "onnx", path, "a test's")


def test_where_nothing_was_measured_the_first_reason_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"nothing was measured: onnx, round 0: .*net\.onnx"):
        run_bench(onnx_model(tmp_path), [photo()], [Variant("onnx")], QUICK)


def test_what_a_variant_needs_is_made_before_any_process_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = refusals(monkeypatch)

    def convert(model: Model, backend: str, *, store: object) -> Path:
        assert not asked
        assert backend == "onnx"
        path = tmp_path / f"{model.name}.made.onnx"
        path.write_bytes(b"bytes")
        return path

    monkeypatch.setattr(prepared, "ensure_artifact", convert)
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another")
    variants = [Variant("onnx", threads=3, provider="CPU"), Variant("onnx", model=str(other))]
    with pytest.raises(BackendError, match="refused"):
        run_bench(onnx_model(tmp_path), [photo()], variants, QUICK)
    by_file = {Path(request.artifact).name: request for request in asked}
    assert set(by_file) == {"net.made.onnx", "other.made.onnx"}
    assert (by_file["net.made.onnx"].threads, by_file["net.made.onnx"].provider) == (3, "CPU")
    assert (by_file["other.made.onnx"].threads, by_file["other.made.onnx"].provider) == (1, None)


def without_tf(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = dataclasses.replace(BACKENDS["tf"], packages=("no_such_runtime",))
    monkeypatch.setitem(BACKENDS, "tf", absent)


def test_what_cant_run_is_skipped_with_its_reason_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_tf(monkeypatch)
    asked = [
        Variant("tf"),
        Variant("onnx"),
        Variant("onnx", model="nowhere.onnx"),
        Variant("onnx", python="nowhere/python"),
    ]
    also = [Variant("onnx"), Variant("tf"), Variant("tf", threads=1)]
    report = run_bench(resolve_model("mnv2_dm05_person"), [photo()], asked, QUICK, also=also)
    assert [times.name for times in report.variants] == ["onnx"]
    assert report.baseline == "onnx"
    assert report.failures == ()
    reasons = {item.variant: item for item in report.skipped}
    assert list(reasons)[:3] == ["tf", "onnx:nowhere.onnx", "onnx@python=nowhere/python"]
    assert "the convert extra" in reasons["tf"].reason
    assert "no such file" in reasons["onnx:nowhere.onnx"].reason
    assert "no such interpreter" in reasons["onnx@python=nowhere/python"].reason
    assert [reasons[name].asked for name in ("tf", "tf@threads=1")] == [True, False]


def test_the_baseline_is_measured_too_and_the_models_hashes_are_kept() -> None:
    found = resolve_model("mnv2_dm05_person")
    one = Variant("onnx", threads=1)
    report = run_bench(found, [photo()], [Variant("onnx")], QUICK, baseline=one)
    assert report.baseline == "onnx@threads=1"
    assert [times.name for times in report.variants] == ["onnx", "onnx@threads=1"]
    assert {times.model.graph_sha256 for times in report.variants} == {found.graph().sha256}


@pytest.mark.tensorflow
def test_an_onnx_file_runs_on_tensorflow_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals(monkeypatch)
    with pytest.raises(BackendError, match="refused"):
        run_bench(onnx_model(tmp_path), [photo()], [Variant("onnx")], QUICK, also=[Variant("tf")])
    _, skipped = prepared.prepare(
        onnx_model(tmp_path), [], [Variant("onnx"), Variant("tf")], folder=tmp_path
    )
    assert [(item.variant, item.asked) for item in skipped] == [("tf", False)]
    assert "is an ONNX file" in skipped[0].reason


def test_unknown_backends_and_no_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no backend 'no_such'"):
        run_bench(onnx_model(tmp_path), [photo()], [Variant("no_such")], QUICK)
    with pytest.raises(UsageError, match="no photo"):
        run_bench(onnx_model(tmp_path), [], [Variant("onnx")], QUICK)


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
