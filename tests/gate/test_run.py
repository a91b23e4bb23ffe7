"""The gate on a measurement: which rounds count, when it ends, what it reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from tests.bench.reports import make_round
from toolkit.bench.photos import BenchPhoto
from toolkit.bench.prepared import PreparedVariant
from toolkit.bench.schema import BenchSettings, Failure, Round, VariantTimes
from toolkit.bench.variants import Variant
from toolkit.errors import BackendError, UsageError
from toolkit.gate import run
from toolkit.gate.plan import CORE, MODEL, Plan
from toolkit.gate.result import GateReport
from toolkit.gate.run import GATE, run_gate
from toolkit.hub.model import resolve_model
from toolkit.stats.verdicts import Verdict

PHOTO = BenchPhoto("noise", np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
PLAN = Plan(stages=("segment", "mask"))
BASE, HEAD = Variant("onnx", threads=1), Variant("onnx", threads=2)
SLOW_MASK = {"mask": 1.5, "whole": 1.5}


class FakeMeasurement:
    """Rounds without processes.

    The head takes `slowdown` times as long, by stage; `dies` holds the contender and round of
    each process that does.
    """

    made: FakeMeasurement
    slowdown: Mapping[str, float] = MappingProxyType({})
    dies: frozenset[tuple[str, int]] = frozenset()
    takes: float = 0.0
    now: float = 0.0

    def __init__(
        self,
        prepared_variants: Sequence[PreparedVariant],
        photos: Sequence[BenchPhoto],
        settings: BenchSettings,
        *,
        folder: Path,  # noqa: ARG002 - as the real one is called
        time_limit: float,  # noqa: ARG002 - likewise
    ) -> None:
        type(self).made = self
        self.prepared_variants = prepared_variants
        self.settings = settings
        self.rounds = 0
        self.failures: tuple[Failure, ...] = ()
        self._photos = len(photos)
        self._done: dict[str, list[Round]] = {one.name: [] for one in prepared_variants}
        self._random = np.random.default_rng(0)

    @property
    def variants(self) -> tuple[VariantTimes, ...]:
        return tuple(
            VariantTimes(
                one.name, one.variant, one.model, "1", "CPU", 1, "3.11.9", {}, tuple(rounds)
            )
            for one in self.prepared_variants
            if (rounds := self._done[one.name])
        )

    def add_round(self, ended: Callable[[], None]) -> None:
        for one in self.prepared_variants:
            if (one.name, self.rounds) in self.dies:
                failure = Failure(one.name, self.rounds, f"{one.name} died", "its last words")
                self.failures += (failure,)
            else:
                self._done[one.name].append(self._round(one.name))
            ended()
        self.rounds += 1
        type(self).now += self.takes

    def _round(self, name: str) -> Round:
        made = make_round(self.rounds, (1, 1), self._photos)
        slowdown = self.slowdown if name == "head" else {}

        def times(stage: str) -> tuple[int, ...]:
            typical = 1e8 * slowdown.get(stage, 1.0) * np.exp(self._random.normal(0, 0.01))
            return (int(typical), int(typical))

        photos = tuple(
            dataclasses.replace(
                photo, iterations={stage: times(stage) for stage in photo.iterations}
            )
            for photo in made.photos
        )
        return dataclasses.replace(made, photos=photos)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeMeasurement]:
    class Fake(FakeMeasurement):
        pass

    monkeypatch.setattr(run, "BenchRun", Fake)
    monkeypatch.setattr("toolkit.gate.run.time.monotonic", lambda: Fake.now)
    return Fake


def gate(plan: Plan = PLAN, photos: int = 1, **options: Any) -> GateReport:
    model = resolve_model("mnv2_dm05_person")
    return run_gate(model, [PHOTO] * photos, BASE, HEAD, plan=plan, **options)


def test_the_control_is_the_base_again_under_another_name(fake: type[FakeMeasurement]) -> None:
    report = gate()
    base, head, control = fake.made.prepared_variants
    assert [one.name for one in (base, head, control)] == ["base", "head", "control"]
    assert control == dataclasses.replace(base, name="control")
    assert (base.variant, head.variant) == (BASE, HEAD)
    assert [times.name for times in report.measurement.variants] == ["base", "head", "control"]


def test_equal_code_passes_at_the_first_look(fake: type[FakeMeasurement]) -> None:
    report = gate()
    assert (report.verdict, report.ended, report.blamed) == (Verdict.SAME, "clear", ())
    assert report.groups == {MODEL: Verdict.SAME, CORE: Verdict.SAME}
    assert (report.rounds, report.fresh_rounds) == (PLAN.looks[0], 0)
    assert report.measurement.settings.rounds == PLAN.looks[0]
    assert report.measurement.settings.interleaved


def test_a_slower_stage_is_blamed_and_the_other_group_is_not(fake: type[FakeMeasurement]) -> None:
    fake.slowdown = SLOW_MASK
    report = gate(dataclasses.replace(PLAN, stages=("segment", "mask", "whole")))
    assert report.verdict is Verdict.SLOWER
    assert report.groups == {
        MODEL: Verdict.SAME,
        CORE: Verdict.SLOWER,
        "whole": Verdict.SLOWER,
    }
    assert [(one.group, one.photo, one.stage) for one in report.blamed] == [(CORE, 0, "mask")]
    assert report.fresh_rounds == PLAN.fresh_looks[0]
    assert len(report.measurement.variants[0].rounds) == report.rounds + report.fresh_rounds


def test_time_between_the_stages_is_blamed_on_the_whole(fake: type[FakeMeasurement]) -> None:
    fake.slowdown = {"whole": 1.5}
    report = gate(Plan())
    assert [one.stage for one in report.blamed] == ["whole"]


def test_every_photo_is_judged_and_loading_once(fake: type[FakeMeasurement]) -> None:
    report = gate(Plan(stages=("load", "first", "blur")), photos=2)
    assert [(one.photo, one.stage) for one in report.stages] == [
        (None, "load"),
        (0, "first"),
        (0, "blur"),
        (1, "first"),
        (1, "blur"),
    ]


@pytest.mark.parametrize("name", ["base", "head", "control"])
def test_a_round_in_which_a_process_died_does_not_count(
    fake: type[FakeMeasurement], name: str
) -> None:
    fake.dies = frozenset({(name, 3)})
    report = gate()
    assert report.rounds == PLAN.looks[0]
    assert report.measurement.settings.rounds == PLAN.looks[0] + 1
    assert [failure.variant for failure in report.measurement.failures] == [name]
    rounds = {times.name: len(times.rounds) for times in report.measurement.variants}
    assert rounds.pop(name) == PLAN.looks[0]
    assert set(rounds.values()) == {PLAN.looks[0] + 1}


def test_a_variant_that_never_ends_well_ends_the_gate_with_its_last_words(
    fake: type[FakeMeasurement],
) -> None:
    fake.dies = frozenset(("head", number) for number in range(99))
    with pytest.raises(BackendError, match="head died"):
        gate()
    assert fake.made.rounds == run.MOST_FAILURES


def test_no_look_is_begun_that_would_end_after_the_budget(fake: type[FakeMeasurement]) -> None:
    fake.takes = 10
    fake.slowdown = SLOW_MASK
    report = gate(budget_seconds=10 * PLAN.looks[0] + 5)
    assert report.ended == "budget"
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.fresh_rounds == 0
    assert report.seconds == 10 * (PLAN.looks[0])


def test_a_budget_too_short_for_one_look_is_said(fake: type[FakeMeasurement]) -> None:
    fake.takes = 10
    with pytest.raises(BackendError, match="too short for the first look"):
        gate(budget_seconds=30)
    assert fake.made.rounds == 1  # as long as it did not know how long one takes


def test_progress_counts_processes_to_the_last_look(fake: type[FakeMeasurement]) -> None:
    seen: list[tuple[int, int | None]] = []
    gate(progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (1, 3 * PLAN.looks[-1])
    assert seen[-1][0] == 3 * PLAN.looks[0]


def test_nothing_to_measure_on_is_said(fake: type[FakeMeasurement]) -> None:
    with pytest.raises(UsageError, match="no photo"):
        gate(photos=0)


def test_a_variant_that_cant_be_made_ready_is_named(fake: type[FakeMeasurement]) -> None:
    head = Variant("onnx", model="missing.onnx")
    with pytest.raises(BackendError, match=r"^head onnx:missing\.onnx can't run: "):
        run_gate(resolve_model("mnv2_dm05_person"), [PHOTO], BASE, head)


@pytest.mark.slow
def test_a_gate_of_real_processes_comes_to_a_verdict() -> None:
    plan = Plan(looks=(6,), fresh_looks=(6,), threshold=0.5, floor_ms=50)
    settings = dataclasses.replace(GATE, iterations=3, warmup=2)
    report = run_gate(
        resolve_model("mnv2_dm05_person"), [PHOTO], BASE, BASE, plan=plan, settings=settings
    )
    assert report.verdict is not Verdict.SLOWER
    assert {len(times.rounds) for times in report.measurement.variants} == {report.rounds}
