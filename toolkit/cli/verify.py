"""``toolkit verify``: a frozen graph, and its export, against TF1-compat inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console, to_json
from toolkit.cli.exits import Exit, guarded
from toolkit.cli.options import Json, ModelArgument, Quiet, Threads, TrustGraph, Verbose

if TYPE_CHECKING:
    from toolkit.verify import InputReport, VerifyReport


@guarded
def verify_command(
    model: ModelArgument = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image", "-i", metavar="PATH", help="A photo to verify on; may be repeated."
        ),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(
            "--onnx",
            metavar="PATH",
            help="The ONNX export to compare. Default: the export of this graph, if there is one.",
            show_default=False,
        ),
    ] = None,
    threads: Threads = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a frozen graph by TF1-compat inference and check what it promises.

    Checks its two tensors, that label maps have the input's size, stay in range and come out the
    same twice, over the demo's photo, the photos given and sizes from 1x1 to 2000x3. Where there is
    an ONNX export the same inputs go through ONNX Runtime, and each differing pixel is judged by
    the near-tie rule. Exit code 1 where a check failed.

    Example: `toolkit verify mnv2_dm05_person --image photo.jpg`
    """
    from toolkit.graphs import load_graph
    from toolkit.hub.model import resolve_model
    from toolkit.hub.opening import find_export
    from toolkit.verify import photo_inputs, verify_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    graph = found.graph()
    export = onnx or find_export(found, graph)
    console.say(f"export {export}" if export else "no export of this graph yet: TF1 only")
    with console.progress("verifying") as progress:
        loaded = load_graph(graph)
        report = verify_model(
            loaded,
            images=photo_inputs(image or [], loaded.contract.network.crop),
            export=export,
            threads=threads,
            progress=progress,
        )
    _print(report, console)
    if not report.passed:
        raise typer.Exit(Exit.CHECK_FAILED)


def _print(report: VerifyReport, console: Console) -> None:
    from toolkit.graphs.network import INPUT, OUTPUT
    from toolkit.parity import NEAR_TIE

    contract = report.contract
    height, width = contract.network.crop
    console.document("verify", {**to_json(report), "near_tie": NEAR_TIE, "passed": report.passed})
    console.result(f"graph    {report.model}  sha256 {report.graph_sha256}")
    console.result(
        f"tensors  {INPUT.name} uint8 [1, H, W, 3] -> "
        f"{OUTPUT.name} {contract.output_dtype} [1, H, W]"
    )
    console.result(f"network  crop {width}x{height}, {len(contract.network.labels)} labels")
    console.result()
    console.table(
        ("input", "size", "labels", "TF1", "export", "logits differ by"),
        [
            (
                found.name,
                f"{found.size[1]}x{found.size[0]}",
                ", ".join(contract.network.labels[n] for n in found.labels) or "-",
                _contract_text(found),
                _export_text(found, lossy=report.least_agreement is not None),
                "-" if found.logit_difference is None else f"{found.logit_difference:.1e}",
            )
            for found in report.inputs
        ],
    )
    failed = sum(not found.passed for found in report.inputs)
    console.result()
    if report.least_agreement is not None:
        console.result(
            f"{'passed' if report.passed else 'FAILED'} on {len(report.inputs)} inputs: "
            f"{report.agreement:.1%} of the labels are TF1's, "
            f"{report.least_agreement:.0%} asked; export {report.export}"
        )
        return
    console.result(
        f"FAILED on {failed} of {len(report.inputs)} inputs"
        if failed
        else f"passed on {len(report.inputs)} inputs"
        + (f"; export {report.export}" if report.export else "; no export compared")
    )


def _contract_text(found: InputReport) -> str:
    broken = [
        words
        for kept, words in (
            (found.shape_kept, "other size"),
            (found.in_range, "labels out of range"),
            (found.repeatable, "differs when repeated"),
        )
        if not kept
    ]
    return "FAILED: " + ", ".join(broken) if broken else "ok"


def _export_text(found: InputReport, *, lossy: bool) -> str:
    if found.export is None:
        return "-"
    if lossy:
        return f"{found.export.agreement:.1%} equal"
    if found.export.beyond:
        return f"FAILED: {found.export.beyond} pixels differ beyond near-ties"
    if found.export.near_ties:
        return f"ok, {found.export.near_ties} near-ties differ"
    return "identical"
