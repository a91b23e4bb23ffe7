"""The export of a model that is run: found by what it was made from, else made."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from toolkit.convert import DEFAULT_PROFILES, OPSETS, Profile
from toolkit.convert.conversion import DEFAULT_OPSET
from toolkit.convert.profiles import WITH_LOGITS, find_profile
from toolkit.errors import BackendError, ExportError, MissingDependencyError, ModelNotFoundError
from toolkit.graphs import FrozenGraph
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import Model
from toolkit.hub.origin import read_origin
from toolkit.hub.publish import convert_model
from toolkit.hub.store import Store

log = logging.getLogger(__name__)


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
    chosen_profiles = _with_variants(_candidates_of(model, profile), logits=logits)
    found, outdated = _find_exports(model, graph, store or Store.default(), chosen_profiles)
    if outdated:
        log.info("passing over %s: another version of the converter made it", outdated)
    return found


def _candidates_of(model: Model, profile: str | None) -> tuple[Profile, ...]:
    """Return what an export may be made by, the best first."""
    asked = model.profile or profile
    return tuple(find_profile(name) for name in ((asked,) if asked else DEFAULT_PROFILES))


def _with_variants(chosen_profiles: Iterable[Profile], *, logits: bool) -> list[Profile]:
    """Return each recipe and the same with logits, the preferred one first."""
    found = []
    for chosen in chosen_profiles:
        alone = chosen.name.endswith(WITH_LOGITS)
        both = [chosen] if alone else [chosen, find_profile(chosen.name + WITH_LOGITS)]
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
            origin = read_origin(path)
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
    chosen_profiles = _candidates_of(model, profile)
    chosen = chosen_profiles[0]
    variants = _with_variants(chosen_profiles, logits=logits)
    found, outdated = _find_exports(model, None, store, variants)
    if found is not None:
        return found
    if chosen.quantized:
        raise ModelNotFoundError(
            f"there is no {chosen.name} export of {model.name} yet",
            f"toolkit convert {model.name} --profile {chosen.name} --calibrate DIR makes it from "
            "photos like yours",
        )
    if outdated:
        log.info(
            "another version of the converter made %s: converting %s anew", outdated, model.name
        )
    else:
        log.info("no ONNX export of %s yet: converting it first", model.name)
    try:
        names = [one.name for one in chosen_profiles]
        if logits:
            names = [name.removesuffix(WITH_LOGITS) + WITH_LOGITS for name in names]
        conversion = convert_model(model.graph(store), profile=names, store=store)
    except MissingDependencyError as error:
        lacking = (
            f"{outdated} was made by another version of the converter"
            if outdated
            else f"{store.export_path(model.name, chosen.name, DEFAULT_OPSET)} is missing"
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
