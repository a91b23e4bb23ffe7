"""``toolkit portrait``: photos with a blurred background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from toolkit.cli.console import (
    Console,
    Exit,
    Json,
    ModelOption,
    Quiet,
    Subject,
    Threads,
    TrustGraph,
    Verbose,
    guarded,
    limit_opencv,
)
from toolkit.cli.portrait_files import Job, plan_jobs
from toolkit.errors import BackendError, PhotoError, StoreError, UsageError

if TYPE_CHECKING:
    from toolkit.backends import Backend
    from toolkit.catalog import Network
    from toolkit.media import Photo
    from toolkit.portrait import Edge, Kernel, Portrait, Style


@dataclass(frozen=True)
class Writing:
    """How portraits are written."""

    quality: int
    strip: bool


@dataclass(frozen=True)
class LabelShare:
    """A label found and its share of the label map."""

    id: int
    name: str
    share: float


@dataclass(frozen=True)
class PhotoReport:
    """What became of one photo; sizes are height and width."""

    photo: Path
    output: Path | None = None
    photo_size: tuple[int, int] | None = None
    network_size: tuple[int, int] | None = None
    subject: str | None = None
    subject_found: bool | None = None
    labels: tuple[LabelShare, ...] = ()
    error: str | None = None


@guarded
def portrait_command(
    context: typer.Context,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE", help="Photos: JPEG, PNG, WebP, BMP, TIFF or GIF; or a video."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Where to write. A folder's name ends with / unless it exists; several photos "
            "need a folder. Default: beside each photo, as NAME.portrait.SUFFIX.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    backend: Annotated[
        str,
        typer.Option(
            "--backend",
            "-b",
            metavar="NAME",
            help="The runtime: onnx is ONNX Runtime, openvino OpenVINO, opencv OpenCV's DNN, all "
            "on the export; tf is TensorFlow on the frozen graph. toolkit info lists them, and "
            "those that other packages add.",
        ),
    ] = "onnx",
    subject: Subject = "person",
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
            help="How much the ground sharpens towards the subject's feet in the natural style, "
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
            help="Take model, backend, threads and subject from this file of `toolkit recommend`; "
            "what is given on the command line wins.",
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
    be read is named, the others are still done, and the exit code is 3 in the end. A video is done
    frame by frame, its sound and times kept; one that ends early, or Ctrl-C, leaves what is done as
    NAME.partial.SUFFIX.

    Example: `toolkit portrait holiday.jpg --strength 3 --compare`
    """
    from toolkit.cli.video import Recipe, plan_video, portrait_video
    from toolkit.recommend.config import Config, read_config, resolve_configured
    from toolkit.resolve import open_backend, resolve_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    made_in = _style(context, style, kernel, strength, blur, edge, depth)
    video = plan_video(context, images, output)
    photos = [] if video else images
    jobs = plan_jobs(photos, output, stages=stages, overlay=overlay, compare=compare)
    configured = read_config(config) if config else Config()
    backend = _given(context, "backend") or configured.backend or backend
    subject = _given(context, "subject") or configured.subject or subject
    threads = threads or configured.threads
    if config and model is None:
        found = resolve_configured(configured, config, trusted=trust_graph)
    else:
        found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    if video:
        recipe = Recipe(subject, made_in, _about(made_in), every, strip, require_subject)
        portrait_video(video, found, recipe, console, backend=backend, threads=threads)
        return
    soft = style == "natural"
    with open_backend(found, backend, threads=threads, logits=soft) as opened:
        limit_opencv(opened.threads)
        label = opened.network.require_label(subject)
        console.say(f"backend {opened.name} {opened.version}, {opened.threads} threads")
        console.say(f"style {style}: {opened.network.labels[label]} sharp, {_about(made_in)}")
        writing = Writing(quality, strip)
        reports = [_do(job, opened, label, made_in, writing, console) for job in jobs]
    console.document("portrait", {"model": found.name, "backend": backend, "photos": reports})
    if any(report.error for report in reports):
        raise typer.Exit(Exit.COULD_NOT_RUN)
    if require_subject and not all(report.subject_found for report in reports):
        raise typer.Exit(Exit.CHECK_FAILED)


def _given(context: typer.Context, option: str) -> Any:
    """Return what the command line says itself of an option that has a default."""
    source = context.get_parameter_source(option)
    value = context.params[option]
    return value if source is not None and source.name == "COMMANDLINE" else None


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
        if blur is not None and _given(context, "strength"):
            raise UsageError("--blur and --strength both say how large the blur is", "give one")
        return Natural(kernel, strength, edge, depth, size=blur)
    for option in ("kernel", "strength", "edge", "depth"):
        if _given(context, option):
            raise UsageError(f"--{option} is of the natural style", "leave out --style tutorial")
    return Tutorial(blur or KERNEL)


def _about(style: Style) -> str:
    from toolkit.portrait import Tutorial

    if isinstance(style, Tutorial):
        return f"blur of {style.kernel} pixels"
    size = f"{style.strength:g} % of the longer side" if style.size is None else f"{style.size:g}"
    unit = "" if style.size is None else " pixels"
    return f"{style.kernel} blur of {size}{unit}, {style.edge} edge"


def _do(
    job: Job, backend: Backend, label: int, style: Style, writing: Writing, console: Console
) -> PhotoReport:
    """Make one portrait; a photo that can't be done is reported and doesn't stop the others."""
    from toolkit.media import Photo, read_photo
    from toolkit.pixels import eight_bits
    from toolkit.portrait import Tutorial, make_portrait

    name = backend.network.labels[label]
    try:
        photo: Photo[Any] = read_photo(job.photo, deep=True)
        if isinstance(style, Tutorial):  # whose bytes are of 8 bits
            alpha = None if photo.alpha is None else eight_bits(photo.alpha)
            photo = Photo(eight_bits(photo.bgr), alpha, photo.metadata)
        made = make_portrait(
            photo.bgr,
            backend,
            subject=label,
            style=style,
            stages=bool(job.stages or job.overlay),
        )
        _write(job, photo, made, label, backend.network, writing, console)
    except (PhotoError, StoreError, BackendError) as error:
        text = " ".join(str(error).split())
        line = text if isinstance(error, PhotoError) else f"{job.photo}: {text}"
        console.warn(f"toolkit: {line}")
        return PhotoReport(job.photo, subject=name, error=line)
    if not made.subject_found:
        console.warn(f"{job.photo}: no {name} found: written unchanged")
    labels = tuple(_label_shares(made, backend.network))
    (height, width), (network_height, network_width) = made.photo_size, made.network_size
    console.result(
        f"{job.photo}: photo {width}x{height}, network input {network_width}x{network_height}"
    )
    console.result("  labels:  " + ", ".join(f"{item.name} {item.share:.1%}" for item in labels))
    console.result("  written: " + ", ".join(map(str, job.outputs)))
    return PhotoReport(
        photo=job.photo,
        output=job.output,
        photo_size=made.photo_size,
        network_size=made.network_size,
        subject=name,
        subject_found=made.subject_found,
        labels=labels,
    )


def _write(
    job: Job,
    photo: Photo[Any],
    made: Portrait,
    label: int,
    network: Network,
    writing: Writing,
    console: Console,
) -> None:
    from toolkit.media import WITHOUT_ALPHA, write_photo
    from toolkit.metadata import without_location
    from toolkit.pixels import eight_bits
    from toolkit.report.pictures import comparison, contact_sheet, overlay

    metadata = without_location(photo.metadata) if writing.strip else photo.metadata
    write_photo(job.output, made.image, photo.alpha, metadata=metadata, quality=writing.quality)
    if photo.alpha is not None and job.output.suffix.lower() in WITHOUT_ALPHA:
        console.warn(f"{job.output}: JPEG has no transparency; the photo's was left out")
    if made.stages and job.stages:
        write_photo(job.stages, contact_sheet(made.stages, network.labels))
    if made.stages and job.overlay:
        shown = overlay(eight_bits(made.stages.photo), made.stages.mask)
        alpha = None if photo.alpha is None else eight_bits(photo.alpha)
        write_photo(job.overlay, shown, alpha)
    if job.compare:
        write_photo(job.compare, comparison(photo.bgr, made, label))


def _label_shares(made: Portrait, network: Network) -> Iterator[LabelShare]:
    for label, share in sorted(made.shares.items(), key=lambda found: -found[1]):
        yield LabelShare(label, network.labels[label], share)
