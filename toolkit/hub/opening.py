"""A backend opened for a model, on its graph or on an export: found, else made.

An export is found by what it was made from, the graph and the passes, and not by its name alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from toolkit.backends import find_backend
from toolkit.convert import DEFAULT_PROFILES, OPSETS, Profile
from toolkit.convert.conversion import DEFAULT_OPSET
from toolkit.convert.profiles import WITH_LOGITS, find_profile
from toolkit.errors import BackendError, ExportError, MissingDependencyError, ModelNotFoundError
from toolkit.graphs import FrozenGraph
from toolkit.host import available_cores
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import Model
from toolkit.hub.provenance import read_provenance
from toolkit.hub.publish import convert_model
from toolkit.hub.store import Store
from toolkit.inference import Backend

log = logging.getLogger(__name__)


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
    artifact = ensure_artifact(model, name, logits=logits, store=store)
    return find_backend(name).open(
        artifact, threads=threads or available_cores(), provider=provider
    )


def ensure_artifact(
    model: Model, name: str = "onnx", *, logits: bool = False, store: Store | None = None
) -> FrozenGraph | Path:
    """Return what a backend runs of a model, for whoever opens it elsewhere or hashes it.

    Of a model that names no profile it is an export by the backend's own, else by the first of the
    toolkit's defaults that is here, or takes the graph.

    Parameters
    ----------
    model, name, store
        As in `open_backend`.
    logits : bool
        Whether an export that gives its logits is preferred, and made where there is none at all.

    Returns
    -------
    FrozenGraph or Path
        The graph, or the path of the ONNX file; an export is made first where there is none.

    Raises
    ------
    MissingDependencyError
        There is no export of this converter, and the ``convert`` extra is not installed.
    ModelNotFoundError
        There is no export of a profile that is calibrated: only the user has the photos.
    BackendError
        The conversion did not pass verification.
    ToolkitError
        Whatever else stands in the way, named.
    """
    spec = find_backend(name)
    if spec.artifact == "graph":
        return model.graph(store)
    profiles = _profiles_of(model, spec.profile)
    return _ensure_export(model, profiles, store or Store.default(), logits=logits)


def find_export(
    model: Model,
    graph: FrozenGraph | None = None,
    store: Store | None = None,
    *,
    logits: bool = False,
) -> Path | None:
    """Return the ONNX export of a model that is here, None where there is none of this graph.

    One that gives its logits too serves where none are asked for. One that another version of the
    converter made is passed over, and the log says so.

    Parameters
    ----------
    model : Model
        Of one that names no profile the first of the toolkit's defaults that is here is taken.
    graph : FrozenGraph, optional
        The model's graph, where it was read already.
    store : Store, optional
        By default the user's.
    logits : bool
        Whether one that gives its logits is preferred.
    """
    profiles = _with_variants(_profiles_of(model), logits=logits)
    found, outdated = _find_exports(model, graph, store or Store.default(), profiles)
    if outdated:
        log.info("passing over %s: another version of the converter made it", outdated)
    return found


def _profiles_of(model: Model, default: str | None = None) -> tuple[Profile, ...]:
    """Return the profiles that an export may be of, the best first."""
    name = model.profile or default
    return tuple(find_profile(each) for each in ((name,) if name else DEFAULT_PROFILES))


def _with_variants(profiles: Iterable[Profile], *, logits: bool) -> list[Profile]:
    """Return each profile and the same with logits, the preferred one first."""
    found = []
    for profile in profiles:
        alone = profile.name.endswith(WITH_LOGITS)
        both = [profile] if alone else [profile, find_profile(profile.name + WITH_LOGITS)]
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
            provenance = read_provenance(path)
        except ExportError as error:
            log.warning("%s", error)
            continue
        if provenance.graph_sha256 == graph.sha256:
            if provenance.is_made_by(profile):
                return path, None
            if path.parent == store.exported:
                outdated = outdated or path
    return None, outdated


def _ensure_export(
    model: Model, profiles: tuple[Profile, ...], store: Store, *, logits: bool
) -> Path:
    """Return an export of one of some profiles; the first that takes the graph is made."""
    best = profiles[0]
    found, outdated = _find_exports(model, None, store, _with_variants(profiles, logits=logits))
    if found is not None:
        return found
    if best.quantized:
        raise ModelNotFoundError(
            f"there is no {best.name} export of {model.name} yet",
            f"toolkit convert {model.name} --profile {best.name} --calibrate DIR makes it from "
            "photos like yours",
        )
    if outdated:
        log.info(
            "another version of the converter made %s: converting %s anew", outdated, model.name
        )
    else:
        log.info("no ONNX export of %s yet: converting it first", model.name)
    names = [profile.name for profile in profiles]
    if logits:
        names = [name.removesuffix(WITH_LOGITS) + WITH_LOGITS for name in names]
    try:
        conversion = convert_model(model.graph(store), profile=names, store=store)
    except MissingDependencyError as error:
        lacking = (
            f"{outdated} was made by another version of the converter"
            if outdated
            else f"{store.export_path(model.name, best.name, DEFAULT_OPSET)} is missing"
        )
        raise MissingDependencyError(
            f"{lacking} and can't be made here: {error.problem}", error.remedy
        ) from error
    if not conversion.published:
        profile = conversion.manifest.profile
        raise BackendError(
            f"the {profile} export of {model.name} does not agree with TF1",
            f"toolkit convert {model.name} --profile {profile}",
        )
    return conversion.path
