"""What a MODEL argument means: a name, a path, or the default, and a profile behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from toolkit.convert import PROFILES
from toolkit.convert.profiles import WITH_LOGITS
from toolkit.errors import ModelNotFoundError, UsageError
from toolkit.graphs import FrozenGraph, adopt, read_graph
from toolkit.graphs.saved_model_files import SAVED_MODEL_FILE
from toolkit.hub.archive import read_archive, read_saved_model_folder
from toolkit.hub.catalog import ARCHIVE_SUFFIX, Catalog, load_catalog
from toolkit.hub.provenance import read_provenance
from toolkit.hub.store import Store

ModelKind = Literal["bundled", "store", "archive", "graph", "saved model", "onnx"]
SUFFIXES: dict[str, ModelKind] = {ARCHIVE_SUFFIX: "archive", ".pb": "graph", ".onnx": "onnx"}


@dataclass(frozen=True)
class Model:
    """A model found for a MODEL argument; nothing of it is loaded yet.

    Attributes
    ----------
    name : str
        What its exports are called after.
    kind : {"bundled", "store", "archive", "graph", "saved model", "onnx"}
        Where it comes from.
    path : Path
        The frozen graph, archive, SavedModel's folder or ONNX file.
    about : str
        One line for people.
    labels : tuple of str or None
        Label names where the catalog or the store knows them.
    trusted : bool
        Whether the user vouched for the graph's operations.
    export : Path or None
        The ONNX file to run, where it is not to be looked for.
    profile : str or None
        The profile of export to run; None: the backend's own, else the toolkit's.
    """

    name: str
    kind: ModelKind
    path: Path
    about: str
    labels: tuple[str, ...] | None = None
    trusted: bool = False
    export: Path | None = None
    profile: str | None = None

    @property
    def argument(self) -> str:
        """The MODEL argument that means it, without its profile."""
        return self.name if self.kind in ("bundled", "store") else str(self.path)

    def graph(self, store: Store | None = None) -> FrozenGraph:
        """Read the frozen graph, and make it of a SavedModel.

        Of an ONNX file it is the graph that the file was made from, if it is here.

        Raises
        ------
        GraphError, ArchiveError
            It can't be read.
        ModelNotFoundError
            The graph of this ONNX file is neither in the store nor bundled.
        """
        if self.kind in ("archive", "saved model"):
            read = read_archive if self.kind == "archive" else read_saved_model_folder
            content = read(self.path)
            return adopt(
                content, self.name, self.path, labels=self.labels, trusted=self.trusted
            ).graph
        if self.kind == "onnx":
            return _graph_behind(self.path, store or Store.default())
        return read_graph(self.path, name=self.name, labels=self.labels, trusted=self.trusted)


def resolve_model(
    argument: str | Path | None = None, *, store: Store | None = None, trusted: bool = False
) -> Model:
    """Find the model a MODEL argument means.

    Parameters
    ----------
    argument : str or Path, optional
        The bundled model's name, a name in the store, or the path of a ``.tar.gz``, ``.pb`` or
        ``.onnx`` file or of a SavedModel's folder; all but an ONNX file with ``+PROFILE`` behind it
        where an export of that profile is to be run, and ``+PROFILE`` alone of the default model.
        Without it the official network if it is in the store, else the bundled one.
    store : Store, optional
        By default the user's.
    trusted : bool
        Skip the operation allowlist when the graph is read.

    Raises
    ------
    ModelNotFoundError
        There is none of that name.
    """
    if isinstance(argument, Path):
        argument = str(argument)
    store = store or Store.default()
    catalog = load_catalog()
    if argument is not None and (parts := _split_profile(argument)):
        base, profile = parts
        model = resolve_model(base, store=store, trusted=trusted)
        if model.kind == "onnx":
            raise UsageError(
                f"{model.path} is an ONNX file already", "give the model it was made from"
            )
        return replace(model, profile=profile)
    if argument is None:
        official = catalog.default.name
        found = official in store.names()
        name = official if found else catalog.bundled.name
        return resolve_model(name, store=store, trusted=trusted)
    if Path(argument).name == SAVED_MODEL_FILE:
        return _from_folder(Path(argument).parent, trusted=trusted)
    for suffix, kind in SUFFIXES.items():
        if argument.endswith(suffix):
            return _from_path(Path(argument), kind, suffix, trusted=trusted)
    return _from_name(argument, store, catalog, trusted=trusted)


def _split_profile(argument: str) -> tuple[str | None, str] | None:
    """Split ``MODEL+PROFILE``; None where no profile's name ends the argument."""
    name, plus, profile = argument.rpartition("+")
    known = profile.removesuffix(WITH_LOGITS) in PROFILES
    return (name or None, profile) if plus and known else None


def _from_path(path: Path, kind: ModelKind, suffix: str, *, trusted: bool) -> Model:
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file", "toolkit models lists models by name")
    name = path.name.removesuffix(suffix)
    if name == "frozen_inference_graph":  # every zoo archive's; its folder tells them apart
        name = path.resolve().parent.name
    return Model(name, kind, path, str(path), trusted=trusted)


def _from_folder(folder: Path, *, trusted: bool) -> Model:
    if not (folder / SAVED_MODEL_FILE).is_file():
        raise ModelNotFoundError(
            f"{folder}: no {SAVED_MODEL_FILE} in it", "a SavedModel's folder has one"
        )
    return Model(folder.resolve().name, "saved model", folder, str(folder), trusted=trusted)


def _from_name(name: str, store: Store, catalog: Catalog, *, trusted: bool) -> Model:
    bundled = catalog.bundled
    if name == bundled.name:
        return Model(name, "bundled", bundled.graph, bundled.about, bundled.network.labels)
    if name in store.names():
        source = store.source(name)
        spec = catalog.models.get(name)
        about = spec.about if spec else f"fetched from {source.origin}" if source else name
        labels = tuple(source.labels) if source else None
        return Model(name, "store", store.graph_path(name), about, labels, trusted)
    if name in catalog.models:
        raise ModelNotFoundError(f"{name} is not in the store", f"toolkit fetch {name} brings it")
    if Path(name).is_dir():
        return _from_folder(Path(name), trusted=trusted)
    known = ", ".join([bundled.name, *store.names()])
    raise ModelNotFoundError(
        f"no model {name!r}",
        f"here are: {known}; or give the path of a .tar.gz, .pb, .onnx or SavedModel",
    )


def _graph_behind(export: Path, store: Store) -> FrozenGraph:
    """Find the frozen graph an ONNX file was made from, by the hash it carries."""
    wanted = read_provenance(export).graph_sha256
    for name in [load_catalog().bundled.name, *store.names()]:
        graph = resolve_model(name, store=store).graph()
        if graph.sha256 == wanted:
            return graph
    raise ModelNotFoundError(
        f"{export}: the frozen graph it was made from is neither in the store nor bundled",
        "give the .pb, .tar.gz or SavedModel as MODEL",
    )
