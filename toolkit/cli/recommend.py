"""``toolkit recommend``: the configuration to ship on this machine."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import Json, ModelOption, Quiet, SubjectOption, TrustGraph, Verbose

if TYPE_CHECKING:
    from toolkit.recommend.config import Config
    from toolkit.recommend.schema import ParetoPoint, Recommendation

NOTHING = "-"


@guarded
def recommend_command(
    dataset: Annotated[
        Path,
        typer.Option(
            "--dataset",
            metavar="DIR",
            help="Photos with masks to judge quality on, in a layout that `toolkit evaluate` "
            "reads; photos like those it will be used on.",
            show_default=False,
        ),
    ],
    photo: Annotated[
        Path | None,
        typer.Argument(
            metavar="PHOTO",
            help="The photo to measure latency on. Default: the demo's, or a made-up one, at "
            "1280x720.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    max_iou_drop: Annotated[
        float,
        typer.Option(
            "--max-iou-drop",
            metavar="X",
            min=0.0,
            max=1.0,
            help="How far the mean IoU may lie below the reference's: the profile `exact`, else "
            "`plain`.",
        ),
    ] = 0.005,
    max_latency: Annotated[
        float | None,
        typer.Option(
            "--max-latency",
            metavar="MS",
            min=0.001,
            help="The most the median from decoded photo to portrait may take.  [default: no "
            "limit]",
            show_default=False,
        ),
    ] = None,
    subject: SubjectOption = "person",
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.toml",
            help="Write what was chosen to this file, for `toolkit portrait --config`.",
        ),
    ] = Path("recommend.toml"),
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="DIR",
            help="Write bench.json and quality.json there; `toolkit report` makes a page of the "
            "two.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="FILE.json",
            help="Keep what is done in this file, so that the same command goes on after an "
            "interrupt.  [default: in the store]",
            show_default=False,
        ),
    ] = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find the fastest configuration of this machine that is good enough.

    Profiles, installed runtimes and thread counts are timed briefly and judged; what another is at
    least as good as, and faster, is left out; the rest is timed well. Takes minutes. After an
    interrupt the same command goes on where it was.

    Example: `toolkit recommend --dataset photos/ photo.jpg --max-latency 30`
    """
    from toolkit.bench.files import write_report
    from toolkit.bench.photos import default_photo, photo_from
    from toolkit.evaluate.dataset import open_dataset
    from toolkit.evaluate.files import write_evaluation
    from toolkit.hub.model import resolve_model
    from toolkit.recommend.config import write_config
    from toolkit.recommend.run import run_recommendation
    from toolkit.recommend.schema import Limits

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    labeled = open_dataset(dataset)
    measured_on = photo_from(photo) if photo else default_photo()
    found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    try:
        done = run_recommendation(
            found,
            labeled,
            measured_on,
            limits=Limits(max_iou_drop, max_latency),
            subject=subject,
            state_path=state,
            command=("toolkit", *sys.argv[1:]),
            stage=console.progress,
        )
    except KeyboardInterrupt:
        console.warn("what is done is kept: the same command goes on there")
        raise
    if results:
        write_report(results / "bench.json", done.bench)
        write_evaluation(results / "quality.json", done.evaluation)
        console.say(f"wrote {results / 'bench.json'} and {results / 'quality.json'}")
    config = _config(done)
    if config:
        write_config(output, config)
    console.document("recommend", _document(done, output if config else None))
    _print(done, console)
    if config:
        console.result(f"toolkit portrait photo.jpg --config {output}")
    raise typer.Exit(
        {"chosen": Exit.DONE, "none": Exit.CHECK_FAILED, "inconclusive": Exit.INCONCLUSIVE}[
            done.choice.outcome
        ]
    )


def _config(done: Recommendation) -> Config | None:
    """Return what `portrait --config` is to take; None where nothing was chosen."""
    from toolkit import __version__
    from toolkit.recommend.config import Config, Measured

    point = done.chosen
    if point is None:
        return None
    # a path is to mean the same from any folder
    path = Path(done.model)
    return Config(
        model=str(path.resolve()) if path.is_file() else done.model,
        model_sha256=done.model_sha256,
        profile=point.profile,
        backend=point.backend,
        threads=point.threads,
        subject=done.subject,
        measured=Measured(
            created=done.created,
            toolkit=__version__,
            cpu=done.host.cpu,
            available_cores=done.host.available_cores,
            runtime=point.version,
            photo=done.photo.name,
            photo_sha256=done.photo.sha256,
            dataset=done.dataset.name,
            dataset_sha256=done.dataset.sha256,
            whole_ms=round(point.whole_ns / 1e6, 3),
            mean_iou=round(point.mean_iou, 6),
            reference_iou=round(done.reference_iou, 6),
        ),
    )


def _document(done: Recommendation, config: Path | None) -> dict[str, Any]:
    """Return what --json prints: all but what the files of --results have."""
    fields = {field.name: getattr(done, field.name) for field in dataclasses.fields(done)}
    for name in ("bench", "evaluation"):
        del fields[name]
    return {**fields, "config": config}


def _print(done: Recommendation, console: Console) -> None:
    photo, dataset = done.photo, done.dataset
    shown = sum(one.subject_pixels > 0 for one in done.evaluation.photos)
    console.result(
        f"{done.model} on {photo.name} ({photo.width}x{photo.height}); {dataset.name}: {shown} "
        f"photos with {done.subject}; reference {done.reference}: IoU {done.reference_iou:.4f}"
    )
    console.result()
    console.table(
        ("Pareto front", "photo to portrait, ms", "segmentation", "IoU", "drop", "memory, MB"),
        [
            (
                point.name,
                _interval(point),
                f"{point.segment_ns / 1e6:.1f}",
                f"{point.mean_iou:.4f}",
                f"{done.reference_iou - point.mean_iou:.4f}",
                NOTHING if point.memory_bytes is None else f"{point.memory_bytes / 1e6:.0f}",
            )
            for point in done.pareto_front
        ],
    )
    console.result()
    reasons: dict[str, list[str]] = {}
    for pruned in done.pruned:
        reasons.setdefault(pruned.reason, []).append(pruned.name)
    for reason, names in reasons.items():
        console.result(f"without {', '.join(names)}: {reason}")
    console.result()
    console.result(_sentence(done))


def _interval(point: ParetoPoint) -> str:
    middle = f"{point.whole_ns / 1e6:.1f}"
    if point.low_ns is None or point.high_ns is None:
        return f"{middle} ({point.rounds} rounds)"
    return f"{middle} ({point.low_ns / 1e6:.1f} to {point.high_ns / 1e6:.1f})"


def _sentence(done: Recommendation) -> str:
    """Say what is chosen and why, or why nothing is."""
    choice, limits = done.choice, done.limits
    point = next(one for one in done.pareto_front if one.name == choice.name)
    drop = done.reference_iou - point.mean_iou
    asked = f"an IoU at most {limits.max_iou_drop:g} below the reference"
    if limits.max_latency_ms is not None:
        asked += f" in at most {limits.max_latency_ms:g} ms"
    figures = f"{_interval(point)} ms, IoU {point.mean_iou:.4f} ({-drop:+.4f})"
    if choice.outcome == "none":
        return f"FAILED: nothing has {asked}; the nearest is {point.name}: {figures}"
    if choice.outcome == "inconclusive":
        return f"INCONCLUSIVE: too noisy to tell what has {asked}; {point.name}: {figures}"
    why = "the fastest"
    if choice.name != choice.fastest:
        why = f"as fast as {choice.fastest} within the noise, and better or on fewer threads,"
    elif choice.tied:
        why = f"the fastest, within the noise with {', '.join(choice.tied)},"
    return f"ship {point.name}: {why} of what has {asked}: {figures}"
