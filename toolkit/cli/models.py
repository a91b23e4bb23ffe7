"""``toolkit models``: what is known, what is here, and how to be rid of it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import Console
from toolkit.cli.exits import guarded
from toolkit.cli.options import Json, Quiet, Verbose

if TYPE_CHECKING:
    from toolkit.hub.catalog import BundledModel, ModelSpec
    from toolkit.hub.store import Store


@dataclass(frozen=True)
class ListedModel:
    """A model as the command lists it.

    Attributes
    ----------
    name, about : str
    urls : tuple of str
        Where the catalog has it from.
    origin : str or None
        Where the one in the store came from.
    size : int or None
        Bytes of the archive; of the graph for the bundled model.
    sha256 : str or None
        Of the same.
    pin : {"catalog", "first use", "package"} or None
        What vouches for the hash; None: the first fetch will pin it.
    license : str or None
    crop : (int, int) or None
        Height and width of the network's input, pixels.
    labels : tuple of str or None
    here : bool
        Whether it can be used without a fetch.
    size_on_disk : int
        Bytes that it and its exports take here.
    bundled, default : bool
        It travels with the package; it is used where no MODEL is given and it is here.
    problem : str or None
        What is wrong with it in the store.
    """

    name: str
    about: str
    urls: tuple[str, ...] = ()
    origin: str | None = None
    size: int | None = None
    sha256: str | None = None
    pin: str | None = None
    license: str | None = None
    crop: tuple[int, int] | None = None
    labels: tuple[str, ...] | None = None
    here: bool = False
    size_on_disk: int = 0
    bundled: bool = False
    default: bool = False
    problem: str | None = None


@guarded
def models_command(
    remove: Annotated[
        str | None,
        typer.Option(
            "--remove",
            metavar="NAME",
            help="Delete a fetched model from the store: its graph, the hash pinned on its first "
            "use, and its exports.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the models that can be used or fetched, or remove one.

    `here` says how much room it and its exports take, `size` is the archive's, `crop` the network's
    input as width x height. `--json` gives everything: origins, the whole hash, all label names.

    Example: `toolkit models --remove some_deeplab_model`
    """
    from toolkit.errors import UsageError
    from toolkit.hub.catalog import load_catalog
    from toolkit.hub.store import Store

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    store = Store.default()
    if remove is not None:
        if remove == load_catalog().bundled.name:
            raise UsageError(f"{remove} comes with the package", "it can't be removed")
        freed = store.remove(remove)
        console.document("models", {"removed": remove, "freed": freed})
        console.result(f"removed {remove}, its pin and its exports: {freed} bytes freed")
        return
    listed = list(model_facts(store))
    console.document("models", {"models": listed, "store": store})
    if as_json:
        return
    _print_table(listed, console)
    for model in listed:
        if model.problem:
            console.warn(model.problem)


def model_facts(store: Store) -> Iterator[ListedModel]:
    """Yield the bundled model, the catalog's and the other ones in the store."""
    from toolkit.hub.catalog import load_catalog

    catalog = load_catalog()
    yield _bundled(catalog.bundled, store)
    for spec in catalog.models.values():
        yield _in_store(_catalogd(spec), store)
    for name in store.names():
        if name not in catalog.models and name != catalog.bundled.name:
            yield _in_store(ListedModel(name, "not in the catalog"), store)


def _bundled(model: BundledModel, store: Store) -> ListedModel:
    from toolkit.files.atomic import sha256_of

    files = [path.stat().st_size for path in (model.graph, model.onnx) if path.is_file()]
    here = model.graph.is_file()
    return ListedModel(
        name=model.name,
        about=model.about,
        origin=str(model.graph.parent),
        size=model.graph.stat().st_size if here else None,
        sha256=sha256_of(model.graph) if here else None,
        pin="package",
        license=model.license,
        crop=model.network.crop,
        labels=model.network.labels,
        here=here,
        size_on_disk=sum(files) + sum(path.stat().st_size for path in store.exports(model.name)),
        bundled=True,
    )


def _catalogd(spec: ModelSpec) -> ListedModel:
    return ListedModel(
        name=spec.name,
        about=spec.about,
        urls=spec.urls,
        size=spec.size,
        sha256=spec.sha256,
        pin="catalog" if spec.sha256 else None,
        license=spec.license,
        crop=spec.crop,
        labels=spec.labels,
        default=spec.default,
    )


def _in_store(facts: ListedModel, store: Store) -> ListedModel:
    """Add what the store's record says."""
    from toolkit.errors import StoreError

    size_on_disk = store.size_on_disk(facts.name)
    try:
        source = store.source(facts.name)
    except StoreError as error:
        return dataclasses.replace(facts, size_on_disk=size_on_disk, problem=str(error))
    if source is None:
        return dataclasses.replace(facts, size_on_disk=size_on_disk)
    graph = store.graph_path(facts.name)
    here = graph.is_file()
    return dataclasses.replace(
        facts,
        origin=source.origin,
        size=source.archive_size,
        sha256=source.archive_sha256,
        pin=source.pin,
        crop=source.crop,
        labels=source.labels,
        here=here,
        size_on_disk=size_on_disk,
        problem=None if here else f"{graph}: is missing; toolkit fetch {facts.name} --force",
    )


HEADINGS = ("name", "here", "size", "crop", "labels", "license", "pin", "sha256", "source")
"""The last two where nobody counts columns: not on a terminal."""


def _print_table(listed: list[ListedModel], console: Console) -> None:
    if is_terminal():
        from rich.console import Console as RichConsole
        from rich.table import Table

        table = Table(*HEADINGS[:-2], box=None, pad_edge=False)
        table.columns[0].overflow = "fold"
        for model in listed:
            table.add_row(*_cells(model)[:-2], style=None if model.here else "dim")
        RichConsole().print(table)
        return
    rows = [HEADINGS, *map(_cells, listed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.result("  ".join(cells).rstrip())


def is_terminal() -> bool:
    """Whether the result is read by a person and not by a program."""
    return sys.stdout.isatty()


def _cells(model: ListedModel) -> tuple[str, ...]:
    return (
        model.name,
        "broken" if model.problem else _megabytes(model.size_on_disk) if model.here else "no",
        _megabytes(model.size) if model.size is not None else "?",
        f"{model.crop[1]}x{model.crop[0]}" if model.crop else "?",
        str(len(model.labels)) if model.labels else "?",
        model.license or "?",
        model.pin or "none yet",
        model.sha256 or "-",
        model.origin or (model.urls[0] if model.urls else "-"),
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
