"""``toolkit parity``: whether both backends find the same mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console, to_json
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import (
    Json,
    ModelOption,
    Quiet,
    SubjectOption,
    Threads,
    TrustGraph,
    Verbose,
)

if TYPE_CHECKING:
    from toolkit.parity import PhotoParity, Thresholds


@guarded
def parity_command(
    image: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Photos to compare on.")],
    model: ModelOption = None,
    subject: SubjectOption = "person",
    min_iou: Annotated[
        float | None,
        typer.Option(
            "--min-iou",
            min=0.0,
            max=1.0,
            help="Least IoU of the subject's mask at photo size. Giving it, or --min-agreement, "
            "lets the numbers decide instead of the near-tie rule: for exports that trade "
            "accuracy for speed.  [default: 0.999]",
            show_default=False,
        ),
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            "--min-agreement",
            min=0.0,
            max=1.0,
            help="Least share of pixels with the same label.  [default: 0.999]",
            show_default=False,
        ),
    ] = None,
    diff: Annotated[
        Path | None,
        typer.Option(
            "--diff", metavar="DIR", help="Write a picture per photo of where they differ."
        ),
    ] = None,
    threads: Threads = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run photos through TF1 and ONNX Runtime and check that the masks agree.

    Both see the same preprocessed pixels. Pixels where TF1's two best classes are nearly tied may
    differ and are counted; any other difference gives exit code 1. An export of a profile that may
    change labels has to keep the share of them that the profile promises, as a mean over the
    photos.

    Example: `toolkit parity photo.jpg --diff differences/`
    """
    from toolkit.backends.onnx import OnnxBackend
    from toolkit.backends.tf import TfBackend
    from toolkit.convert.profiles import least_agreement
    from toolkit.errors import InputFileError
    from toolkit.host import available_cores, limit_opencv
    from toolkit.hub.model import resolve_model
    from toolkit.hub.opening import ensure_artifact
    from toolkit.imaging import read_photo, write_photo
    from toolkit.parity import NEAR_TIE, Thresholds, check_parity, shortfall
    from toolkit.report.pictures import difference_picture

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    limit_opencv(threads)
    by_rule = min_iou is None and min_agreement is None
    found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    compared: dict[Path, PhotoParity] = {}
    bad: dict[Path, InputFileError] = {}
    threads = threads or available_cores()
    if diff:
        diff.mkdir(parents=True, exist_ok=True)
    with (
        TfBackend(found.graph(), threads=threads) as reference,
        OnnxBackend(ensure_artifact(found), threads=threads) as candidate,
        console.progress("comparing") as progress,
    ):
        label = reference.network.require_label(subject)
        profile = candidate.metadata.get("profile", "")
        rounded = reference.contract.fake_quantized
        limits = Thresholds(
            min_agreement=0.999 if min_agreement is None else min_agreement,
            min_iou=0.999 if min_iou is None else min_iou,
            near_tie_rule=by_rule,
            mean_agreement=least_agreement(profile, fake_quantized=rounded) if by_rule else None,
        )
        for done, path in enumerate(image):
            progress(done, len(image))
            try:
                photo = read_photo(path).bgr
            except InputFileError as error:
                console.warn(f"toolkit: {error}")
                bad[path] = error
                continue
            compared[path], masks = check_parity(photo, reference, candidate, subject=label)
            if diff:
                picture = difference_picture(
                    photo, masks.reference, masks.candidate, names=("TF1", candidate.name)
                )
                write_photo(diff / f"{path.stem}.diff.png", picture)
    _print(compared, limits, console)
    console.document(
        "parity",
        {
            "model": found.name,
            "near_tie": NEAR_TIE,
            "limits": limits,
            "passed": not bad and not shortfall([*compared.values()], limits),
            "photos": [
                {"photo": path, **to_json(one), "failures": one.failures(limits), "error": None}
                for path, one in compared.items()
            ]
            + [{"photo": path, "error": str(error)} for path, error in bad.items()],
        },
    )
    if bad:
        raise typer.Exit(Exit.COULD_NOT_RUN)
    if shortfall([*compared.values()], limits):
        raise typer.Exit(Exit.CHECK_FAILED)


def _print(compared: dict[Path, PhotoParity], limits: Thresholds, console: Console) -> None:
    from toolkit.parity import shortfall

    console.table(
        (
            "photo",
            "network input",
            "agreement",
            "differing",
            "near-ties",
            "lowest class IoU",
            "subject IoU",
            "in band / outside",
            "portraits differ by",
            "",
        ),
        [
            (
                path.name,
                f"{one.network_size[1]}x{one.network_size[0]}",
                f"{one.labels.agreement:.6f}",
                str(one.labels.differing),
                str(one.labels.near_ties),
                f"{min(one.labels.class_iou.values()):.5f}",
                f"{one.mask.iou:.5f}",
                f"{one.mask.inside_band} / {one.mask.outside_band} px",
                str(one.portrait_difference),
                "FAILED: " + ", ".join(failed) if (failed := one.failures(limits)) else "ok",
            )
            for path, one in compared.items()
        ],
    )
    console.result()
    console.result(shortfall([*compared.values()], limits) or f"passed on {len(compared)} photos")
