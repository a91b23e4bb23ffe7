"""``toolkit gate``: is the head slower than the base? The check of a pipeline."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.gate_plan import plan_from
from toolkit.cli.options import (
    Images,
    Json,
    JsonOutput,
    ModelOption,
    Quiet,
    Threads,
    TimeLimit,
    TrustGraph,
    Verbose,
)
from toolkit.errors import ToolkitError, UsageError

if TYPE_CHECKING:
    from toolkit.bench.schema import BenchReport, BenchSettings
    from toolkit.gate.result import GateReport


@guarded
def gate_command(
    base: Annotated[
        str,
        typer.Option(
            "--base",
            metavar="SPEC",
            help="What was before: BACKEND[:MODEL][@threads=N][@provider=NAME][@python=PATH], such "
            "as `onnx:before.onnx`, or `onnx@python=.venv-base/bin/python` for the toolkit and "
            "runtimes of another environment.",
            show_default=False,
        ),
    ],
    head: Annotated[
        str,
        typer.Option("--head", metavar="SPEC", help="What is now, likewise.", show_default=False),
    ],
    image: Images = None,
    model: ModelOption = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="[STAGE=]N%",
            help="How much slower is too slow, of every stage or of one; may be repeated. "
            "Default: 10%.",
            show_default=False,
        ),
    ] = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(
            "--floor",
            metavar="[STAGE=]MS",
            help="So many milliseconds more are never too slow, whatever their share; may be "
            "repeated. Default: 0.05.",
            show_default=False,
        ),
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Judge this stage alone; may be repeated: load, first, preprocess, segment, mask, "
            "blur, composite, whole. Fewer rounds give fewer verdicts. Default: all but load and "
            "first.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget",
            metavar="SECONDS",
            min=1,
            help="How long it may take; what is not clear then is inconclusive. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            min=1,
            help="The most rounds before the verdict, without those that confirm a suspicion. "
            "It ends earlier where the verdict is clear. Default: 30.",
            show_default=False,
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            "--iterations",
            min=1,
            help="Timed passes over each photo per process. Default: 10, and of a fast network so "
            "many that they take a second.",
            show_default=False,
        ),
    ] = None,
    threads: Threads = None,
    time_limit: TimeLimit = 1800,
    output: JsonOutput = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE.xml", help="Write the verdicts as JUnit XML."),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            "--summary",
            metavar="FILE.md",
            help="Write a summary in Markdown. Default: it is added to the file that "
            "GITHUB_STEP_SUMMARY names, if that is set.",
        ),
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option(
            "--github/--no-github",
            help="Print annotations for GitHub Actions too. Default: where GITHUB_ACTIONS is true.",
            show_default=False,
        ),
    ] = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say whether the head is slower than the base, on this machine, now.

    Base and head run in fresh processes that take turns, and the base once more as a control that
    shows what equal code comes out at. Rounds are added until the verdict is clear; what looks
    slower is measured anew before it is called so. Exits with 1 where a stage is slower, with 4
    where none is but one can't be told.

    Example: `toolkit gate photo.jpg --base onnx:before.onnx --head onnx:after.onnx`
    """
    from toolkit.bench.photos import default_photo, photo_from
    from toolkit.bench.variants import parse_variant
    from toolkit.gate.run import GATE, run_gate
    from toolkit.host import available_cores
    from toolkit.hub.model import resolve_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    base_variant, head_variant = parse_variant(base), parse_variant(head)
    plan = plan_from(stage or (), threshold or (), floor or (), rounds, photos=len(image or [""]))
    files = _Files(console, output, junit, summary, github=github)
    files.refuse_overwriting(image or ())
    try:
        photos = [photo_from(path) for path in image] if image else [default_photo()]
        found = resolve_model(model, trusted=trust_graph)
        if None in (base_variant.model, head_variant.model):
            console.say(f"model {found.name}: {found.about}")
        with console.progress("measuring") as progress:
            report = run_gate(
                found,
                photos,
                base_variant,
                head_variant,
                plan=plan,
                settings=_settings(GATE, iterations, threads or available_cores()),
                budget_seconds=budget,
                command=("toolkit", *sys.argv[1:]),
                time_limit=time_limit,
                progress=progress,
            )
    except ToolkitError as error:
        files.write_error(error)
        raise
    _print(report, console)
    files.write(report)
    _end(report)


def _settings(default: BenchSettings, iterations: int | None, threads: int) -> BenchSettings:
    settings = dataclasses.replace(default, threads=threads)
    if iterations is None:
        return settings
    return dataclasses.replace(settings, iterations=iterations, timed_seconds=None)


def _print(report: GateReport, console: Console) -> None:
    from toolkit.report.gate import formatting, gate_document

    console.document("gate", gate_document(report))
    console.result(formatting.LEGEND)
    console.table(
        formatting.header(report), [formatting.cells(one, report) for one in report.stages]
    )
    for line in formatting.run_text(report):
        console.result(line)
    for reason, names in formatting.reasons(report).items():
        console.result(f"inconclusive: {reason} ({', '.join(names)})")
    for problem in formatting.failure_text(report):
        console.warn(problem)
    advice = formatting.advice(report)
    if advice:
        console.result(advice)
    console.result(", ".join(formatting.group_text(report)))
    console.result(f"verdict: {formatting.verdict_text(report)}")


def _end(report: GateReport) -> None:
    from toolkit.errors import BackendError
    from toolkit.stats.verdicts import Verdict

    if report.verdict is Verdict.SLOWER:
        raise typer.Exit(Exit.CHECK_FAILED)
    if report.measurement.failures:
        raise BackendError("not every process ended well", "what the others measured is kept")
    if report.verdict is Verdict.INCONCLUSIVE:
        raise typer.Exit(Exit.INCONCLUSIVE)


class _Files:
    """Where the verdict goes besides the terminal."""

    def __init__(
        self,
        console: Console,
        output: Path | None,
        junit: Path | None,
        summary: Path | None,
        *,
        github: bool | None,
    ) -> None:
        self._console = console
        self._output = output
        self._junit = junit
        self._summary = summary
        self._github = os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github

    def refuse_overwriting(self, photos: Sequence[Path]) -> None:
        """Check before anything is measured that no file is lost."""
        taken = {path.resolve() for path in photos}
        for path in (self._output, self._junit, self._summary):
            if path and path.resolve() in taken:
                raise UsageError(f"{path} is named twice", "give each file a name of its own")
            if path:
                taken.add(path.resolve())

    def write(self, report: GateReport) -> None:
        """Write what was asked for, whatever the verdict."""
        from toolkit.report.gate import annotation_lines, junit_xml, markdown_summary

        self._write_rounds(report.measurement)
        self._write_text(
            junit=lambda: junit_xml(report),
            summary=lambda: markdown_summary(report),
            annotations=lambda: annotation_lines(report),
        )

    def write_error(self, error: ToolkitError) -> None:
        """Write that it could not run, so that no page shows an older verdict or none.

        The rounds that there were are kept.
        """
        from toolkit.gate.result import NoVerdictError
        from toolkit.report.gate import annotation_of_error, junit_of_error, markdown_of_error

        problem = str(error)
        measurement = error.measurement if isinstance(error, NoVerdictError) else None
        failures = measurement.failures if measurement else ()
        try:
            if measurement:
                self._write_rounds(measurement)
            self._write_text(
                junit=lambda: junit_of_error(problem, failures),
                summary=lambda: markdown_of_error(problem),
                annotations=lambda: [annotation_of_error(problem)],
            )
        except ToolkitError as other:
            self._console.warn(str(other))  # the error itself is what to show

    def _write_rounds(self, measurement: BenchReport) -> None:
        from toolkit.bench.files import write_report

        if self._output and measurement.variants:
            write_report(self._output, measurement)
            self._console.say(f"wrote {self._output}")

    def _write_text(
        self,
        *,
        junit: Callable[[], str],
        summary: Callable[[], str],
        annotations: Callable[[], list[str]],
    ) -> None:
        from toolkit.files.atomic import write_atomically

        if self._github:
            for line in annotations():
                # GitHub reads them from both streams.
                typer.echo(line, err=self._console.as_json)
        if self._junit:
            write_atomically(self._junit, junit().encode())
            self._console.say(f"wrote {self._junit}")
        if self._summary:
            write_atomically(self._summary, summary().encode())
            self._console.say(f"wrote {self._summary}")
        elif step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            _append(Path(step_summary), summary())


def _append(path: Path, text: str) -> None:
    """Add to a file that belongs to the runner and may hold what earlier commands wrote."""
    from toolkit.files.atomic import translated

    with translated(path), path.open("ab") as file:
        file.write(f"{text}\n".encode())
