"""``toolkit compare``: two measurements, and whether the second is slower."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import Json, Quiet, Verbose

if TYPE_CHECKING:
    from toolkit.bench.compare import CompareReport, Comparison


@guarded
def compare_command(
    base: Annotated[
        Path,
        typer.Argument(
            metavar="BASE",
            help="What was before: a file of `toolkit bench --output` or of pytest-benchmark, a "
            "folder of such files, or a quoted pattern such as 'runs/base-*.json'.",
            show_default=False,
        ),
    ],
    head: Annotated[
        Path,
        typer.Argument(metavar="HEAD", help="What is now, likewise.", show_default=False),
    ],
    threshold: Annotated[
        str,
        typer.Option(
            "--threshold",
            metavar="N%",
            help="The difference that matters: less is not called slower, and only a ratio that is "
            "surely closer than this is called the same.",
        ),
    ] = "10%",
    floor: Annotated[
        float,
        typer.Option(
            "--floor",
            metavar="MS",
            min=0,
            help="Differences of fewer milliseconds don't matter either, whatever their share.",
        ),
    ] = 0.0,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Judge this stage alone; may be repeated. Fewer comparisons need fewer rounds. "
            "Default: every stage.",
            show_default=False,
        ),
    ] = None,
    allow_different_host: Annotated[
        bool,
        typer.Option(
            "--allow-different-host",
            help="Judge although the two come from different machines, models, photos or settings.",
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say of each stage and variant whether it became slower, faster, or stayed the same.

    One report on each side: a sample is a process. Several files on a side: a sample is a file,
    which also covers what differs from one session to the next. Exits with 1 where anything is
    slower, with 4 where nothing is but something can't be told.

    Example: `toolkit compare before.json after.json --threshold 10%`
    """
    from toolkit.bench.compare import compare
    from toolkit.stats.verdicts import Verdict

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    report = compare(
        base,
        head,
        threshold=_share(threshold),
        floor=floor * 1e6,
        stages=stage or (),
        allow_different_host=allow_different_host,
    )
    console.document("compare", report)
    _warn(report, console)
    _print(report, console)
    if report.verdict is Verdict.SLOWER:
        raise typer.Exit(Exit.CHECK_FAILED)
    if report.verdict is Verdict.INCONCLUSIVE:
        raise typer.Exit(Exit.INCONCLUSIVE)


def _share(text: str) -> float:
    """Read ``10%`` or ``0.1``.

    >>> _share("10%"), _share("0.1")
    (0.1, 0.1)
    """
    from toolkit.errors import UsageError

    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", text):
        raise UsageError(f"--threshold {text!r} is no share", "write 10% or 0.1")
    return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def _warn(report: CompareReport, console: Console) -> None:
    for one in report.differences:
        meaning = "differs" if one.forbids else "differs and may be the reason"
        line = f"{one.what} {meaning}: {one.base}; {one.head}"
        (console.warn if one.forbids else console.say)(line)
    if report.failures:
        console.warn(f"{report.failures} processes did not end well and are not counted")
    if report.added:
        console.say(f"only in the head: {', '.join(report.added)}")


def _print(report: CompareReport, console: Console) -> None:
    from toolkit.stats.verdicts import Verdict

    console.result(
        f"in ms; ratio: head over base, above 1 is slower; a sample is a {report.sample}"
    )
    console.table(
        ("variant", "photo", "stage", "samples", "base", "head", "ratio", "95 %", "verdict"),
        [_cells(one, report) for one in report.comparisons],
    )
    reasons: dict[str, list[str]] = {}
    for one in report.comparisons:
        if one.reason:
            reasons.setdefault(one.reason, []).append(_name(one, report))
    for reason, names in reasons.items():
        console.result(f"inconclusive: {reason} ({', '.join(names)})")
    for one in report.comparisons:
        if one.verdict in (Verdict.SLOWER, Verdict.FASTER):
            console.result(f"{one.verdict}: {_name(one, report)}, {_change(one)}")
    console.result(f"verdict: {report.verdict}")


def _cells(one: Comparison, report: CompareReport) -> tuple[str, ...]:
    return (
        one.variant,
        _photo(one, report),
        one.stage,
        f"{one.base_samples}, {one.head_samples}",
        _milliseconds(one.base_ns),
        _milliseconds(one.head_ns),
        "" if one.ratio is None else f"{one.ratio:.3f}",
        "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}",
        str(one.verdict),
    )


def _photo(one: Comparison, report: CompareReport) -> str:
    return "" if one.photo is None else report.photos[one.photo]


def _name(one: Comparison, report: CompareReport) -> str:
    several = len(report.photos) > 1 and one.photo is not None
    return f"{one.variant} {one.stage}" + (f" on {_photo(one, report)}" if several else "")


def _change(one: Comparison) -> str:
    return f"{one.ratio:.2f} times as long ({one.low:.2f} to {one.high:.2f})"


def _milliseconds(time: float | None) -> str:
    return "" if time is None else f"{time / 1e6:.4g}"
