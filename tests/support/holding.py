"""Another process that stops when it has written to a file, until it is told to go on or killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HELD_UP = """
import os, sys
from pathlib import Path

def held_up(number, sync=os.fsync):
    print("writing", flush=True)
    sys.stdin.readline()
    sync(number)

os.fsync = held_up
"""


@contextlib.contextmanager
def held_up(
    program: str, argument: Path, folder: Path
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a program until it has written its first file; yield the process and that file.

    Parameters
    ----------
    program : str
        Has `os`, `sys` and `Path`. It goes on when its input ends.
    argument : Path
        Its first.
    folder : Path
        Where it writes; the file is unfinished there, under its hidden name.
    """
    line = [sys.executable, "-c", HELD_UP + program, str(argument)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "writing\n"
        (unfinished,) = folder.glob(".*.partial")
        yield other, unfinished
