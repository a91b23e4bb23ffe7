"""``toolkit convert``: a frozen graph to a verified ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import Json, ModelArgument, Quiet, TrustGraph, Verbose

if TYPE_CHECKING:
    from toolkit.convert import Profile
    from toolkit.verify import VerifyReport


ENOUGH_PHOTOS = 8
"""Fewer to calibrate on are worth a word."""


@guarded
def convert_command(
    model: ModelArgument = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="The profile; --profiles lists them. Default: exact, or plain where exact does "
            "not recognize the graph.",
            show_default=False,
        ),
    ] = None,
    logits: Annotated[
        bool,
        typer.Option("--logits", help="Give the network's logits out as well, for a soft edge."),
    ] = False,
    profiles: Annotated[
        bool, typer.Option("--profiles", help="List the profiles and their passes, and end.")
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="DIR",
            help="A folder of photos, some tens like those to be run; for an int8 profile.",
            show_default=False,
        ),
    ] = None,
    opset: Annotated[
        int, typer.Option("--opset", metavar="N", help="The ONNX operator set, 11 to 18.")
    ] = 18,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to put the ONNX file. Default: exported/MODEL.PROFILE.opsetN.onnx.",
            show_default=False,
        ),
    ] = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert a frozen graph to ONNX, verify it against TF1 and put it in place.

    A profile is a list of passes that make the export faster; some may change labels, and
    --profiles says which. The export is checked by the ONNX checker and run in ONNX Runtime beside
    TF1-compat inference; only one that passes is put in place, with a manifest beside it: under the
    near-tie rule, or where labels may change with a least share of equal labels. The same graph
    gives the same bytes on every run. Exit code 1 where it does not pass.

    Example: `toolkit convert mnv2_dm05_person --profile fast --opset 13`
    """
    from toolkit.convert import DEFAULT_PROFILES, PROFILES
    from toolkit.convert.calibration import read_calibration
    from toolkit.convert.profiles import WITH_LOGITS
    from toolkit.errors import UsageError
    from toolkit.graphs import load_graph
    from toolkit.hub.model import resolve_model
    from toolkit.hub.publish import convert_model
    from toolkit.verify import photo_inputs

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    if profiles:
        console.document("convert", {"profiles": [_facts(each) for each in PROFILES.values()]})
        for each in PROFILES.values():
            console.result(f"{each.name:<9} {each.about}; {_judged_by(each.least_agreement)}")
            console.result(f"          {', '.join(each.passes)}")
        return
    found = resolve_model(model, trusted=trust_graph)
    if found.kind == "onnx":
        raise UsageError(f"{found.path} is an ONNX file already", "give a .pb, a .tar.gz or a name")
    console.say(f"model {found.name}: {found.about}")
    graph = load_graph(found.graph())
    crop = graph.contract.network.crop
    asked = profile or found.profile
    names = (asked,) if asked else DEFAULT_PROFILES
    calibration = None
    if calibrate:
        with console.progress("reading photos") as progress:
            calibration = read_calibration(calibrate, crop, progress=progress)
        if len(calibration.images) < ENOUGH_PHOTOS:
            console.warn(
                f"calibrated on {len(calibration.images)} photos only: some tens, like those to be "
                "run, give better masks"
            )
    with console.progress("converting") as progress:
        made = convert_model(
            graph,
            profile=[name + WITH_LOGITS * logits for name in names],
            opset=opset,
            output=output,
            images=photo_inputs([], crop),
            calibration=calibration,
            progress=progress,
        )
    manifest, inputs = made.manifest, made.report.inputs
    console.document(
        "convert", {"path": made.path, "published": made.published, "manifest": manifest}
    )
    if not made.published:
        console.warn(f"not put in place: {_shortfall(made.report)}")
        raise typer.Exit(Exit.CHECK_FAILED)
    console.result(
        f"{made.path}  {manifest.size / 1e6:.2f} MB, profile {manifest.profile}, opset {opset}"
    )
    console.result(f"sha256   {manifest.sha256}")
    if manifest.quantization:
        console.result(f"int8 {_quantized(manifest.quantization)}")
    console.result(f"verified on {len(inputs)} inputs against TF1: {_finding(made.report)}")


def _quantized(found: dict[str, Any]) -> str:
    kept = len(found["float_layers"])
    return (
        f"calibrated on {len(found['photos'])} photos; {kept or 'no'} layer{'s' * (kept != 1)} "
        f"left float; error of the logits {found['error']:.2%} of their variance "
        f"({found['error_all']:.2%} with all layers in int8)"
    )


def _facts(profile: Profile) -> dict[str, object]:
    return {
        "name": profile.name,
        "about": profile.about,
        "passes": profile.passes,
        "least_agreement": profile.least_agreement,
    }


def _judged_by(least_agreement: float | None) -> str:
    if least_agreement is None:
        return "labels are TF1's but for near-ties"
    return f"may change labels, verified to agree on {least_agreement:.0%} at least"


def _shortfall(report: VerifyReport) -> str:
    if report.least_agreement is not None and all(found.kept for found in report.inputs):
        return (
            f"{report.agreement:.1%} of its labels are TF1's, less than "
            f"{report.least_agreement:.0%}"
        )
    failed = ", ".join(found.name for found in report.inputs if not found.passed)
    return f"it differs from TF1 beyond near-ties on {failed}"


def _finding(report: VerifyReport) -> str:
    if report.least_agreement is not None:
        return f"{report.agreement:.1%} of the labels are equal"
    near_ties = sum(found.export.near_ties for found in report.inputs if found.export)
    largest = max((found.logit_difference or 0.0 for found in report.inputs), default=0.0)
    return (
        f"label maps identical but for {near_ties} near-ties; "
        f"logits differ by at most {largest:.1e}"
    )
