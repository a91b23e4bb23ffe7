"""What every command shares: its common options, where text goes, and errors as exit codes.

Results go to stdout, everything said on the way to stderr. A command is a plain function decorated
with `guarded`; it makes a `Console` from its common options first.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TextIO

import typer

from toolkit.errors import MissingDependencyError, ToolkitError

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

log = logging.getLogger("toolkit")
P = ParamSpec("P")

DOCUMENT_VERSION = 1
"""Of what `--json` prints; raised when a field is removed, renamed or gets another meaning."""


class Exit(IntEnum):
    """Exit codes; the full list stands in the README."""

    DONE = 0
    CHECK_FAILED = 1
    USAGE = 2
    COULD_NOT_RUN = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done on the way.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A name that `toolkit models` lists, or the path of a .tar.gz, .pb, .onnx or "
        "SavedModel. Default: the official network if it is in the store, else the bundled one.",
    ),
]
ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="A name that `toolkit models` lists, or the path of a .tar.gz, .pb, .onnx or "
        "SavedModel. Default: the official network if it is in the store, else the bundled one.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Threads for one photo. Default: the cores this process may use.",
        show_default=False,
    ),
]
Images = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="IMAGE",
        help="Photos to measure on. Default: the demo's photo, or a made-up one, at 1280x720.",
        show_default=False,
    ),
]
PortraitSubject = Annotated[
    str | None,
    typer.Option(
        "--subject",
        metavar="NAME|ID",
        help="The label that stays sharp: one of the model's, as in cat or 8.  [default: person]",
        show_default=False,
    ),
]
SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        metavar="NAME|ID",
        help="The label that stays sharp or is judged: one of the model's, as in cat or 8.",
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        min=1,
        help="How long one process may work; one that hangs is stopped then, and reported.",
    ),
]
JsonOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.json",
        help="Write every raw figure to this file; `toolkit report` makes a page of it.",
    ),
]
TrustGraph = Annotated[
    bool,
    typer.Option("--trust-graph", help="Allow graph operations outside the allowlist."),
]


class Console:
    """Where a command's words go.

    Parameters
    ----------
    as_json : bool
        Results are one JSON document; `result` lines are dropped.
    quiet, verbose : bool
        Less or more on stderr.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
        _log_to_stderr(level)

    def say(self, line: str) -> None:
        """Say what is going on: stderr, not with --quiet."""
        log.info(line)

    def warn(self, line: str) -> None:
        """Warn: stderr, always."""
        log.warning(line)

    def result(self, line: str = "") -> None:
        """Print a line of the result: stdout, not with --json."""
        if not self.as_json:
            typer.echo(line)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print an aligned table of the result: stdout, not with --json; never cut when piped."""
        if self.as_json:
            return
        from rich.console import Console as RichConsole
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
        for name in header:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*row)
        terminal = sys.stdout.isatty()
        RichConsole(
            file=sys.stdout, width=None if terminal else 1000, markup=False, highlight=False
        ).print(table)

    def document(self, command: str, content: object) -> None:
        """Print a command's JSON document: stdout, only with --json.

        Every document opens with its schema and that schema's version.
        """
        if self.as_json:
            head = {"schema": f"toolkit-{command}", "version": DOCUMENT_VERSION}
            typer.echo(json.dumps({**head, **to_json(content)}, indent=2, allow_nan=False))

    @contextmanager
    def progress(
        self, what: str, unit: str | None = None
    ) -> Iterator[Callable[[int, int | None], None]]:
        """Show a progress bar on stderr while the block runs; none where stderr is no terminal.

        What is said and printed meanwhile stands above the bar.

        Parameters
        ----------
        what : str
        unit : str, optional
            What is counted, as in ``photos``: then how many a second is shown too.

        Yields
        ------
        callable
            Called with (done, total or None).
        """
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, total: None  # noqa: ARG005 - nobody looks
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            *([_rate_column(unit)] if unit else []),
            TimeRemainingColumn(),
        ]
        terminal = RichConsole(stderr=True)
        # Standard output is taken to the terminal too; where it is a file it stays there.
        redirected = sys.stdout.isatty()
        with Progress(
            *columns, console=terminal, transient=True, redirect_stdout=redirected
        ) as bars:
            bar = bars.add_task(what, total=None)
            with _logged_to(sys.stderr):
                yield lambda done, total: bars.update(bar, completed=done, total=total)


def _rate_column(unit: str) -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            total = "" if task.total is None else f"/{task.total:.0f}"
            # not rich's speed, which leaps where a few come at once
            rate = f", {task.completed / task.elapsed:.1f}/s" if task.elapsed else ""
            return Text(f"{task.completed:.0f}{total} {unit}{rate}")

    return Rate()


def to_json(value: object) -> Any:
    """Turn reports into what `json.dumps` takes: dataclasses to objects, paths to text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def given(context: typer.Context, option: str) -> Any:
    """Return what the command line says itself of an option that has a default, else None."""
    source = context.get_parameter_source(option)
    value = context.params[option]
    return value if source is not None and source.name == "COMMANDLINE" else None


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


@contextmanager
def _logged_to(stream: TextIO) -> Iterator[None]:
    """Send what is said to another stream while the block runs."""
    handlers = [h for h in log.handlers if isinstance(h, logging.StreamHandler)]
    before = [handler.setStream(stream) for handler in handlers]
    try:
        yield
    finally:
        for handler, old in zip(handlers, before, strict=True):
            if old is not None:  # it was another
                handler.setStream(old)


def _log_to_stderr(level: int) -> None:
    """Send the package's log to the stderr of now (tests and workers swap it)."""
    log.handlers.clear()
    log.addHandler(logging.StreamHandler(sys.stderr))
    log.setLevel(level)
    log.propagate = False
