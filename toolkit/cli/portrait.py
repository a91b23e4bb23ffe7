"""``toolkit portrait``: photos with a blurred background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import (
    Json,
    ModelOption,
    PortraitSubject,
    Quiet,
    Threads,
    TrustGraph,
    Verbose,
    given,
)
from toolkit.cli.portrait_summary import RunSummary
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from toolkit.portrait import Edge, Kernel, Style
    from toolkit.serving.batch import WorkerPlan
    from toolkit.serving.predictor import Predictor


@guarded
def portrait_command(
    context: typer.Context,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE",
            help="Photos (JPEG, PNG, WebP, BMP, TIFF or GIF), folders of them, and patterns in "
            "quotes, as in 'holiday/*.jpg'; or one video.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR|PATTERN",
            help="Where to write. A folder's name ends with / unless it exists; several photos "
            "need a folder, or a pattern with {stem}, {ext} and {folder}, as in "
            "'small/{folder}/{stem}.jpg'; without a slash it is a name beside each photo. "
            "Default: '{stem}.portrait{ext}'.",
            show_default=False,
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive", "-r", help="Look into the folders of a folder too; links not followed."
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Skip photos whose portrait is there, made of the same bytes with the same "
            "settings, by the record that a run over several photos keeps beside its portraits.",
        ),
    ] = False,
    model: ModelOption = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            "-b",
            metavar="NAME",
            help="The runtime: onnx is ONNX Runtime, openvino OpenVINO, opencv OpenCV's DNN, all "
            "on the export; tf is TensorFlow on the frozen graph. toolkit info lists them, and "
            "those that other packages add.",
        ),
    ] = None,
    subject: PortraitSubject = None,
    style: Annotated[
        Literal["natural", "tutorial"],
        typer.Option(
            "--style",
            help="natural: a soft edge before a background without the subject. tutorial: a hard "
            "edge before a box blur, as the tutorial made it, byte for byte.",
        ),
    ] = "natural",
    kernel: Annotated[
        Literal["lens", "gaussian", "box"],
        typer.Option(
            "--kernel",
            help="How the natural style blurs. lens: by a disc in linear light, as a wide aperture "
            "does; lamps become discs.",
        ),
    ] = "lens",
    strength: Annotated[
        float,
        typer.Option(
            "--strength",
            metavar="PERCENT",
            min=0,
            max=100,
            help="Of the natural style's blur: its size in percent of the photo's longer side.",
        ),
    ] = 2.0,
    blur: Annotated[
        int | None,
        typer.Option(
            "--blur",
            metavar="K",
            min=1,
            max=2047,
            help="Size of the blur in pixels: of the tutorial's square, 13 where nothing is said; "
            "in the natural style instead of --strength.",
            show_default=False,
        ),
    ] = None,
    edge: Annotated[
        Literal["guided", "watershed", "none"],
        typer.Option(
            "--edge",
            help="How the natural style's edge is found. guided: a guided filter along the photo's "
            "own edges. watershed: hard, on the ridges of the gradient. none: the network's.",
        ),
    ] = "guided",
    depth: Annotated[
        float,
        typer.Option(
            "--depth",
            metavar="D",
            min=0,
            max=1,
            help="How much the ground sharpens toward the subject's feet in the natural style, "
            "0 to 1.",
        ),
    ] = 0.0,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Also write photo, tutorial's portrait and this one side by side, with an edge "
            "enlarged, NAME.compare.png.",
        ),
    ] = False,
    stages: Annotated[
        bool,
        typer.Option("--stages", help="Also write every step as one picture, NAME.stages.png."),
    ] = False,
    overlay: Annotated[
        bool,
        typer.Option(
            "--overlay", help="Also write the photo with its mask laid over, NAME.overlay.png."
        ),
    ] = False,
    quality: Annotated[
        int,
        typer.Option(
            "--quality",
            metavar="Q",
            min=1,
            max=100,
            help="Of portraits written as JPEG or WebP.",
        ),
    ] = 95,
    strip: Annotated[
        bool,
        typer.Option(
            "--strip", help="Leave out of the metadata of portrait or video where it was made."
        ),
    ] = False,
    require_subject: Annotated[
        bool,
        typer.Option("--require-subject", help="Exit with 1 where a photo has no such subject."),
    ] = False,
    every: Annotated[
        int,
        typer.Option(
            "--every",
            metavar="N",
            min=1,
            help="Of a video: let the network see each Nth frame only, and carry masks over to "
            "those between along their motion.",
        ),
    ] = 1,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE.toml",
            help="Take model, backend, subject and, for one photo alone, threads from this file "
            "of `toolkit recommend`; what is given on the command line wins.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Photos at a time, which share one session. Default: as many as cores, with one "
            "thread each.",
            show_default=False,
        ),
    ] = None,
    threads: Threads = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Blur the background of photos and keep the subject sharp.

    Where the subject isn't found the photo is written unchanged, with a warning. A photo that can't
    be done is named, the others are still done, and the exit code is 3 in the end. A run over
    several photos can be interrupted: the same command with `--resume` goes on.
    A video is done frame by frame, its sound and times kept; one that ends early, or Ctrl-C, leaves
    what is done as NAME.partial.SUFFIX.

    Example: `toolkit portrait holiday.jpg --strength 3 --compare`

    Example: `toolkit portrait holiday/ --recursive --output portraits/ --resume`
    """
    from toolkit.backends import find_backend
    from toolkit.cli.video import VideoSettings, find_video, portrait_video
    from toolkit.recommend.config import configure
    from toolkit.serving.batch import run_jobs, share_cores
    from toolkit.serving.plan import plan_jobs
    from toolkit.serving.predictor import PortraitSettings, Predictor
    from toolkit.serving.record import PortraitRecord, settings_of

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    made_in = _style(context, style, kernel, strength, blur, edge, depth)
    video = find_video(context, images, output)
    photos = [] if video else images
    jobs = plan_jobs(
        photos, output, stages=stages, overlay=overlay, compare=compare, recursive=recursive
    )
    alone = not resume and photos == [job.photo for job in jobs][:1]
    chosen = configure(config, model=model, backend=backend, subject=subject, trusted=trust_graph)
    threads = threads or (chosen.threads if len(jobs) == 1 else None)
    console.say(f"model {chosen.model.name}: {chosen.model.about}")
    if video:
        wanted = VideoSettings(chosen.subject, made_in, every, strip, require_subject)
        portrait_video(
            video, chosen.model, wanted, console, backend=chosen.backend, threads=threads
        )
        return
    plan = share_cores(len(jobs), find_backend(chosen.backend), workers=workers, threads=threads)
    settings = PortraitSettings(chosen.subject, made_in, quality, strip)
    with Predictor.open(chosen.model, chosen.backend, settings, threads=plan.threads) as predictor:
        _say(console, predictor, plan)
        reports = run_jobs(
            jobs,
            predictor,
            workers=plan.workers,
            record=PortraitRecord(settings_of(predictor), everywhere=not alone),
            resume=resume,
        )
        summary = RunSummary(jobs, console)
        with console.progress("making portraits", "photos") as progress:
            summary.take(reports, progress)
    summary.sum_up()
    console.document(
        "portrait",
        {"model": chosen.model.name, "backend": chosen.backend, "photos": summary.reports},
    )
    if summary.bad:
        raise typer.Exit(Exit.COULD_NOT_RUN)
    if require_subject and summary.without_subject:
        raise typer.Exit(Exit.CHECK_FAILED)


def _say(console: Console, predictor: Predictor, plan: WorkerPlan) -> None:
    backend, style = predictor.backend, predictor.settings.style
    at_once = f", {plan.workers} workers" if plan.workers > 1 else ""
    name = backend.network.labels[predictor.subject]
    console.say(f"backend {backend.name} {backend.version}, {backend.threads} threads{at_once}")
    console.say(f"style {style.name}: {name} sharp, {style.about}")


def _style(
    context: typer.Context,
    name: str,
    kernel: Kernel,
    strength: float,
    blur: int | None,
    edge: Edge,
    depth: float,
) -> Style:
    """Return the style that is asked for; an option of the other one is refused."""
    from toolkit.portrait import KERNEL, Natural, Tutorial

    if name == "natural":
        if blur is not None and given(context, "strength"):
            raise UsageError("--blur and --strength both say how large the blur is", "give one")
        return Natural(kernel, strength, edge, depth, size=blur)
    for option in ("kernel", "strength", "edge", "depth"):
        if given(context, option):
            raise UsageError(f"--{option} is of the natural style", "leave out --style tutorial")
    return Tutorial(blur or KERNEL)
