"""``toolkit bench``: the latency of each stage of each variant, in fresh processes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import guarded
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.bench.schema import BenchReport, Round
    from toolkit.bench.statistics import Ratio, StageTime, Summary

ALL, EVERY_PROFILE = "all", "profiles"
UNSTABLE = 0.10
"""MAD over median above which a time is called unstable."""


@guarded
def bench_command(
    image: Images = None,
    model: ModelOption = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="SPEC|all|profiles",
            help="What to measure; may be repeated. SPEC is BACKEND[:MODEL][@threads=N]"
            "[@provider=NAME][@python=PATH]: `tf`, `onnx:a.onnx@threads=1`, or "
            "`onnx@python=.venv-base/bin/python` for another environment's toolkit. `all`, the "
            "default: every backend, as far as it is installed and takes the model. `profiles`: "
            "ONNX Runtime with every other profile that takes the model.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="SPEC",
            help="The variant that ratios are to; it is measured too. Default: `tf` if it is "
            "measured, else the first.",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds",
            min=1,
            help="How often each variant is started anew, at least. Each start counts once, by "
            "its median.",
        ),
    ] = 3,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="N%",
            help="Add rounds until the ratios of the whole to the baseline's are known to ± N%.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget",
            metavar="SECONDS",
            min=1,
            help="Add rounds as long as there is time for another; with --until, the most it may "
            "take.",
            show_default=False,
        ),
    ] = None,
    iterations: Annotated[
        int, typer.Option("--iterations", min=1, help="Timed passes over each photo per start.")
    ] = 20,
    warmup: Annotated[
        int,
        typer.Option(
            "--warmup",
            min=0,
            help="The most passes before them that don't count; they end earlier where the times "
            "no longer change, or after 10 seconds.",
        ),
    ] = 30,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Also measure how many photos a second N threads make that share one session.",
        ),
    ] = 1,
    turns: Annotated[
        bool,
        typer.Option(
            "--turns",
            help="All variants of a round are in memory at once and take turns, pass by pass: far "
            "less noise where the machine's speed drifts.",
        ),
    ] = False,
    threads: Threads = None,
    time_limit: TimeLimit = 1800,
    output: JsonOutput = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure how long each stage of a portrait takes, for each variant.

    Every variant runs once per round, alone and in a process of its own, in an order drawn anew for
    each round. Figures are medians over these processes, each with its median absolute deviation;
    ratios are to the baseline in the same round. The garbage collector stands still during timed
    passes.

    Example: `toolkit bench photo.jpg --variant onnx --variant onnx@threads=1 --output before.json`
    """
    from toolkit.bench.files import to_document, write_report
    from toolkit.bench.photos import default_photo, photo_from
    from toolkit.bench.prepared import all_variants, profile_variants
    from toolkit.bench.run import run_bench
    from toolkit.bench.schema import BenchSettings
    from toolkit.bench.variants import parse_variant
    from toolkit.host import available_cores
    from toolkit.hub.model import resolve_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    specs = variant or [ALL]
    asked = [parse_variant(spec) for spec in specs if spec not in (ALL, EVERY_PROFILE)]
    against = parse_variant(baseline) if baseline else None
    photos = [photo_from(path) for path in image] if image else [default_photo()]
    found = resolve_model(model, trusted=trust_graph)
    if not asked or any(one.model is None for one in asked):
        console.say(f"model {found.name}: {found.about}")
    also = all_variants() if ALL in specs else ()
    if EVERY_PROFILE in specs:
        also += profile_variants(found)
    settings = BenchSettings(
        rounds=rounds,
        until=_share(until) if until else None,
        budget_seconds=budget,
        iterations=iterations,
        warmup=warmup,
        threads=threads or available_cores(),
        workers=workers,
        interleaved=turns,
    )
    with console.progress("measuring") as progress:
        report = run_bench(
            found,
            photos,
            asked,
            settings,
            also=also,
            baseline=against,
            command=("toolkit", *sys.argv[1:]),
            time_limit=time_limit,
            progress=progress,
        )
    if output:
        write_report(output, report)
        console.say(f"wrote {output}")
    console.document("bench", to_document(report))
    _print(report, console)
    _end(report, console)


def _share(text: str) -> float:
    """Read ``2%`` or ``0.02``."""
    from toolkit.errors import UsageError

    percent = text.endswith("%")
    try:
        share = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        share = 0
    if not 0 < share < 1:
        raise UsageError(f"--until {text!r} is no share between 0 and 1", "write 2% or 0.02")
    return share


def _end(report: BenchReport, console: Console) -> None:
    """Say what could not be measured; an error where it was asked for."""
    from toolkit.errors import BackendError

    problems = [f"{item.variant}: {item.reason}" for item in report.skipped if item.asked]
    problems += [failure.problem for failure in report.failures]
    for problem in problems[1:]:
        console.warn(problem)
    if problems:
        raise BackendError(problems[0], "what the other processes measured is kept")


def _print(report: BenchReport, console: Console) -> None:
    from toolkit.bench.schema import MEASURED_STAGES
    from toolkit.bench.statistics import summarize

    summary = summarize(report)
    settings = report.settings
    console.result(
        f"{_models(report)}: {_rounds(report)} fresh processes per variant x "
        f"{settings.iterations} passes, at most {settings.warmup} warm-ups, "
        f"{settings.threads} threads"
    )
    if settings.until and report.ended != "precision":
        console.result(
            f"± {settings.until:.1%} was not reached: the {report.ended} ended it before"
        )
    for skipped in report.skipped:
        console.result(f"without {skipped.variant}: {skipped.reason}")
    console.result("in ms: median of the processes' medians ± median absolute deviation")
    names = [variant.name for variant in report.variants]
    for number, photo in enumerate(report.photos):
        console.result()
        console.result(f"{photo.name}, {photo.width}x{photo.height}")
        console.table(
            ("stage", *names),
            [
                (stage, *(_cell(summary.time(name, stage, photo_of_stage)) for name in names))
                for stage, photo_of_stage in (
                    ("load", None),
                    *((stage, number) for stage in ("first", *MEASURED_STAGES)),
                )
            ]
            + _tail_rows(report, summary, number)
            + _other_rows(report, number),
        )
        _print_ratios(report, summary, number, console)
        _print_caveats(report, summary, number, console)


def _rounds(report: BenchReport) -> int:
    """Return the processes of the variant that has most: others may have failed."""
    return max(len(variant.rounds) for variant in report.variants)


def _models(report: BenchReport) -> str:
    return ", ".join(dict.fromkeys(variant.model.name for variant in report.variants))


def _tail_rows(report: BenchReport, summary: Summary, photo: int) -> list[tuple[str, ...]]:
    """Percentiles of the whole, where any variant has samples enough."""
    times = [summary.time(variant.name, "whole", photo) for variant in report.variants]
    return [
        (f"whole {name}", *("-" if time is None else f"{time / 1e6:.2f}" for time in tails))
        for name, tails in (
            ("p90", [time.p90_ns for time in times]),
            ("p99", [time.p99_ns for time in times]),
        )
        if any(tails)
    ]


def _missing_tails(report: BenchReport, photo: int) -> list[str]:
    """Why there is no percentile, the lowest that is missing of each variant."""
    from toolkit.stats.percentiles import FEWEST_PASSES, too_few

    missing = []
    for variant in report.variants:
        passes = [round_.photos[photo].iterations["whole"] for round_ in variant.rounds]
        reasons = [too_few(passes, percent) for percent in sorted(FEWEST_PASSES)]
        missing += [reason for reason in reasons if reason][:1]
    return list(dict.fromkeys(missing))


def _other_rows(report: BenchReport, photo: int) -> list[tuple[str, ...]]:
    """CPU time, memory and throughput: medians over the processes."""
    from statistics import median

    def row(head: str, figure: Callable[[Round], float | None]) -> tuple[str, ...]:
        columns = [
            [value for round_ in variant.rounds if (value := figure(round_)) is not None]
            for variant in report.variants
        ]
        return (head, *(f"{median(values):.2f}" if values else "-" for values in columns))

    def throughput(process: Round) -> float | None:
        measured = process.photos[photo].throughput
        return measured.photos_per_second if measured else None

    rows = [
        row("cpu per photo", lambda process: process.photos[photo].cpu_ns_per_photo / 1e6),
        row("memory, MB", lambda process: (process.max_rss_bytes or 0) / 1e6 or None),
    ]
    if report.settings.workers > 1:
        rows.append(row(f"photos/s by {report.settings.workers}", throughput))
    return rows


def _cell(time: StageTime) -> str:
    middle = f"{time.median_ns / 1e6:.2f}"
    # One process has no deviation from itself; "± 0.00" would look like certainty.
    return middle if time.processes == 1 else f"{middle} ± {time.mad_ns / 1e6:.2f}"


def _print_ratios(report: BenchReport, summary: Summary, photo: int, console: Console) -> None:
    for ratio in summary.ratios:
        if ratio.photo == photo and ratio.stage in ("segment", "whole"):
            console.result(
                f"{ratio.stage}: {ratio.variant} is {ratio.median:.2f} times as fast as "
                f"{report.baseline} ({_range(ratio)})"
            )


def _range(ratio: Ratio) -> str:
    if ratio.low is None:
        return f"{ratio.min:.2f} to {ratio.max:.2f} over {ratio.rounds} rounds; no interval below 5"
    return f"95 % interval {ratio.low:.2f} to {ratio.high:.2f}, {ratio.rounds} rounds"


def _print_caveats(report: BenchReport, summary: Summary, photo: int, console: Console) -> None:
    for line in _missing_tails(report, photo):
        console.result(line)
    for warning in summary.warnings:
        if warning.photo == photo:
            console.result(f"{warning.variant}: {warning.text}")
    restless = [
        f"{variant.name} in {count} of {len(variant.rounds)} processes"
        for variant in report.variants
        if (count := sum(round_.photos[photo].warmed_up is False for round_ in variant.rounds))
    ]
    if restless:
        console.result(f"not steady at the end of the warm-up: {', '.join(restless)}")
