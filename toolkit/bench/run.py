"""The parent of a measurement: fresh processes, round by round, never two at work at once."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from toolkit.bench.photos import BenchPhoto
from toolkit.bench.prepared import PreparedVariant, prepare
from toolkit.bench.processes import MODULE, TIME_LIMIT, WORKER, Death, LivingWorker, run_worker
from toolkit.bench.schema import (
    BenchReport,
    BenchSettings,
    Failure,
    Skipped,
    VariantTimes,
    default_baseline,
)
from toolkit.bench.stopping_rule import run_rounds
from toolkit.bench.variants import Variant
from toolkit.bench.worker import PROTOCOL, Reply, Request
from toolkit.concurrency import Progress
from toolkit.errors import BackendError, UsageError
from toolkit.host import host_facts
from toolkit.hub.model import Model
from toolkit.hub.store import Store

GIVE_UP = 3
"""Processes of one variant that failed, none having ended well, after which no more is started."""

SLICE_PAUSE = 0.010
"""Seconds before each turn: thread pools spin for some milliseconds after a pass before they sleep,
and would take a core from whose turn it is."""

Outcomes = Generator[tuple[PreparedVariant, Reply | Death], None, None]


def run_bench(
    model: Model,
    photos: Sequence[BenchPhoto],
    variants: Sequence[Variant],
    settings: BenchSettings,
    *,
    also: Sequence[Variant] = (),
    baseline: Variant | None = None,
    store: Store | None = None,
    command: Sequence[str] = (),
    time_limit: float = TIME_LIMIT,
    progress: Progress | None = None,
) -> BenchReport:
    """Measure variants, each in fresh processes, never two of them at work at once.

    What they need is made before the clock runs: where there is no ONNX export the graph is
    converted first.

    Parameters
    ----------
    model : Model
        Of the variants that name none.
    photos : sequence of BenchPhoto
        One or more.
    variants : sequence of Variant
        Asked for by name.
    settings : BenchSettings
    also : sequence of Variant
        Measured where they can be; see `toolkit.bench.prepared.all_variants`.
    baseline : Variant, optional
        What ratios are to; measured too. By default the first on ``tf``, else the first.
    store : Store, optional
        By default the user's.
    command : sequence of str
        Kept in the report.
    time_limit : float
        Seconds one process may work; it is stopped then.
    progress : callable, optional
        Called with (processes done, processes in all as it looks now).

    Returns
    -------
    BenchReport
        What could not be run is among `skipped`, processes that failed among `failures`; the
        others' times are kept.

    Raises
    ------
    UsageError
        There is no photo, or a backend is in no registry.
    BackendError
        No process ended well.
    """
    if not photos:
        raise UsageError("no photo to measure on")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    asked = [*variants, *([baseline] if baseline else [])]
    with tempfile.TemporaryDirectory(prefix="toolkit-bench-") as folder:
        prepared_variants, skipped = prepare(model, asked, also, folder=Path(folder), store=store)
        measurement = BenchRun(
            prepared_variants, photos, settings, folder=Path(folder), time_limit=time_limit
        )
        ended = run_rounds(
            measurement, lambda so_far: _baseline(so_far, baseline), progress=progress
        )
    measured = measurement.variants
    skipped += measurement.skipped
    if not measured:
        reasons = [failure.problem for failure in measurement.failures]
        reasons += [f"{item.variant}: {item.reason}" for item in skipped]
        raise BackendError(f"nothing was measured: {reasons[0] if reasons else 'no variant'}")
    return BenchReport(
        created=created,
        command=tuple(command),
        host=host_facts(),
        photos=tuple(photo.facts for photo in photos),
        settings=settings,
        baseline=_baseline(measured, baseline),
        variants=measured,
        ended=ended,
        skipped=skipped,
        failures=measurement.failures,
    )


def _baseline(variants: Sequence[VariantTimes], asked: Variant | None) -> str:
    """Return what ratios are to: what was asked for, if it was measured."""
    asked_for = str(asked)
    return (
        asked_for if asked_for in {times.name for times in variants} else default_baseline(variants)
    )


class BenchRun:
    """Rounds of the same contenders; more can be added at any time.

    Parameters
    ----------
    prepared_variants : sequence of PreparedVariant
        No name twice.
    photos : sequence of BenchPhoto
    settings : BenchSettings
    folder : Path
        An existing one, kept until the last round; the decoded photos are put there for the
        workers.
    worker : sequence of str
        The command that starts a worker of this interpreter.
    time_limit : float
        Seconds one process may work.
    """

    def __init__(
        self,
        prepared_variants: Sequence[PreparedVariant],
        photos: Sequence[BenchPhoto],
        settings: BenchSettings,
        *,
        folder: Path,
        worker: Sequence[str] = WORKER,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self.settings = settings
        self.rounds = 0
        """Rounds run so far."""
        self._prepared_variants = list(prepared_variants)
        self._worker = worker
        self._time_limit = time_limit
        self._draw = random.Random(settings.seed)  # noqa: S311 - an order to repeat, not a secret
        self._replies: dict[str, list[Reply]] = {each.name: [] for each in prepared_variants}
        self._all = {each.name: each for each in prepared_variants}
        self._failures: list[Failure] = []
        self._skipped: list[Skipped] = []
        self._pixels = []
        for number, photo in enumerate(photos):
            path = folder / f"photo{number}.npy"
            np.save(path, photo.bgr, allow_pickle=False)
            self._pixels.append(str(path))

    @property
    def variants(self) -> tuple[VariantTimes, ...]:
        """What was measured so far, in the contenders' order; only those with a round."""
        return tuple(
            _collect(self._all[name], replies) for name, replies in self._replies.items() if replies
        )

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Processes that did not end well so far."""
        return tuple(self._failures)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Contenders nobody asked for by name whose backend refused in their first round."""
        return tuple(self._skipped)

    @property
    def running(self) -> int:
        """How many variants a round has: those that were not left out or given up."""
        return len(self._prepared_variants)

    def add_round(self, ended: Callable[[], None] | None = None) -> None:
        """Run every contender once, in an order drawn anew; `ended` is called after each."""
        order = self._draw.sample(self._prepared_variants, len(self._prepared_variants))
        outcomes = (
            self._interleaved(order) if self.settings.interleaved else self._one_by_one(order)
        )
        with closing(outcomes):  # an interrupt in here leaves no process behind
            for prepared, outcome in outcomes:
                self._keep(prepared, outcome)
                if ended:
                    ended()
        self.rounds += 1

    def _one_by_one(self, order: Sequence[PreparedVariant]) -> Outcomes:
        for place, prepared in enumerate(order):
            request = self._request(prepared, place)
            command, foreign = self._command(prepared)
            yield prepared, run_worker(request, command, self._time_limit, foreign=foreign)

    def _interleaved(self, order: Sequence[PreparedVariant]) -> Outcomes:
        """Let all be there at once, and each work in its turn; it is started in its first."""
        living: dict[str, LivingWorker] = {}
        pending = list(enumerate(order))
        with ExitStack() as stack:
            while pending:
                waiting = []
                for place, prepared in pending:
                    time.sleep(SLICE_PAUSE)
                    worker = living.get(prepared.name)
                    if worker is None:
                        request = self._request(prepared, place)
                        command, foreign = self._command(prepared)
                        worker = living[prepared.name] = stack.enter_context(
                            LivingWorker(
                                request,
                                command,
                                self._time_limit,
                                foreign=foreign,
                                interleaved=True,
                            )
                        )
                    outcome = worker.next_slice()
                    if outcome is None:
                        waiting.append((place, prepared))
                    else:
                        worker.stop()
                        yield prepared, outcome
                pending = self._draw.sample(waiting, len(waiting))

    def _command(self, prepared: PreparedVariant) -> tuple[Sequence[str], bool]:
        """Return what starts its worker, and whether that is another interpreter."""
        python = prepared.variant.python
        return (self._worker, False) if python is None else ((python, *MODULE), True)

    def _keep(self, prepared: PreparedVariant, outcome: Reply | Death) -> None:
        if isinstance(outcome, Reply):
            self._replies[prepared.name].append(outcome)
        elif outcome.refused and not prepared.asked and self.rounds == 0:
            reason = outcome.stderr.splitlines()[-1] if outcome.stderr else outcome.problem
            self._skipped.append(Skipped(prepared.name, reason, asked=False))
            self._prepared_variants.remove(prepared)
        else:
            problem = f"{prepared.name}, round {self.rounds}: {outcome.problem}"
            self._failures.append(Failure(prepared.name, self.rounds, problem, outcome.stderr))
            failed = sum(failure.variant == prepared.name for failure in self._failures)
            if failed >= GIVE_UP and not self._replies[prepared.name]:
                self._prepared_variants.remove(prepared)

    def _request(self, prepared: PreparedVariant, place: int) -> Request:
        settings = self.settings
        return Request(
            protocol=PROTOCOL,
            backend=prepared.variant.backend,
            artifact=str(prepared.artifact.absolute()),
            model=prepared.model.name,
            labels=prepared.labels,
            trusted=prepared.trusted,
            photos=tuple(self._pixels),
            round=self.rounds,
            order=place,
            iterations=settings.iterations,
            timed_seconds=settings.timed_seconds,
            warmup=settings.warmup,
            warmup_seconds=settings.warmup_seconds,
            threads=prepared.variant.threads or settings.threads,
            workers=settings.workers,
            provider=prepared.variant.provider,
            kernel=settings.kernel,
            subject=settings.subject,
        )


def _collect(prepared: PreparedVariant, replies: Sequence[Reply]) -> VariantTimes:
    first = replies[0]
    return VariantTimes(
        name=prepared.name,
        variant=prepared.variant,
        model=prepared.model,
        version=first.version,
        provider=first.provider,
        threads=first.threads,
        python=first.python,
        versions=first.versions,
        rounds=tuple(reply.measured for reply in replies),
    )
