"""``toolkit fetch``: a model, from wherever it lies, into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import guarded
from toolkit.cli.options import Json, Quiet, TrustGraph, Verbose


@guarded
def fetch_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A name that `toolkit models` lists, or a new one for what --from brings. "
            "Default: the name of --from without .tar.gz or .pb, or else the official network.",
            show_default=False,
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH|URL",
            help="A .tar.gz with a frozen_inference_graph.pb or a SavedModel in it, or a .pb: a "
            "file or a web address; or a SavedModel's folder. Nothing else is asked then.",
            show_default=False,
        ),
    ] = None,
    input_name: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="TENSOR",
            help="The tensor of --from that takes the photo [1, H, W, 3], RGB, 0 to 255. Default: "
            "ImageTensor:0; of a SavedModel, the one of its serving signature.",
            show_default=False,
        ),
    ] = None,
    output_name: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="TENSOR",
            help="The tensor that gives the label map, or scores of each label [1, h, w, labels]. "
            "Default: SemanticPredictions:0; of a SavedModel, the one of its serving signature.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="Names of the labels: one per line, or NUMBER<TAB>NAME. Default: PASCAL VOC's for "
            "21 labels, else numbers.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Fetch and check it again, even if it is in the store."),
    ] = False,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Bring a model into the store, checked.

    Asks --from if given; else the store; else `TOOLKIT_MIRROR`, a folder or web address that holds
    archives by file name; else the catalog's origins. Bytes that differ from a pinned hash are
    refused; an archive without a published hash is pinned on first use. Only the frozen graph is
    taken out of the archive, and TensorFlow checks it. A SavedModel is frozen without running
    anything of it. What lacks the two tensors of the model zoo is adapted to them.
    `TOOLKIT_OFFLINE=1` forbids the network.

    Example: `toolkit fetch --from ~/Downloads/some_deeplab_model.tar.gz`

    Example: `toolkit fetch mine --from saved_model/ --labels labels.txt`
    """
    from toolkit.graphs.network import INPUT, OUTPUT
    from toolkit.hub.catalog import load_catalog
    from toolkit.hub.fetch import fetch_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    bundled = load_catalog().bundled
    if name == bundled.name and origin is None:
        console.result(f"{name} comes with the package: nothing has to be fetched")
        console.document(
            "fetch", {"name": name, "path": bundled.graph, "fresh": False, "source": None}
        )
        return
    with console.progress("fetching") as progress:
        fetched = fetch_model(
            name,
            origin=origin,
            force=force,
            trusted=trust_graph,
            progress=progress,
            input_name=input_name,
            output_name=output_name,
            labels=labels,
        )
    source = fetched.source
    height, width = source.crop
    console.document("fetch", fetched)
    console.result(
        f"{fetched.name} {'is in the store now' if fetched.fresh else 'was in the store already'}"
    )
    console.result(f"graph    {fetched.path}  {source.graph_size / 1e6:.2f} MB")
    console.result(f"network  crop {width}x{height}, {len(source.labels)} labels")
    console.result(f"from     {source.origin}")
    if source.adapted or (source.input, source.output) != (INPUT.name, OUTPUT.name):
        console.result(f"tensors  {source.input} to {source.output} of a {source.frozen_from}")
    for change in source.adapted:
        console.result(f"adapted  {change}")
    console.result(f"sha256   {source.archive_sha256}, pinned by {_pin(source.pin)}")


def _pin(pin: str) -> str:
    return "the catalog" if pin == "catalog" else "this first use"
