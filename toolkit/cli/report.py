"""``toolkit report``: bench reports as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import guarded
from toolkit.cli.options import Json, ModelOption, Quiet, SubjectOption, TrustGraph, Verbose
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from toolkit.report.view import MeasurementView, ParetoFront, PhotoStrip

PICTURE_BYTES = 1_000_000
"""Bytes of JPEG in a page; base64 makes a third more of them."""


@guarded
def report_command(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT.json",
            help="Files that `toolkit bench --output` wrote, and beside them those of `toolkit "
            "evaluate --output`.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE.html", help="Where to write the page."),
    ] = Path("report.html"),
    photo: Annotated[
        list[Path] | None,
        typer.Option(
            "--photo",
            metavar="IMAGE",
            help="A photo to show with its mask and portrait, made now by ONNX Runtime; "
            "may be repeated.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    subject: SubjectOption = "person",
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make one HTML page of bench reports: the verdict, the times, the quality, the machine.

    The page needs nothing else: no network, no script, no font; it may be mailed or kept as a
    build's artifact. Several files stand below each other, each with a verdict of its own: files
    are not compared. An evaluation among them puts each variant's quality against its time, joined
    by the variant's text and the hash of what it ran.

    Example: `toolkit report before.json --output report.html --photo photo.jpg`
    """
    from toolkit.bench.files import REPORT
    from toolkit.evaluate.files import EVALUATION
    from toolkit.files.atomic import write_atomically
    from toolkit.report.gather import measurement_of
    from toolkit.report.html import headline, render_page, require_packages
    from toolkit.schema.serialization import read_json

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    require_packages()
    _refuse_overwriting(output, [*results, *(photo or [])])
    documents = [(path, read_json(path)) for path in results]
    evaluations = [
        (EVALUATION.take(path, document), path.name)
        for path, document in documents
        if EVALUATION.describes(document)
    ]
    measurements = [
        measurement_of(REPORT.take(path, document), path.name, evaluations)
        for path, document in documents
        if not EVALUATION.describes(document)
    ]
    if not measurements:
        raise UsageError(
            f"{results[0]} is an evaluation, and no bench report stands beside it",
            "add a file of toolkit bench --output",
        )
    strips = _portraits(photo, model, subject, trust_graph, console) if photo else []
    content = render_page(measurements, strips).encode()
    write_atomically(output, content)
    verdicts = [
        {
            "result": measurement.source,
            "photo": shown.name,
            "fastest": measurement.variants[shown.verdict.fastest].name,
            "clear": shown.verdict.clear,
            "headline": headline(shown.verdict, measurement),
        }
        for measurement in measurements
        for shown in measurement.photos
    ]
    for verdict in verdicts:
        console.result(f"{verdict['photo']}: {verdict['headline']}")
    pareto_fronts = [
        _pareto_front(view, measurement)
        for measurement in measurements
        for view in measurement.pareto_fronts
    ]
    for view in pareto_fronts:
        best = [point["variant"] for point in view["points"] if point["dominated_by"] is None]
        if best:
            console.result(f"{view['dataset']}, {view['photo']}: Pareto front: {', '.join(best)}")
        for left_out in view["unjoined"]:
            console.warn(
                f"{view['quality']} and {view['result']}: {left_out['variant']} "
                f"{left_out['reason']}"
            )
    console.say(f"wrote {output}, {len(content) / 1e6:.2f} MB")
    console.document(
        "report",
        {
            "path": output,
            "size": len(content),
            "verdicts": verdicts,
            "pareto_fronts": pareto_fronts,
        },
    )


def _pareto_front(view: ParetoFront, measurement: MeasurementView) -> dict[str, Any]:
    """Name what a Pareto front shows, for the document."""
    names = [variant.name for variant in measurement.variants]
    return {
        "result": measurement.source,
        "quality": view.source,
        "photo": view.photo,
        "dataset": view.dataset,
        "points": [
            {
                "variant": names[point.variant],
                "median_ns": point.time.middle,
                "low_ns": point.time.low,
                "high_ns": point.time.high,
                "mean_iou": point.mean_iou,
                "dominated_by": None if point.dominated_by is None else names[point.dominated_by],
            }
            for point in view.points
        ],
        "unjoined": [{"variant": name, "reason": reason} for name, reason in view.unjoined],
    }


def _refuse_overwriting(output: Path, inputs: Sequence[Path]) -> None:
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{output} is no HTML file's name", "end it with .html")
    if output.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"{output} is also read", "choose another name with -o")


def _portraits(
    photos: Sequence[Path],
    model: str | None,
    subject: str,
    trusted: bool,
    console: Console,
) -> list[PhotoStrip]:
    from toolkit.host import limit_opencv
    from toolkit.hub.model import resolve_model
    from toolkit.hub.opening import open_backend
    from toolkit.imaging import read_photo
    from toolkit.portrait import make_portrait
    from toolkit.report.photos import strip_of

    limit_opencv()
    found = resolve_model(model, trusted=trusted)
    console.say(f"model {found.name}: {found.about}")
    strips = []
    with open_backend(found, "onnx") as backend:
        label = backend.network.require_label(subject)
        for path in photos:
            bgr = read_photo(path).bgr
            made = make_portrait(bgr, backend, subject=label, stages=True)
            strips.append(
                strip_of(
                    path.name,
                    bgr,
                    made,
                    model=found.name,
                    subject=backend.network.labels[label],
                    byte_limit=PICTURE_BYTES // len(photos),
                )
            )
    return strips
