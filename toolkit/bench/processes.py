"""One worker in a process of its own: started, waited for, and its reply or what it died of."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import toolkit
from toolkit.bench.records import RecordError, read_record
from toolkit.bench.worker import PROTOCOL, Reply, Request

# -P: the folder it is started in must not be able to shadow modules.
MODULE = ("-P", "-m", "toolkit.bench.worker")
WORKER = (sys.executable, *MODULE)
TIME_LIMIT = 1800.0
"""Seconds one process may take; it is killed then."""

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


def run_worker(
    request: Request, worker: Sequence[str], time_limit: float, *, foreign: bool = False
) -> Reply | Death:
    """Start a process, wait for it, and take its reply or the reason there is none.

    Parameters
    ----------
    request : Request
    worker : sequence of str
        The command that starts it.
    time_limit : float
        Seconds it may take.
    foreign : bool
        Whether it is another interpreter's, which is to find its own packages and not ours.
    """
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, or the one the user named
            list(worker),
            input=json.dumps(dataclasses.asdict(request)),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=time_limit,
            check=False,
            env=_environment(foreign=foreign),
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr or b""
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        return _death(f"took more than {time_limit:g} s and was stopped", text)
    except OSError as error:
        return Death(f"{worker[0]} can't be started ({error.strerror})", refused=True)
    return _reply(done)


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


def _reply(done: subprocess.CompletedProcess[str]) -> Reply | Death:
    if done.returncode < 0:
        name = signal.strsignal(-done.returncode)
        hint = ", as the system does where memory runs out" if done.returncode == -9 else ""
        return _death(f"died of signal {-done.returncode} ({name}{hint})", done.stderr)
    try:
        document = json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError as error:
        document = None
        if not done.returncode:
            return _death(f"gave no valid reply ({error})", done.stderr)
    other = _protocol(document)
    if other is not None and other != PROTOCOL:
        side = "older" if other < PROTOCOL else "newer"
        return Death(
            f"its toolkit is {side} than this one (worker protocol {other}, here {PROTOCOL})",
            done.stderr.strip()[-STDERR_TAIL:],
            refused=True,
        )
    if done.returncode:
        refused = done.returncode in (2, 3)  # the family's exit codes
        return _death(f"ended with exit code {done.returncode}", done.stderr, refused=refused)
    try:
        return read_record(Reply, document)
    except RecordError as error:
        return _death(f"gave no valid reply ({error})", done.stderr)


def _protocol(document: object) -> int | None:
    """Return the protocol a reply is in; None where it is no reply at all."""
    if not isinstance(document, dict):
        return None
    if "protocol" not in document and "measured" in document:
        return 1  # the first had no number
    found = document.get("protocol")
    return found if isinstance(found, int) else None


def _death(how: str, stderr: str, *, refused: bool = False) -> Death:
    tail = stderr.strip()[-STDERR_TAIL:]
    last = tail.splitlines()[-1] if tail else ""
    return Death(how + (f": {last}" if last else ""), tail, refused)
