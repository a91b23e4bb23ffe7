"""``toolkit portrait``: photos with a blurred background."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
from toolkit.errors import BackendError, PhotoError, StoreError, UsageError

if TYPE_CHECKING:
    from toolkit.backends import Backend
    from toolkit.catalog import Network
    from toolkit.media import Photo
    from toolkit.portrait import Portrait

MARK = ".portrait"


@dataclass(frozen=True)
class Job:
    """A photo and the files that are made of it."""

    photo: Path
    output: Path
    stages: Path | None
    overlay: Path | None

    @property
    def outputs(self) -> list[Path]:
        """Every file that is written."""
        return [path for path in (self.output, self.stages, self.overlay) if path]


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
        typer.Argument(metavar="IMAGE", help="Photos: JPEG, PNG, WebP, BMP, TIFF or GIF."),
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
    style: Annotated[
        Literal["tutorial"],
        typer.Option(
            "--style", help="How the portrait is made; tutorial: a box blur behind a hard edge."
        ),
    ] = "tutorial",
    subject: Subject = "person",
    blur: Annotated[
        int,
        typer.Option(
            "--blur",
            metavar="K",
            min=1,
            max=2047,
            help="Strength: each background pixel becomes the mean of K x K pixels.",
        ),
    ] = 13,
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
    require_subject: Annotated[
        bool,
        typer.Option("--require-subject", help="Exit with 1 where a photo has no such subject."),
    ] = False,
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
    be read is named, the others are still done, and the exit code is 3 in the end.

    Example: `toolkit portrait holiday.jpg --blur 21 --stages`
    """
    from toolkit.recommend.config import Config, read_config, resolve_configured
    from toolkit.resolve import open_backend, resolve_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    jobs = plan_jobs(images, output, stages=stages, overlay=overlay)
    configured = read_config(config) if config else Config()
    backend = _given(context, "backend") or configured.backend or backend
    subject = _given(context, "subject") or configured.subject or subject
    threads = threads or configured.threads
    if config and model is None:
        found = resolve_configured(configured, config, trusted=trust_graph)
    else:
        found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    with open_backend(found, backend, threads=threads) as opened:
        limit_opencv(opened.threads)
        label = opened.network.require_label(subject)
        console.say(f"backend {opened.name} {opened.version}, {opened.threads} threads")
        console.say(f"style {style}: {opened.network.labels[label]} sharp, blur of {blur} pixels")
        reports = [_do(job, opened, label, blur, console) for job in jobs]
    console.document("portrait", {"model": found.name, "backend": backend, "photos": reports})
    if any(report.error for report in reports):
        raise typer.Exit(Exit.COULD_NOT_RUN)
    if require_subject and not all(report.subject_found for report in reports):
        raise typer.Exit(Exit.CHECK_FAILED)


def _given(context: typer.Context, option: str) -> str | None:
    """Return what the command line says itself of an option that has a default."""
    source = context.get_parameter_source(option)
    value: str = context.params[option]
    return value if source is not None and source.name == "COMMANDLINE" else None


def plan_jobs(
    images: Sequence[Path], output: str | None, *, stages: bool, overlay: bool
) -> list[Job]:
    """Decide every file name before any work.

    Parameters
    ----------
    images : sequence of Path
    output : str or None
        A file, or a folder: an existing one, or a name that ends with a slash; several photos take
        any name that is not a photo's for a folder.
    stages, overlay : bool
        Whether those pictures are written too.

    Raises
    ------
    UsageError
        A suffix that can't be written, or two photos would go to one file, or one over a photo.
    """
    jobs = []
    for photo in images:
        target = _output(photo, output, several=len(images) > 1)
        stem = target.with_name(target.stem.removesuffix(MARK))
        jobs.append(
            Job(
                photo,
                target,
                stem.with_name(f"{stem.name}.stages.png") if stages else None,
                stem.with_name(f"{stem.name}.overlay.png") if overlay else None,
            )
        )
    _refuse_collisions(jobs)
    return jobs


def _output(photo: Path, output: str | None, *, several: bool) -> Path:
    from toolkit.media import WRITTEN_AS, check_writable

    suffix = photo.suffix if photo.suffix.lower() in WRITTEN_AS else ".png"
    name = f"{photo.stem}{MARK}{suffix}"
    if output is None:
        return photo.with_name(name)
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        return path / name
    if not several:
        check_writable(path)
        return path
    if path.exists() or path.suffix.lower() in WRITTEN_AS:
        raise UsageError(f"{output} is one file for several photos", "give a folder")
    return path / name


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    photos = {job.photo.resolve() for job in jobs}
    makers: dict[Path, Path] = {}
    for job in jobs:
        for path in job.outputs:
            target = path.resolve()
            if target in photos:
                raise UsageError(f"{path} is one of the photos", "choose another name with -o")
            if target in makers:
                raise UsageError(
                    f"{makers[target]} and {job.photo} would both be written to {path}",
                    "give them in two calls with -o",
                )
            makers[target] = job.photo


def _do(job: Job, backend: Backend, label: int, kernel: int, console: Console) -> PhotoReport:
    """Make one portrait; a photo that can't be done is reported and doesn't stop the others."""
    from toolkit.media import read_photo
    from toolkit.portrait import make_portrait

    name = backend.network.labels[label]
    try:
        photo = read_photo(job.photo)
        made = make_portrait(
            photo.bgr, backend, subject=label, kernel=kernel, stages=bool(job.stages or job.overlay)
        )
        _write(job, photo, made, backend.network, console)
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


def _write(job: Job, photo: Photo, made: Portrait, network: Network, console: Console) -> None:
    from toolkit.media import WITHOUT_ALPHA, write_photo
    from toolkit.report.pictures import contact_sheet, overlay

    write_photo(job.output, made.image, photo.alpha)
    if photo.alpha is not None and job.output.suffix.lower() in WITHOUT_ALPHA:
        console.warn(f"{job.output}: JPEG has no transparency; the photo's was left out")
    if made.stages and job.stages:
        write_photo(job.stages, contact_sheet(made.stages, network.labels))
    if made.stages and job.overlay:
        write_photo(job.overlay, overlay(made.stages.photo, made.stages.mask), photo.alpha)


def _label_shares(made: Portrait, network: Network) -> Iterator[LabelShare]:
    for label, share in sorted(made.shares.items(), key=lambda found: -found[1]):
        yield LabelShare(label, network.labels[label], share)
