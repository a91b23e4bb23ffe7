"""Exit codes, and errors as one line and a code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import IntEnum
from typing import ParamSpec

import typer

from toolkit.errors import MissingDependencyError, ToolkitError

P = ParamSpec("P")


class Exit(IntEnum):
    """Exit codes; the full list stands in the README."""

    DONE = 0
    CHECK_FAILED = 1
    USAGE = 2
    COULD_NOT_RUN = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


def guarded(function: Callable[P, None]) -> Callable[P, None]:
    """Turn the error family into one line on stderr and an exit code; bugs keep their traceback."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except ToolkitError as error:
            typer.echo(f"toolkit: {_one_line(error)}", err=True)
            raise typer.Exit(error.exit_code) from error
        except ImportError as error:
            missing = missing_library(error)
            if missing is None:
                raise
            typer.echo(f"toolkit: {missing}", err=True)
            raise typer.Exit(missing.exit_code) from error
        except KeyboardInterrupt as error:
            typer.echo("toolkit: interrupted; nothing half-written was left", err=True)
            raise typer.Exit(Exit.INTERRUPTED) from error

    return run


def missing_library(error: ImportError) -> MissingDependencyError | None:
    """Name the system library an import failed for; None where the import failed otherwise.

    >>> print(missing_library(ImportError("libGL.so.1: cannot open shared object file: ...")))
    system library libGL.so.1 is missing; on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0
    """
    library, separator, _ = str(error).partition(": cannot open shared object file")
    if not separator:
        return None
    return MissingDependencyError(
        f"system library {library} is missing",
        "on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0",
    )


def _one_line(error: ToolkitError) -> str:
    return " ".join(str(error).split())
