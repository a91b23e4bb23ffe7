"""A worker of `toolkit bench` in which one stage really takes longer.

    python -m benchmarks.gate.slow_worker STAGE SHARE     # in place of toolkit.bench.worker

After the stage this process is kept busy for that share of the time it took. The code that is
measured is not touched: only the clock that is handed into it is another one, in timed passes and
in all others.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from toolkit import portrait
from toolkit.bench import worker
from toolkit.portrait import STAGES, Stage, StageTimer, Stopwatch

ROOT = Path(__file__).resolve().parent.parent.parent


class Delay:
    """What makes a stage longer, pass after pass.

    A stage may come in many pieces. All that it is to be longer comes after the last of them: idle
    threads of OpenCV would go to sleep in gaps between the pieces, and make them slower too. How
    many there are is known from the pass before, so the first has its delay after each.

    Parameters
    ----------
    slow : str
        The stage.
    share : float
        0.2 makes it a fifth longer.
    """

    def __init__(self, slow: str, share: float) -> None:
        self._slow = slow
        self._share = share
        self._pieces = 0
        self._last = 1
        self._owed = 0.0

    def around(self, clock: StageTimer) -> StageTimer:
        """Return the clock with the stage lengthened, within what the clock measures."""

        def longer(stage: Stage, /) -> AbstractContextManager[None]:
            if stage == STAGES[0]:
                self._begin_pass()
            return self._lengthen(clock(stage)) if stage == self._slow else clock(stage)

        return longer

    def _begin_pass(self) -> None:
        self._last = max(1, self._pieces)
        self._pieces = 0
        self._owed = 0.0

    @contextmanager
    def _lengthen(self, measured: AbstractContextManager[None]) -> Iterator[None]:
        with measured:
            start = time.perf_counter_ns()
            yield
            now = time.perf_counter_ns()
            self._pieces += 1
            self._owed += (now - start) * self._share
            if self._pieces >= self._last:
                end, self._owed = now + self._owed, 0.0
                while time.perf_counter_ns() < end:
                    pass


def slow_interpreter(folder: Path, stage: str, share: float) -> Path:
    """Write a program that may stand where a variant's ``@python=`` wants an interpreter.

    It runs this interpreter with these packages, and the worker with the slower stage whatever it
    is asked to run.

    Parameters
    ----------
    folder : Path
        An existing one.
    stage : str
    share : float
        0: nothing is slower, but all else is the same.
    """
    path = folder / f"python-{stage}-{share:g}"
    inherited = os.environ.get("PYTHONPATH")
    packages = os.pathsep.join([str(ROOT), inherited] if inherited else [str(ROOT)])
    command = [sys.executable, "-P", "-m", "benchmarks.gate.slow_worker", stage, f"{share:g}"]
    setting = f"PYTHONPATH={shlex.quote(packages)}"
    path.write_text(f"#!/bin/sh\n{setting} exec {shlex.join(command)}\n")
    path.chmod(0o755)
    return path


def main() -> None:
    """Do a worker's work."""
    delay = Delay(sys.argv[1], float(sys.argv[2]))

    class SlowStopwatch(Stopwatch):
        """The worker's stopwatch, with the stage of the command line lengthened."""

        def __call__(  # type: ignore[override]  # any context manager serves
            self, stage: Stage, /
        ) -> AbstractContextManager[None]:
            """Add the time of the block and of the delay."""
            return delay.around(super().__call__)(stage)

    # The worker takes both from the package when it begins to time.
    portrait.Stopwatch = SlowStopwatch  # type: ignore[misc]  # that is what it is for
    portrait.untimed = delay.around(portrait.untimed)
    worker.main()


if __name__ == "__main__":
    main()
