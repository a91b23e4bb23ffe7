"""Variants made ready to run: models found, graphs unpacked, exports made, interpreters there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.backends import BACKENDS, find_backend
from toolkit.bench.schema import ModelFacts, Skipped
from toolkit.bench.variants import Variant
from toolkit.convert import DEFAULT_PROFILES, PROFILES
from toolkit.convert.profiles import find_profile
from toolkit.errors import (
    BackendError,
    ExportError,
    MissingDependencyError,
    ToolkitError,
    UsageError,
)
from toolkit.files.atomic import sha256_of
from toolkit.hub.model import Model, resolve_model
from toolkit.hub.opening import ensure_artifact
from toolkit.hub.provenance import read_provenance
from toolkit.hub.store import Store


@dataclass(frozen=True)
class PreparedVariant:
    """A variant ready to be run: every file it needs is there.

    Attributes
    ----------
    name : str
        What it is called in the report.
    variant : Variant
    artifact : Path
        The ``.pb`` or ``.onnx`` file it runs.
    model : ModelFacts
    labels : tuple of str or None
        Label names of a frozen graph, where they are known.
    trusted : bool
        Skip the operation allowlist.
    asked : bool
        Whether it was asked for by name. One that wasn't, and that its backend refuses to run, is
        left out rather than called a failure.
    """

    name: str
    variant: Variant
    artifact: Path
    model: ModelFacts
    labels: tuple[str, ...] | None = None
    trusted: bool = False
    asked: bool = True


def all_variants() -> tuple[Variant, ...]:
    """Return one variant of each registered backend, installed or not."""
    return tuple(Variant(name) for name in BACKENDS)


def profile_variants(model: Model) -> tuple[Variant, ...]:
    """Return one variant of ONNX Runtime for each profile but the default, `exact`.

    Of an ONNX file, and of a model with a profile of its own, there is none.
    """
    if model.kind == "onnx" or model.profile:
        return ()
    others = (name for name in PROFILES if name != DEFAULT_PROFILES[0])
    return tuple(Variant("onnx", f"+{name}") for name in others)


def prepare(
    model: Model,
    asked: Iterable[Variant],
    also: Iterable[Variant] = (),
    *,
    folder: Path,
    store: Store | None = None,
) -> tuple[tuple[PreparedVariant, ...], tuple[Skipped, ...]]:
    """Make every file the workers open.

    Parameters
    ----------
    model : Model
        Of the variants that name none.
    asked : iterable of Variant
        Asked for by name.
    also : iterable of Variant
        To be run where they can.
    folder : Path
        An existing one, for graphs that are unpacked; it is there as long as workers run.
    store : Store, optional
        By default the user's.

    Returns
    -------
    tuple of PreparedVariant
        Each variant once, in their order.
    tuple of Skipped
        Those that can't be run here, each with its reason.

    Raises
    ------
    UsageError
        A variant's backend is in no registry.
    """
    wanted = dict.fromkeys(asked, True)
    wanted |= {variant: False for variant in also if variant not in wanted}
    for variant in wanted:
        find_backend(variant.backend)
    prepared_variants, skipped = [], []
    for variant, by_name in wanted.items():
        try:
            prepared_variants.append(_make_ready(variant, model, by_name, folder, store))
        except UsageError:
            raise
        except ToolkitError as error:
            skipped.append(Skipped(str(variant), str(error), by_name))
    return tuple(prepared_variants), tuple(skipped)


def _make_ready(
    variant: Variant, model: Model, asked: bool, folder: Path, store: Store | None
) -> PreparedVariant:
    if variant.python is None:
        _check_installed(variant.backend)
    elif shutil.which(variant.python) is None:
        raise BackendError(f"{variant.python}: no such interpreter")
    if variant.model is not None and variant.model.startswith("+"):
        if model.kind == "onnx":
            raise BackendError(f"{model.path.name} is an ONNX file, without other profiles")
        model = replace(model, profile=find_profile(variant.model[1:]).name)
    elif variant.model is not None:
        model = resolve_model(variant.model, store=store, trusted=model.trusted)
    spec = find_backend(variant.backend)
    if spec.artifact == "graph" and model.kind == "onnx" and not asked:
        raise BackendError(f"{model.path.name} is an ONNX file", "name the variant to try")
    artifact = ensure_artifact(model, spec.name, store=store)
    if isinstance(artifact, Path):
        facts = ModelFacts(model.name, _graph_behind(artifact), sha256_of(artifact))
        return PreparedVariant(str(variant), variant, artifact, facts, asked=asked)
    path = folder / f"{artifact.sha256}.pb"
    path.write_bytes(artifact.data)
    facts = ModelFacts(artifact.name, artifact.sha256, None)
    return PreparedVariant(
        str(variant), variant, path, facts, artifact.labels, artifact.trusted, asked=asked
    )


def _graph_behind(export: Path) -> str | None:
    """Return the hash of the graph that an export was made from, None where it doesn't say.

    Also None where the file can't be read: whoever runs it says so.
    """
    try:
        return read_provenance(export).graph_sha256
    except ExportError:
        return None


def _check_installed(name: str) -> None:
    spec = find_backend(name)
    if not spec.installed:
        problem = f"backend {name} needs {' and '.join(spec.packages)}, which is not installed"
        if spec.extra:
            raise MissingDependencyError.of_extra(problem, spec.extra)
        raise MissingDependencyError(problem, "install the package again")
