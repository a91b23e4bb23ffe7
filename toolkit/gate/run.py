"""A gate on real processes: the contenders made ready, rounds added as the rule asks for them."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from toolkit.bench.photos import BenchPhoto
from toolkit.bench.prepared import PreparedVariant, prepare
from toolkit.bench.processes import TIME_LIMIT
from toolkit.bench.run import BenchRun
from toolkit.bench.schema import BenchReport, BenchSettings, Round, default_baseline
from toolkit.bench.statistics import process_median
from toolkit.bench.variants import Variant
from toolkit.concurrency import Progress
from toolkit.errors import BackendError, UsageError
from toolkit.gate.decision import BASE, CONTROL, HEAD, ROLES, GateTimes, JudgedStage, decide
from toolkit.gate.plan import GROUPS, Plan
from toolkit.gate.result import GateReport, NoVerdictError, StageVerdict, blamed, group_verdicts
from toolkit.host import host_facts
from toolkit.hub.model import Model
from toolkit.hub.store import Store
from toolkit.stats.verdicts import TIMER_RESOLUTION, overall

GATE = BenchSettings(iterations=10, timed_seconds=1.0, warmup=10, interleaved=True)
"""How a gate measures, but for the threads."""

MOST_FAILURES = 3
"""Failed processes after which the gate ends without a verdict."""

Unit = tuple[int | None, str]
"""A photo's place, None for ``load``, and a stage."""


def run_gate(
    model: Model,
    photos: Sequence[BenchPhoto],
    base: Variant,
    head: Variant,
    *,
    plan: Plan | None = None,
    settings: BenchSettings = GATE,
    budget_seconds: float | None = None,
    store: Store | None = None,
    command: Sequence[str] = (),
    time_limit: float = TIME_LIMIT,
    progress: Progress | None = None,
) -> GateReport:
    """Judge whether the head is slower than the base.

    Parameters
    ----------
    model : Model
        Of the variants that name none.
    photos : sequence of BenchPhoto
        One or more.
    base, head : Variant
        May be the same.
    plan : Plan, optional
        By default `Plan()`.
    settings : BenchSettings
        Its rounds and budget are not used: the plan asks for rounds.
    budget_seconds : float, optional
        No look is begun whose rounds would seem to end after these.
    store : Store, optional
        By default the user's.
    command : sequence of str
        Kept in the report.
    time_limit : float
        Seconds one process may work; it is stopped then.
    progress : callable, optional
        Called with (processes done, processes at the plan's last look); a suspicion adds to that.

    Returns
    -------
    GateReport
        Rounds in which a process failed are not judged; the failures stand in its measurement.

    Raises
    ------
    UsageError
        There is no photo, or a backend is in no registry.
    BackendError
        A variant can't run.
    NoVerdictError
        Too many processes failed, or the budget was too short for one look; it keeps the rounds.
    """
    if not photos:
        raise UsageError("no photo to measure on")
    plan = plan or Plan()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    begin = time.monotonic()
    units = _units(plan, len(photos))
    with tempfile.TemporaryDirectory(prefix="toolkit-gate-") as folder:
        measurement = BenchRun(
            _prepared_variants(model, base, head, Path(folder), store),
            photos,
            settings,
            folder=Path(folder),
            time_limit=time_limit,
        )
        rounds = _Rounds(measurement, units, plan, budget_seconds, progress)
        judged = decide([stage for _, stage in units], plan, rounds.add)
    seconds = time.monotonic() - begin
    kept = _kept(measurement, photos, created, command)
    if not judged:
        raise NoVerdictError(*_why_nothing(measurement, budget_seconds), measurement=kept)
    stages = tuple(
        StageVerdict(GROUPS[stage], photo, stage, one)
        for (photo, stage), one in zip(units, judged, strict=True)
    )
    searched = judged[0].search.rounds
    return GateReport(
        verdict=overall(one.judged.verdict for one in stages),
        groups=group_verdicts(stages),
        blamed=blamed(stages),
        stages=stages,
        rounds=searched,
        fresh_rounds=rounds.whole - searched,
        ended=_ended(judged, plan, rounds),
        seconds=seconds,
        plan=plan,
        measurement=kept,
    )


def _kept(
    measurement: BenchRun, photos: Sequence[BenchPhoto], created: str, command: Sequence[str]
) -> BenchReport:
    variants = measurement.variants
    base_is_there = not variants or BASE in {times.name for times in variants}
    return BenchReport(
        created=created,
        command=tuple(command),
        host=host_facts(),
        photos=tuple(photo.facts for photo in photos),
        settings=dataclasses.replace(measurement.settings, rounds=measurement.rounds),
        baseline=BASE if base_is_there else default_baseline(variants),
        variants=variants,
        failures=measurement.failures,
    )


def _units(plan: Plan, photos: int) -> list[Unit]:
    loads: list[Unit] = [(None, stage) for stage in plan.stages if stage == "load"]
    return loads + [
        (photo, stage) for photo in range(photos) for stage in plan.stages if stage != "load"
    ]


def _prepared_variants(
    model: Model, base: Variant, head: Variant, folder: Path, store: Store | None
) -> list[PreparedVariant]:
    ready = {}
    for name, variant in ((BASE, base), (HEAD, head)):
        roles, skipped = prepare(model, [variant], folder=folder, store=store)
        if skipped:
            raise BackendError(f"{name} {skipped[0].variant} can't run: {skipped[0].reason}")
        ready[name] = roles[0]
    ready[CONTROL] = ready[BASE]
    return [dataclasses.replace(ready[name], name=name) for name in ROLES]


class _Rounds:
    """Adds rounds to a measurement, and tells those apart in which every process ended well."""

    def __init__(
        self,
        measurement: BenchRun,
        units: Sequence[Unit],
        plan: Plan,
        budget_seconds: float | None,
        progress: Progress | None,
    ) -> None:
        self.whole = 0
        """Rounds that are judged."""
        self.out_of_time = False
        self._measurement = measurement
        self._units = units
        self._expected = plan.looks[-1] * len(ROLES)
        self._end = None if budget_seconds is None else time.monotonic() + budget_seconds
        self._begin = time.monotonic()
        self._progress = progress
        self._processes = 0

    def add(self, count: int) -> GateTimes | None:
        """Add as many whole rounds; None where the time or the patience with failures is over."""
        found: list[list[list[float]]] = []
        while len(found) < count:
            if self._is_over(count - len(found)):
                return None
            number = self._measurement.rounds
            self._measurement.add_round(self._one_more)
            processes = self._processes_of(number)
            if len(processes) == len(ROLES):
                found.append([self._times(process) for process in processes])
        self.whole += count
        return np.array(found, np.float64)

    def _is_over(self, missing: int) -> bool:
        if len(self._measurement.failures) >= MOST_FAILURES:
            return True
        done = self._measurement.rounds
        if self._end is None:
            return False
        now = time.monotonic()
        each = (now - self._begin) / done if done else 0.0
        self.out_of_time = now + missing * each > self._end
        return self.out_of_time

    def _one_more(self) -> None:
        self._processes += 1
        if self._progress:
            self._progress(self._processes, max(self._processes, self._expected))

    def _processes_of(self, number: int) -> list[Round]:
        by_name = {times.name: times.rounds[-1] for times in self._measurement.variants}
        latest = [by_name[name] for name in ROLES if name in by_name]
        return [process for process in latest if process.round == number]

    def _times(self, process: Round) -> list[float]:
        return [
            max(
                float(process.load_ns) if photo is None else process_median(process, photo, stage),
                TIMER_RESOLUTION,
            )
            for photo, stage in self._units
        ]


def _ended(judged: Sequence[JudgedStage], plan: Plan, rounds: _Rounds) -> str:
    if rounds.out_of_time:
        return "budget"
    return "looks" if judged[0].search.rounds == plan.looks[-1] else "clear"


def _why_nothing(measurement: BenchRun, budget_seconds: float | None) -> tuple[str, str]:
    if measurement.failures:
        first = measurement.failures[0]
        return first.problem, f"{len(measurement.failures)} processes failed; no verdict"
    return (
        f"{budget_seconds:g} s are too short for the first look",
        "give more, or fewer photos or iterations",
    )
