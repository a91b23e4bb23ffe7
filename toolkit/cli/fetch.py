"""``toolkit fetch``: a model's archive, from wherever it lies, into the store."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli.console import Console, Json, Quiet, TrustGraph, Verbose, guarded


@guarded
def fetch_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A name that `toolkit models` lists, or a new one for what --from brings. "
            "Default: the file name of --from without .tar.gz, or else the official network.",
            show_default=False,
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH|URL",
            help="The archive, a .tar.gz with a frozen_inference_graph.pb in it: a file, or a web "
            "address. Nothing else is asked then.",
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
    archives by file name; else the catalogue's origins. Bytes that differ from a pinned hash are
    refused; an archive without a published hash is pinned on first use. Only the frozen graph is
    taken out of the archive, and TensorFlow checks it. `TOOLKIT_OFFLINE=1` forbids the network.

    Example: `toolkit fetch --from ~/Downloads/some_deeplab_model.tar.gz`
    """
    from toolkit.catalog import load_catalog
    from toolkit.fetch import fetch_model

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
            name, origin=origin, force=force, trusted=trust_graph, progress=progress
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
    console.result(f"sha256   {source.archive_sha256}, pinned by {_pin(source.pin)}")


def _pin(pin: str) -> str:
    return "the catalogue" if pin == "catalogue" else "this first use"
