"""``toolkit demo``: the whole job on one photo."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console
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
    from toolkit.demo import DemoStep


@guarded
def demo_command(
    photo: Annotated[
        Path | None,
        typer.Argument(
            metavar="PHOTO",
            help="The photo. Default: scikit-image's astronaut, from the demo extra.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where to leave the results. Default: exported/demo in the store.",
            show_default=False,
        ),
    ] = None,
    subject: SubjectOption = "person",
    threads: Threads = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Do the whole job on one photo: fetch, verify, convert, portrait, parity, a short bench.

    Gives the network 5 seconds for the official graph, then goes on with the bundled one. Leaves
    the ONNX file with its manifest, the portrait, all stages as one picture and summary.json.

    Example: `toolkit demo photo.jpg`
    """
    from toolkit.demo import run_demo

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    from toolkit.host import limit_opencv

    limit_opencv(threads)
    if not verbose:  # each step says in one line how it went; retries and rounds are no news
        for logger in ("toolkit.hub.download", "toolkit.hub.fetch", "toolkit.bench"):
            logging.getLogger(logger).setLevel(logging.ERROR)

    def tell(step: DemoStep) -> None:
        console.result(f"{step.name:<9} {step.line}")

    done = run_demo(
        photo,
        model=model,
        folder=output,
        subject=subject,
        threads=threads,
        trusted=trust_graph,
        tell=tell,
    )
    console.document("demo", done)
    console.result(f"{'results':<9} {done.folder}")
    if not done.passed:
        raise typer.Exit(Exit.CHECK_FAILED)
