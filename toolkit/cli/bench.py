"""``toolkit bench``: the latency of each stage on each backend, in fresh processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import (
    Console,
    Json,
    ModelOption,
    Quiet,
    Threads,
    TrustGraph,
    Verbose,
    guarded,
)

if TYPE_CHECKING:
    from toolkit.bench.schema import BenchReport
    from toolkit.bench.statistics import StageTime, Summary
    from toolkit.resolve import Model

UNSTABLE = 0.10
"""MAD over median above which a time is called unstable."""


@guarded
def bench_command(
    image: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Photos to measure on. Default: the demo's photo, or a made-up one, at 1280x720.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "--backend",
            "-b",
            metavar="onnx|tf",
            help="A runtime to measure; may be repeated. Default: every one installed.",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds",
            min=1,
            help="How often each backend is started anew. Each start counts once, by its median.",
        ),
    ] = 3,
    iterations: Annotated[
        int, typer.Option("--iterations", min=1, help="Timed passes over each photo per start.")
    ] = 20,
    warmup: Annotated[
        int,
        typer.Option(
            "--warmup", min=0, help="Passes before them that don't count (their times are kept)."
        ),
    ] = 5,
    threads: Threads = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.json",
            help="Write the report with every raw time to this file.",
        ),
    ] = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure how long each stage of a portrait takes on each backend.

    Every backend runs once per round, alone and in a process of its own, in an order drawn anew for
    each round. Figures are medians over these processes, each with its median absolute deviation;
    ratios are to TF1 in the same round. The garbage collector stands still during timed passes.

    Example: `toolkit bench photo.jpg --rounds 5 --output before.json`
    """
    from toolkit.bench.photos import default_photo, photo_from
    from toolkit.bench.run import run_bench
    from toolkit.bench.schema import Settings, to_document, write_report
    from toolkit.errors import BackendError
    from toolkit.host import available_cores
    from toolkit.resolve import resolve_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    photos = [photo_from(path) for path in image] if image else [default_photo()]
    found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    settings = Settings(
        rounds=rounds, iterations=iterations, warmup=warmup, threads=threads or available_cores()
    )
    with console.progress("measuring") as progress:
        report = run_bench(
            found,
            photos,
            backend or _default_backends(found, console),
            settings,
            command=("toolkit", *sys.argv[1:]),
            progress=progress,
        )
    if output:
        write_report(output, report)
        console.say(f"wrote {output}")
    console.document("bench", to_document(report))
    _print(report, console)
    if report.failures:
        for failure in report.failures[1:]:
            console.warn(failure.problem)
        raise BackendError(report.failures[0].problem, "the other processes' times are kept")


def _default_backends(model: Model, console: Console) -> list[str]:
    from toolkit.backends import BACKENDS

    chosen = []
    for name, spec in BACKENDS.items():
        if not spec.installed:
            console.say(
                f"without {name}: {' and '.join(spec.packages)} not installed "
                f"(the {spec.extra} extra)"
            )
        elif model.kind == "onnx" and spec.artefact != "onnx":
            console.say(f"without {name}: {model.path.name} is an ONNX file; name it to try")
        else:
            chosen.append(name)
    return chosen


def _print(report: BenchReport, console: Console) -> None:
    from toolkit.bench.schema import STAGES
    from toolkit.bench.statistics import summarise

    summary = summarise(report)
    settings = report.settings
    console.result(
        f"{report.model.name}: {settings.rounds} fresh processes per backend x "
        f"{settings.iterations} passes, {settings.warmup} warm-ups, {settings.threads} threads"
    )
    console.result("in ms: median of the processes' medians ± median absolute deviation")
    names = [backend.name for backend in report.backends]
    for number, photo in enumerate(report.photos):
        console.result()
        console.result(f"{photo.name}, {photo.width}x{photo.height}")
        console.table(
            ("stage", *names),
            [
                (stage, *(_cell(summary.time(name, stage, photo_of_stage)) for name in names))
                for stage, photo_of_stage in (
                    ("load", None),
                    *((stage, number) for stage in ("first", *STAGES)),
                )
            ],
        )
        _print_ratios(summary, number, console)
        _print_caveats(report, summary, number, console)


def _cell(time: StageTime) -> str:
    middle = f"{time.median_ns / 1e6:.2f}"
    # One process has no deviation from itself; "± 0.00" would look like certainty.
    return middle if time.processes == 1 else f"{middle} ± {time.mad_ns / 1e6:.2f}"


def _print_ratios(summary: Summary, photo: int, console: Console) -> None:
    for ratio in summary.ratios:
        if ratio.photo == photo and ratio.stage in ("segment", "whole"):
            console.result(
                f"{ratio.stage}: {ratio.backend} is {ratio.median:.2f} times as fast as tf "
                f"({ratio.min:.2f} to {ratio.max:.2f} over {ratio.rounds} rounds)"
            )


def _print_caveats(report: BenchReport, summary: Summary, photo: int, console: Console) -> None:
    unstable = [
        f"{time.backend} {time.stage} {time.relative_mad:.0%}"
        for time in summary.times
        if time.photo == photo and time.stage in ("segment", "whole")
        if time.relative_mad > UNSTABLE
    ]
    if unstable:
        console.result(
            f"unstable (deviation over median above {UNSTABLE:.0%}): {', '.join(unstable)}; "
            "more rounds or a quieter machine would tell more"
        )
    subject = report.settings.subject
    for backend in report.backends:
        times = backend.rounds[0].photos[photo]
        if not times.subject_found:
            console.result(
                f"{backend.name}: no {subject} in this photo; label {times.subject} was cut out "
                "instead, so that every stage does its work"
            )
