"""A worker in a process of its own: started, given its turns, and its reply or what it died of."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import toolkit
from toolkit.bench.worker import DONE, GO, PROTOCOL, Reply, Request
from toolkit.schema.records import RecordError, read_record

# -P: the folder it is started in must not be able to shadow modules.
MODULE = ("-P", "-m", "toolkit.bench.worker")
WORKER = (sys.executable, *MODULE)
TIME_LIMIT = 1800.0
"""Seconds one process may take; it is killed then."""

GRACE = 1.0
"""Seconds in which a worker that takes turns and said nonsense may end by itself."""

STDERR_TAIL = 2000
"""Characters kept of what a failed process said."""


@dataclass(frozen=True)
class Death:
    """Why there is no reply.

    Attributes
    ----------
    problem : str
        One line.
    stderr : str
        The end of what the process said.
    refused : bool
        It ended by itself with an error of the toolkit's family: the backend does not take the
        model, a package is missing.
    """

    problem: str
    stderr: str = ""
    refused: bool = False


class LivingWorker:
    """One worker's process, there until the ``with`` block ends.

    Its first turn begins with it.

    Parameters
    ----------
    request : Request
    worker : sequence of str
        The command that starts it.
    time_limit : float
        Seconds its turns may take together; waiting for its turn doesn't count.
    foreign : bool
        Whether it is another interpreter's, which is to find its own packages and not ours.
    interleaved : bool
        Whether it stops after each turn and waits for the next, or works to its end in one.
    """

    def __init__(
        self,
        request: Request,
        worker: Sequence[str],
        time_limit: float,
        *,
        foreign: bool = False,
        interleaved: bool = False,
    ) -> None:
        self._time_limit = time_limit
        self._left = time_limit
        self._interleaved = interleaved
        self._said = b""
        self._dead: Death | None = None
        with ExitStack() as held:
            # Files, not pipes: it may end without reading the one, and fill the other.
            asked = held.enter_context(tempfile.TemporaryFile())
            self._stderr = held.enter_context(tempfile.TemporaryFile())
            self._stdout, stdout = os.pipe()
            pipe, self._pipe = os.pipe()
            held.callback(os.close, self._stdout)
            held.callback(os.close, self._pipe)
            if interleaved:
                request = dataclasses.replace(request, slices=pipe)
            asked.write(json.dumps(dataclasses.asdict(request)).encode())
            asked.seek(0)
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, or the user's
                    list(worker),
                    stdin=asked,
                    stdout=stdout,
                    stderr=self._stderr,
                    pass_fds=[pipe] if interleaved else [],
                    env=_environment(foreign=foreign),
                )
            except OSError as error:
                problem = f"{worker[0]} can't be started ({error.strerror})"
                self._dead = Death(problem, refused=True)
            else:
                held.callback(self._process.wait)
                held.callback(self._process.kill)  # called before that
            finally:  # these ends are the process's
                os.close(stdout)
                os.close(pipe)
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        """Return it; leaving the block stops it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """Kill it if it is still there; may be called twice."""
        self._held.close()

    def next_slice(self) -> Reply | Death | None:
        """Let it work until its turn ends.

        Returns
        -------
        Reply or Death or None
            None where it waits for its next turn. Otherwise it has ended.
        """
        if self._dead:
            return self._dead
        begin = time.monotonic()
        with suppress(BrokenPipeError):  # it has ended; what of is heard next
            if self._interleaved:
                os.write(self._pipe, GO.encode())
        try:
            return self._hear(begin + self._left)
        finally:
            self._left -= time.monotonic() - begin

    def _hear(self, end: float) -> Reply | Death | None:
        """Read what it says until its turn ends, or it does."""
        wrong = None
        while not (self._interleaved and self._said.startswith(DONE.encode())):
            if self._interleaved and wrong is None:
                wrong = _nonsense(self._said)
                if wrong:  # a moment in which it may end by itself, and say why
                    end = min(end, time.monotonic() + GRACE)
            ready = select.select([self._stdout], [], [], max(0, end - time.monotonic()))
            piece = os.read(self._stdout, 2**16) if ready[0] else None
            if piece == b"":
                with suppress(subprocess.TimeoutExpired):
                    code = self._process.wait(max(0, end - time.monotonic()))
                    return _outcome(code, self._said, self._tail())
            if not piece:
                self._process.kill()
                how = f"took more than {self._time_limit:g} s and was stopped"
                return _death(wrong or how, self._tail())
            self._said += piece
        self._said = self._said[len(DONE) :]
        return None

    def _tail(self) -> str:
        """Return the end of what it said on stderr."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - 4 * STDERR_TAIL))  # a character is 4 bytes at most
        return self._stderr.read().decode(errors="replace").strip()[-STDERR_TAIL:]


def run_worker(
    request: Request, worker: Sequence[str], time_limit: float, *, foreign: bool = False
) -> Reply | Death:
    """Start a process, wait for it, and take its reply or the reason there is none.

    Parameters as in `LivingWorker`.
    """
    with LivingWorker(request, worker, time_limit, foreign=foreign) as living:
        outcome = None
        while outcome is None:  # it has one turn only
            outcome = living.next_slice()
        return outcome


def _nonsense(said: bytes) -> str | None:
    """Return why the first line said is none; None where it is not whole yet."""
    line, whole, _ = said.partition(b"\n")
    try:
        if whole:
            json.loads(line)
    except ValueError as error:  # not UTF-8, or not JSON
        return f"gave no valid reply ({error})"
    return None


def _environment(*, foreign: bool) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    if foreign:
        ours = ("PYTHONPATH", "PYTHONHOME")
        return {key: value for key, value in os.environ.items() if key not in ours}
    # The same package as this process runs, wherever it was imported from.
    home = str(Path(toolkit.__file__).resolve().parent.parent)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([home, inherited] if inherited else [home]),
    }


def _outcome(code: int, stdout: bytes, stderr: str) -> Reply | Death:
    if code < 0:
        name = signal.strsignal(-code)
        hint = ", as the system does where memory runs out" if code == -signal.SIGKILL else ""
        return _death(f"died of signal {-code} ({name}{hint})", stderr)
    try:
        document = json.loads(stdout) if stdout.strip() else None
    except ValueError as error:
        document = None
        if not code:
            return _death(f"gave no valid reply ({error})", stderr)
    other = _protocol(document)
    if other is not None and other != PROTOCOL:
        side = "older" if other < PROTOCOL else "newer"
        return Death(
            f"its toolkit is {side} than this one (worker protocol {other}, here {PROTOCOL})",
            stderr,
            refused=True,
        )
    if code:
        refused = code in (2, 3)  # the family's exit codes
        return _death(f"ended with exit code {code}", stderr, refused=refused)
    try:
        return read_record(Reply, document)
    except RecordError as error:
        return _death(f"gave no valid reply ({error})", stderr)


def _protocol(document: object) -> int | None:
    """Return the protocol a reply is in; None where it is no reply at all."""
    if not isinstance(document, dict):
        return None
    if "protocol" not in document and "measured" in document:
        return 1  # the first had no number
    found = document.get("protocol")
    return found if isinstance(found, int) else None


def _death(how: str, stderr: str, *, refused: bool = False) -> Death:
    last = stderr.splitlines()[-1] if stderr else ""
    return Death(how + (f": {last}" if last else ""), stderr, refused)
