"""Rounds of candidates, kept one by one, and which candidates need no more of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from toolkit.bench.photos import BenchPhoto
from toolkit.bench.prepared import PreparedVariant
from toolkit.bench.run import GIVE_UP, BenchRun
from toolkit.bench.schema import BenchSettings
from toolkit.bench.statistics import times_by_round
from toolkit.recommend.candidates import Candidate
from toolkit.recommend.state import Timed

log = logging.getLogger(__name__)

TimedStep = Callable[[int, int | None], None]
TimedStage = Callable[[str], AbstractContextManager[TimedStep]]
"""Shows a stage of the work of that name; what it gives is called with (done, of how many)."""

BRIEF = BenchSettings(rounds=5, iterations=3, warmup=3, warmup_seconds=1.0)
"""The first timing: the fewest rounds that have an interval."""
EARLY_ROUNDS, FAR = 2, 1.5
"""After so many rounds what is so many times slower is not timed any more."""
FINAL = BenchSettings(
    rounds=10, iterations=3, warmup=10, warmup_seconds=1.0, timed_seconds=0.5, interleaved=True
)
"""The last timing."""
FINAL_EARLY = 5
"""After so many of its rounds what is dominated is not timed any more."""
FINAL_NS = 1e9 * (FINAL.timed_seconds or 0)
MOST_ROUNDS = 20
"""Of the last timing, where the choice still hangs on the noise after `FINAL`."""


@contextmanager
def unseen(what: str) -> Iterator[TimedStep]:  # noqa: ARG001 - nobody looks
    """Show nothing."""
    yield lambda done, total: None  # noqa: ARG005


class Timer:
    """Runs rounds of candidates.

    Parameters
    ----------
    photo : BenchPhoto
    folder : Path
        An existing one, for what the workers read.
    worker : sequence of str
        The command that starts a worker.
    stage : callable
        Shows the progress.
    """

    def __init__(
        self, photo: BenchPhoto, folder: Path, worker: Sequence[str], stage: TimedStage
    ) -> None:
        self._photo = photo
        self._folder = folder
        self._worker = worker
        self._stage = stage

    def add_rounds(
        self,
        what: str,
        candidates: Sequence[Candidate],
        done: Timed,
        settings: BenchSettings,
        keep: Callable[[Timed], None],
        *,
        drop: Callable[[Timed], Container[str]] = lambda _: (),
    ) -> Timed:
        """Add rounds to those that were run already, up to the number in the settings.

        Parameters
        ----------
        what : str
            What the progress is called.
        candidates : sequence of Candidate
        done : Timed
            What was run before.
        settings : BenchSettings
        keep : callable
            Given what is done after each round, before the next begins.
        drop : callable
            Given the same, the names of those that need no more rounds.
        """
        want = settings.rounds
        if 0 < done.rounds < want:
            log.info("%s: going on after round %d", what, done.rounds)
        with self._stage(what) as step:
            while done.rounds < want:
                out = drop(done)
                refused = {item.variant for item in done.skipped} | given_up(done)
                running = [
                    one.prepared
                    for one in candidates
                    if one.name not in refused and one.name not in out
                ]
                if not running:
                    break
                begin = time.monotonic()
                done = self._one_round(running, done, settings, step)
                each = time.monotonic() - begin
                keep(done)
                log.info(
                    "%s: round %d of %d, %d candidates, about %.0f s left",
                    *(what, done.rounds, want, len(running), (want - done.rounds) * each),
                )
        return done

    def _one_round(
        self,
        running: Sequence[PreparedVariant],
        done: Timed,
        settings: BenchSettings,
        step: TimedStep,
    ) -> Timed:
        """Run a round; where it is interrupted it was none."""
        # a seed for each, lest all have the order of the first
        settings = replace(settings, seed=settings.seed + done.rounds)
        measurement = BenchRun(
            running, [self._photo], settings, folder=self._folder, worker=self._worker
        )
        measurement.rounds = done.rounds
        count = done.rounds * len(running)

        def ended() -> None:
            nonlocal count
            count += 1
            step(count, settings.rounds * len(running))

        measurement.add_round(ended)
        return done.plus(
            Timed(
                measurement.rounds,
                measurement.variants,
                measurement.skipped,
                measurement.failures,
            )
        )


def hopeless(candidates: Sequence[Candidate], timed: Timed) -> dict[str, str]:
    """Return the candidates that need no more rounds, each with one that makes it needless.

    The two give the same masks, and in the first `EARLY_ROUNDS` the other's slowest is faster by
    `FAR` than its fastest.
    """
    if timed.rounds < EARLY_ROUNDS:
        return {}
    # later rounds don't count: what was left out once has none, and does not come back
    times = {name: list(own.values()) for name, own in first_rounds(timed, EARLY_ROUNDS).items()}
    found: dict[str, str] = {}
    for masks in dict.fromkeys(one.masks for one in candidates):
        names = [one.name for one in candidates if one.masks == masks and one.name in times]
        # the fastest of all stays, so whoever drops another is still there or has one that is
        best = min(names, key=lambda name: max(times[name]), default=None)
        if best is not None and len(times[best]) >= EARLY_ROUNDS:
            limit = FAR * max(times[best])
            found |= {name: best for name in names if min(times[name]) > limit}
    return found


def first_rounds(timed: Timed, rounds: int) -> dict[str, dict[int, float]]:
    """Return the times of the first rounds, by name and round; of those that have any."""
    found = {
        one.name: {number: own for number, own in times_by_round(one, 0).items() if number < rounds}
        for one in timed.variants
    }
    return {name: own for name, own in found.items() if own}


def given_up(timed: Timed) -> set[str]:
    """Return what failed so often, never having ended well, that it is not started any more."""
    there = {one.name for one in timed.variants}
    failed = [item.variant for item in timed.failures if item.variant not in there]
    return {name for name in failed if failed.count(name) >= GIVE_UP}
