"""``toolkit convert``: a frozen graph to a verified ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.console import (
    Console,
    Exit,
    Json,
    ModelArgument,
    Quiet,
    TrustGraph,
    Verbose,
    guarded,
)


@guarded
def convert_command(
    model: ModelArgument = None,
    opset: Annotated[
        int, typer.Option("--opset", metavar="N", help="The ONNX operator set, 11 to 18.")
    ] = 18,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to put the ONNX file. Default: exported/MODEL.plain.opsetN.onnx.",
            show_default=False,
        ),
    ] = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert a frozen graph to ONNX, verify it against TF1 and put it in place.

    The export is checked by the ONNX checker and run in ONNX Runtime beside TF1-compat inference;
    only one that passes under the near-tie rule is put in place, with a manifest beside it. The
    same graph gives the same bytes on every run. Exit code 1 where it does not pass.

    Example: `toolkit convert standin --opset 13`
    """
    from toolkit.convert import convert_model
    from toolkit.errors import UsageError
    from toolkit.graphs import inspect_graph
    from toolkit.resolve import resolve_model
    from toolkit.verify import photo_inputs

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    found = resolve_model(model, trusted=trust_graph)
    if found.kind == "onnx":
        raise UsageError(f"{found.path} is an ONNX file already", "give a .pb, a .tar.gz or a name")
    console.say(f"model {found.name}: {found.about}")
    graph = found.graph()
    with console.progress("converting") as progress:
        made = convert_model(
            graph,
            opset=opset,
            output=output,
            images=photo_inputs([], inspect_graph(graph).network.crop),
            progress=progress,
        )
    manifest, inputs = made.manifest, made.report.inputs
    near_ties = sum(found.export.near_ties for found in inputs if found.export)
    largest = max((found.logit_difference or 0.0 for found in inputs), default=0.0)
    console.document(
        "convert", {"path": made.path, "published": made.published, "manifest": manifest}
    )
    if not made.published:
        failed = ", ".join(found.name for found in inputs if not found.passed)
        console.warn(f"not put in place: it differs from TF1 beyond near-ties on {failed}")
        raise typer.Exit(Exit.CHECK_FAILED)
    console.result(f"{made.path}  {manifest.size / 1e6:.2f} MB, opset {opset}")
    console.result(f"sha256   {manifest.sha256}")
    console.result(
        f"verified on {len(inputs)} inputs against TF1: label maps identical but for {near_ties} "
        f"near-ties; logits differ by at most {largest:.1e}"
    )
