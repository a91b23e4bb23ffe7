"""``toolkit evaluate``: each variant's masks against ground truth."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import (
    Json,
    JsonOutput,
    ModelOption,
    Quiet,
    SubjectOption,
    Threads,
    TrustGraph,
    Verbose,
)

if TYPE_CHECKING:
    from toolkit.evaluate.schema import Evaluation, QualitySummary

NOTHING = "-"
MOST_ROWS = 100
"""Of a sheet of the worst photos: a JPEG ends at 65,500 pixels."""
HEADS = (
    *("IoU mean", "median", "5th pct", "pooled", "boundary F", "mIOU"),
    *("false positives", "worst"),
)
"""Of the figures in a line."""


@guarded
def evaluate_command(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET",
            help="A folder with images/ and masks/ (PNG of the same name: 255 the subject, 128 "
            "ignored, 0 the rest), or one in PASCAL VOC's layout.",
            show_default=False,
        ),
    ],
    model: ModelOption = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="SPEC",
            help="What to judge; may be repeated. SPEC is BACKEND[:MODEL][@threads=N]"
            "[@provider=NAME], as in bench: `tf`, `onnx:a.onnx`.  [default: onnx]",
            show_default=False,
        ),
    ] = None,
    subject: SubjectOption = "person",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="Judge the first N photos by name.  [default: all]",
            show_default=False,
        ),
    ] = None,
    min_iou: Annotated[
        float | None,
        typer.Option(
            "--min-iou",
            metavar="X",
            min=0.0,
            max=1.0,
            help="Exit with 1 where a variant's mean subject IoU is below.",
            show_default=False,
        ),
    ] = None,
    worst: Annotated[
        int,
        typer.Option(
            "--worst",
            metavar="N",
            min=1,
            max=MOST_ROWS,
            help="How many photos of each variant --pictures shows: the lowest IoUs, or without "
            "the subject the most false positives.",
        ),
    ] = 8,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="DIR",
            help="Write each variant's worst photos there as one picture: photo, ground truth, "
            "mask, differences.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Write each export's figures into the manifest beside it."),
    ] = False,
    threads: Threads = None,
    output: JsonOutput = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge each variant's masks against ground truth: IoU, contours, false positives.

    The mask judged is the one that a portrait is made with, at the photo's size. A line is printed
    as soon as a variant is done, and stays true if the run is interrupted.

    Example: `toolkit evaluate photos/ --variant tf --variant onnx --output quality.json`
    """
    from toolkit.bench.variants import parse_variant
    from toolkit.evaluate.dataset import open_dataset
    from toolkit.evaluate.files import to_document, write_evaluation
    from toolkit.evaluate.run import iterate_evaluation
    from toolkit.evaluate.schema import summarize
    from toolkit.hub.model import resolve_model
    from toolkit.imaging import write_photo
    from toolkit.report.worst import WorstPhotos

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    from toolkit.host import limit_opencv

    limit_opencv(threads)
    variants = [parse_variant(spec) for spec in dict.fromkeys(variant or ["onnx"])]
    found = open_dataset(dataset)
    used = resolve_model(model, trusted=trust_graph)
    console.say(f"model {used.name}: {used.about}")
    looked_at = WorstPhotos(worst) if pictures else None
    lines = _Lines([str(one) for one in variants], console)

    def run(progress: Callable[[int, int | None], None]) -> Iterator[Evaluation]:
        return iterate_evaluation(
            found,
            used,
            variants,
            subject=subject,
            limit=limit,
            threads=threads,
            command=("toolkit", *sys.argv[1:]),
            checking=progress,
            progress=progress,
            seen=looked_at.see if looked_at else None,
            record=record,
        )

    for evaluation in _one_by_one(run, console):
        if min_iou is not None:
            _require_subject(evaluation)
        if output and evaluation.variants:
            write_evaluation(output, evaluation)
        if pictures and looked_at and evaluation.variants:
            name = evaluation.variants[-1].name
            write_photo(_picture_path(pictures, evaluation), looked_at.sheet(name))
        lines.show(evaluation)
    if output and evaluation.variants:
        console.say(f"wrote {output}")
    console.document("evaluation", to_document(evaluation))
    low = [
        (one.variant, one.mean_iou)
        for one in map(summarize, evaluation.variants)
        if min_iou is not None and one.mean_iou is not None and one.mean_iou < min_iou
    ]
    for name, iou in low:
        console.result(f"FAILED: {name}: mean IoU {iou:.4f} is below {min_iou}")
    _end(evaluation, console)
    if low:
        raise typer.Exit(Exit.CHECK_FAILED)


def _one_by_one(
    run: Callable[[Callable[[int, int | None], None]], Iterator[Evaluation]], console: Console
) -> Iterator[Evaluation]:
    """Give each evaluation as soon as it is there.

    The progress bar is gone meanwhile: while there is one, it takes what is printed to stdout.
    """
    bar: Callable[[int, int | None], None]

    def progress(done: int, total: int | None) -> None:
        bar(done, total)

    evaluations = run(progress)
    while True:
        with console.progress("judging") as bar:
            try:
                evaluation = next(evaluations)
            except StopIteration:
                return
        yield evaluation


def _picture_path(folder: Path, evaluation: Evaluation) -> Path:
    """Return where the last variant's worst photos go; no two variants share a file."""
    names = [re.sub(r"[^A-Za-z0-9._=-]+", "_", one.name) for one in evaluation.variants]
    again = names[:-1].count(names[-1])
    return folder / f"{names[-1]}{f'.{again + 1}' if again else ''}.worst.jpg"


class _Lines:
    """A table that grows by a line per variant, so that an interrupt takes nothing away."""

    def __init__(self, names: Sequence[str], console: Console) -> None:
        self._console = console
        self._width = max(len(name) for name in ("variant", *names))
        self._shown = 0

    def show(self, evaluation: Evaluation) -> None:
        """Print the head, or the variants that are new."""
        from toolkit.evaluate.schema import summarize

        if not evaluation.variants and not self._shown:
            self._head(evaluation)
        for variant in evaluation.variants[self._shown :]:
            self._line(variant.name, _cells(summarize(variant)))
        self._shown = len(evaluation.variants)

    def _head(self, evaluation: Evaluation) -> None:
        dataset, subject = evaluation.dataset, evaluation.settings.subject
        shown = sum(photo.subject_pixels > 0 for photo in evaluation.photos)
        self._console.result(
            f"{dataset.name}: {len(evaluation.photos)} of {dataset.photos} photos, "
            f"{shown} with {subject}, {len(evaluation.photos) - shown} without"
        )
        self._line("variant", HEADS)

    def _line(self, name: str, cells: Iterable[str]) -> None:
        widths = [max(len(head), 6) for head in HEADS]
        self._console.result(
            "  ".join(
                [
                    name.ljust(self._width),
                    *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)),
                ]
            )
        )


def _cells(summary: QualitySummary) -> list[str]:
    """Write a variant's figures in the order of `HEADS`."""
    figures = (
        *(summary.mean_iou, summary.median_iou, summary.p5_iou, summary.pooled_iou),
        *(summary.boundary_f, summary.mean_class_iou),
    )
    shares = (summary.false_positive_share, summary.worst_false_positive_share)
    return [
        *(NOTHING if figure is None else f"{figure:.4f}" for figure in figures),
        *(NOTHING if share is None else f"{share:.3%}" for share in shares),
    ]


def _require_subject(evaluation: Evaluation) -> None:
    """Refuse to hold an IoU against a limit where there can be none."""
    from toolkit.errors import InputFileError

    if not any(photo.subject_pixels for photo in evaluation.photos):
        raise InputFileError(
            evaluation.dataset.path,
            f"no photo judged shows {evaluation.settings.subject}, so there is no IoU",
            "leave --min-iou out, or take more photos",
        )


def _end(evaluation: Evaluation, console: Console) -> None:
    """Say what could not be judged; an error, as it was asked for."""
    from toolkit.errors import BackendError

    problems = [f"{skipped.variant}: {skipped.reason}" for skipped in evaluation.skipped]
    for problem in problems[1:]:
        console.warn(problem)
    if problems:
        raise BackendError(problems[0], "the other variants' figures are kept")
