"""What a MODEL argument means, where its export is, and a backend opened for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from toolkit.archives import read_archive_graph
from toolkit.backends import Backend, find_backend, load_backend
from toolkit.catalog import ARCHIVE_SUFFIX, Catalog, load_catalog
from toolkit.convert import DEFAULT_PROFILES, OPSETS, PROFILES, convert_model
from toolkit.convert.conversion import DEFAULT_OPSET
from toolkit.convert.profiles import WITH_LOGITS, Profile, find_profile
from toolkit.errors import (
    BackendError,
    ExportError,
    MissingDependencyError,
    ModelNotFoundError,
    UsageError,
)
from toolkit.graphs import FrozenGraph, read_graph
from toolkit.store import Store

log = logging.getLogger(__name__)

Kind = Literal["bundled", "store", "archive", "graph", "onnx"]
SUFFIXES: dict[str, Kind] = {ARCHIVE_SUFFIX: "archive", ".pb": "graph", ".onnx": "onnx"}


@dataclass(frozen=True)
class Model:
    """A model found for a MODEL argument; nothing of it is loaded yet.

    Attributes
    ----------
    name : str
        What its exports are called after.
    kind : {"bundled", "store", "archive", "graph", "onnx"}
        Where it comes from.
    path : Path
        The frozen graph, archive or ONNX file.
    about : str
        One line for people.
    labels : tuple of str or None
        Label names where the catalogue or the store knows them.
    trusted : bool
        Whether the user vouched for the graph's operations.
    export : Path or None
        The ONNX file to run, where it is not to be looked for.
    profile : str or None
        The profile of export to run; None: the backend's own, else the toolkit's.
    """

    name: str
    kind: Kind
    path: Path
    about: str
    labels: tuple[str, ...] | None = None
    trusted: bool = False
    export: Path | None = None
    profile: str | None = None

    def graph(self, store: Store | None = None) -> FrozenGraph:
        """Read the frozen graph; of an ONNX file, the graph it was made from, if it is here.

        Raises
        ------
        GraphError, ArchiveError
            It can't be read.
        ModelNotFoundError
            The graph of this ONNX file is neither in the store nor bundled.
        """
        if self.kind == "archive":
            content = read_archive_graph(self.path)
            return FrozenGraph(self.name, self.path, content, self.labels, self.trusted)
        if self.kind == "onnx":
            return _graph_behind(self.path, store or Store.default())
        return read_graph(self.path, name=self.name, labels=self.labels, trusted=self.trusted)


def resolve_model(
    argument: str | None = None, *, store: Store | None = None, trusted: bool = False
) -> Model:
    """Find the model a MODEL argument means.

    Parameters
    ----------
    argument : str, optional
        The bundled model's name, a name in the store, or the path of a ``.tar.gz``, ``.pb`` or
        ``.onnx`` file; all but the last with ``+PROFILE`` behind it where an export of that
        profile is to be run, and ``+PROFILE`` alone of the default model. Without it the official
        network if it is in the store, else the bundled one.
    store : Store, optional
        By default the user's.
    trusted : bool
        Skip the operation allowlist when the graph is read.

    Raises
    ------
    ModelNotFoundError
        There is none of that name.
    """
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
    for suffix, kind in SUFFIXES.items():
        if argument.endswith(suffix):
            return _from_path(Path(argument), kind, suffix, trusted=trusted)
    return _from_name(argument, store, catalog, trusted=trusted)


def _split_profile(argument: str) -> tuple[str | None, str] | None:
    """Split ``MODEL+PROFILE``; None where no profile's name ends the argument."""
    name, plus, profile = argument.rpartition("+")
    known = profile.removesuffix(WITH_LOGITS) in PROFILES
    return (name or None, profile) if plus and known else None


def _from_path(path: Path, kind: Kind, suffix: str, *, trusted: bool) -> Model:
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file", "toolkit models lists models by name")
    name = path.name.removesuffix(suffix)
    if name == "frozen_inference_graph":  # every zoo archive's; its folder tells them apart
        name = path.resolve().parent.name
    return Model(name, kind, path, str(path), trusted=trusted)


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
    known = ", ".join([bundled.name, *store.names()])
    raise ModelNotFoundError(
        f"no model {name!r}", f"here are: {known}; or give a .tar.gz, .pb or .onnx path"
    )


@dataclass(frozen=True)
class _Origin:
    """What an ONNX file says it was made from, and by which passes; None where it doesn't."""

    graph_sha256: str | None
    passes: str | None

    def is_made_by(self, profile: Profile) -> bool:
        """Whether the passes are those of the profile, as this version has it."""
        return self.passes == json.dumps(profile.passes)


def _read_origin(export: Path) -> _Origin:
    from toolkit.backends.onnx import read_metadata

    metadata = read_metadata(export)
    return _Origin(metadata.get("source_graph_sha256"), metadata.get("passes"))


def _graph_behind(export: Path, store: Store) -> FrozenGraph:
    """Find the frozen graph an ONNX file was made from, by the hash it carries."""
    wanted = _read_origin(export).graph_sha256
    for name in [load_catalog().bundled.name, *store.names()]:
        graph = resolve_model(name, store=store).graph()
        if graph.sha256 == wanted:
            return graph
    raise ModelNotFoundError(
        f"{export}: the frozen graph it was made from is neither in the store nor bundled",
        "give the .pb or .tar.gz as MODEL",
    )


def graph_behind_export(export: Path) -> str | None:
    """Return the hash of the frozen graph an ONNX file says it was made from; None if it doesn't.

    Also None where the file can't be read: whoever runs it says so.
    """
    try:
        return _read_origin(export).graph_sha256
    except ExportError:
        return None


def calibration_of(export: Path) -> frozenset[str]:
    """Return the hashes of the decoded photos an export was calibrated on; none of a float one's.

    Raises
    ------
    ExportError
        The file can't be read.
    """
    from toolkit.backends.onnx import read_metadata

    try:
        return frozenset(json.loads(read_metadata(export).get("calibration", "[]")))
    except (ValueError, TypeError) as error:
        raise ExportError(export, "its calibration metadata is damaged", "convert again") from error


def find_export(
    model: Model,
    graph: FrozenGraph | None = None,
    store: Store | None = None,
    *,
    profile: str | None = None,
    logits: bool = False,
) -> Path | None:
    """Return the ONNX export of a model that is here, None where there is none of this graph.

    One that gives its logits too serves where none are asked for. One that another version of the
    converter made is passed over, and the log says so.

    Parameters
    ----------
    model : Model
    graph : FrozenGraph, optional
        The model's graph, where it was read already.
    store : Store, optional
        By default the user's.
    profile : str, optional
        Of a model that names none: a name in `toolkit.convert.PROFILES`; by default the first
        of the toolkit's defaults that is here.
    logits : bool
        Whether one that gives its logits is preferred.
    """
    recipes = _with_variants(_recipes(model, profile), logits=logits)
    found, outdated = _find_exports(model, graph, store or Store.default(), recipes)
    if outdated:
        log.info("passing over %s: another version of the converter made it", outdated)
    return found


def _recipes(model: Model, profile: str | None) -> tuple[Profile, ...]:
    """Return what an export may be made by, the best first."""
    asked = model.profile or profile
    return tuple(find_profile(name) for name in ((asked,) if asked else DEFAULT_PROFILES))


def _with_variants(recipes: Iterable[Profile], *, logits: bool) -> list[Profile]:
    """Return each recipe and the same with logits, the preferred one first."""
    found = []
    for recipe in recipes:
        alone = recipe.name.endswith(WITH_LOGITS)
        both = [recipe] if alone else [recipe, find_profile(recipe.name + WITH_LOGITS)]
        found += both[::-1] if logits else both
    return found


def _find_exports(
    model: Model, graph: FrozenGraph | None, store: Store, profiles: Iterable[Profile]
) -> tuple[Path | None, Path | None]:
    """Return the export to run; where there is none, one that another converter made."""
    if model.kind == "onnx" or model.export:
        return model.export or model.path, None
    opsets = [DEFAULT_OPSET, *(number for number in reversed(OPSETS) if number != DEFAULT_OPSET)]
    candidates = []
    for profile in profiles:
        paths = [store.export_path(model.name, profile.name, number) for number in opsets]
        if model.kind == "bundled":  # its passes tell whether it is of this profile
            paths.append(load_catalog().bundled.onnx)
        candidates += [(path, profile) for path in paths]
    outdated = None
    for path, profile in candidates:
        if not path.is_file():
            continue
        graph = graph or model.graph()
        try:
            origin = _read_origin(path)
        except ExportError as error:
            log.warning("%s", error)
            continue
        if origin.graph_sha256 == graph.sha256:
            if origin.is_made_by(profile):
                return path, None
            if path.parent == store.exported:
                outdated = outdated or path
    return None, outdated


def ensure_export(
    model: Model,
    store: Store | None = None,
    *,
    profile: str | None = None,
    logits: bool = False,
) -> Path:
    """Return the ONNX export of a model, converting its graph first where there is none.

    Parameters
    ----------
    model : Model
    store : Store, optional
        By default the user's.
    profile : str, optional
        Of a model that names none: a name in `toolkit.convert.PROFILES`; by default the first
        of the toolkit's defaults that is here, or takes the graph.
    logits : bool
        Whether one that gives its logits is preferred, and made where there is none at all.

    Raises
    ------
    MissingDependencyError
        There is no export of this converter, and the ``convert`` extra is not installed.
    ModelNotFoundError
        There is no export of a profile that is calibrated: only the user has the photos.
    BackendError
        The conversion did not pass verification.
    """
    store = store or Store.default()
    recipes = _recipes(model, profile)
    recipe = recipes[0]
    variants = _with_variants(recipes, logits=logits)
    found, outdated = _find_exports(model, None, store, variants)
    if found is not None:
        return found
    if recipe.quantised:
        raise ModelNotFoundError(
            f"there is no {recipe.name} export of {model.name} yet",
            f"toolkit convert {model.name} --profile {recipe.name} --calibrate DIR makes it from "
            "photos like yours",
        )
    if outdated:
        log.info(
            "another version of the converter made %s: converting %s anew", outdated, model.name
        )
    else:
        log.info("no ONNX export of %s yet: converting it first", model.name)
    try:
        names = [one.name for one in recipes]
        if logits:
            names = [name.removesuffix(WITH_LOGITS) + WITH_LOGITS for name in names]
        conversion = convert_model(model.graph(store), profile=names, store=store)
    except MissingDependencyError as error:
        lacking = (
            f"{outdated} was made by another version of the converter"
            if outdated
            else f"{store.export_path(model.name, recipe.name, DEFAULT_OPSET)} is missing"
        )
        raise MissingDependencyError(
            f"{lacking} and can't be made here: {error.problem}", error.remedy
        ) from error
    if not conversion.published:
        raise BackendError(
            f"the {conversion.manifest.profile} export of {model.name} does not agree with TF1",
            f"toolkit convert {model.name} --profile {conversion.manifest.profile}",
        )
    return conversion.path


def find_artefact(
    model: Model, name: str = "onnx", *, logits: bool = False, store: Store | None = None
) -> FrozenGraph | Path:
    """Return what a backend runs of a model; an export is made first where there is none.

    Parameters
    ----------
    model, name, logits, store
        As in `open_backend`.

    Returns
    -------
    FrozenGraph or Path
        The graph, or the path of the ONNX file.

    Raises
    ------
    ToolkitError
        Whatever stands in the way, named.
    """
    spec = find_backend(name)
    if spec.artefact == "graph":
        return model.graph(store)
    return ensure_export(model, store, profile=spec.profile, logits=logits)


def open_backend(
    model: Model,
    name: str = "onnx",
    *,
    threads: int | None = None,
    provider: str | None = None,
    logits: bool = False,
    store: Store | None = None,
) -> Backend:
    """Open a model on a runtime.

    Parameters
    ----------
    model : Model
    name : str
        Of a backend, such as ``onnx`` or ``tf``. For one that runs the ONNX file the graph is
        converted first where there is no export.
    threads : int, optional
        Threads for one photo; by default the cores this process may use.
    provider : str, optional
        The execution provider or device to run on; by default the backend's own choice.
    logits : bool
        Whether an export that gives the network's logits is preferred.
    store : Store, optional
        By default the user's.

    Returns
    -------
    Backend
        A context manager.

    Raises
    ------
    ToolkitError
        Whatever stands in the way, named.
    """
    artefact = find_artefact(model, name, logits=logits, store=store)
    return load_backend(name, artefact, threads=threads, provider=provider)
