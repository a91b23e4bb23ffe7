"""Where a command's text goes: results to stdout, everything said on the way to stderr."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

log = logging.getLogger("toolkit")
DOCUMENT_VERSION = 1
"""Of what `--json` prints; raised when a field is removed, renamed or gets another meaning."""


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
