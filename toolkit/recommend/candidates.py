"""What can be tried here: profiles by runtimes by thread counts, every file made ready."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.backends import BACKENDS
from toolkit.bench.prepared import PreparedVariant, prepare
from toolkit.bench.schema import Skipped
from toolkit.bench.variants import Variant
from toolkit.convert.profiles import PROFILES
from toolkit.errors import ToolkitError
from toolkit.hub.model import Model
from toolkit.hub.opening import ensure_artifact
from toolkit.hub.store import Store


@dataclass(frozen=True)
class Candidate:
    """A profile on a runtime with a number of threads, ready to run.

    Attributes
    ----------
    prepared : PreparedVariant
        Its variant names the threads.
    profile : str or None
        None where the runtime takes the frozen graph, or the model is an ONNX file.
    judged_as : str
        The name under which its masks are judged: threads don't change them.
    same_labels : bool
        Whether it gives TF1's label map by the near-tie rule: all such are as good.
    """

    prepared: PreparedVariant
    profile: str | None
    judged_as: str
    same_labels: bool

    @property
    def name(self) -> str:
        """The variant's text."""
        return self.prepared.name

    @property
    def threads(self) -> int:
        """How many it is given."""
        return self.prepared.variant.threads or 1

    @property
    def masks(self) -> str:
        """What candidates of the same masks have in common."""
        return "TF1's" if self.same_labels else self.judged_as


def thread_counts(cores: int) -> tuple[int, ...]:
    """Return the thread counts to try: powers of two, and all cores.

    >>> thread_counts(1), thread_counts(6)
    ((1,), (1, 2, 4, 6))
    """
    powers = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return (*powers, cores)


def find_candidates(
    model: Model, cores: int, *, folder: Path, store: Store | None = None
) -> tuple[tuple[Candidate, ...], tuple[Skipped, ...]]:
    """Make every candidate ready; exports that are not there are made.

    Parameters
    ----------
    model : Model
        With a profile, only that one is tried.
    cores : int
        The most threads.
    folder : Path
        An existing one, for graphs that are unpacked.
    store : Store, optional
        By default the user's.

    Returns
    -------
    tuple of Candidate
    tuple of Skipped
        Runtimes and profiles that can't be tried, each with its reason.
    """
    found: list[Candidate] = []
    skipped: list[Skipped] = []
    for profile, variants in _combinations(model):
        if profile is not None:
            try:  # once, not once for each runtime: a conversion that fails takes its time
                ensure_artifact(replace(model, profile=profile), store=store)
            except ToolkitError as error:
                skipped.append(Skipped(profile, str(error), asked=False))
                continue
        ready, refused = prepare(model, (), variants, folder=folder, store=store)
        skipped += refused
        for prepared in ready:
            for threads in thread_counts(cores):
                variant = replace(prepared.variant, threads=threads)
                found.append(
                    Candidate(
                        replace(prepared, name=str(variant), variant=variant),
                        profile,
                        str(prepared.variant),
                        _same_labels(model, profile),
                    )
                )
    return tuple(found), tuple(skipped)


def _combinations(model: Model) -> Iterator[tuple[str | None, list[Variant]]]:
    """Yield each profile, or none, with what runs it."""
    on_export = [name for name, spec in BACKENDS.items() if spec.artifact == "onnx"]
    if model.kind == "onnx":
        yield None, [Variant(name, model.argument) for name in on_export]
        return
    for profile in [model.profile] if model.profile else PROFILES:
        argument = f"{model.argument}+{profile}"
        yield profile, [Variant(name, argument) for name in on_export]
    if model.profile:
        return
    on_graph = [name for name in BACKENDS if name not in on_export]
    yield None, [Variant(name, model.argument) for name in on_graph]


def _same_labels(model: Model, profile: str | None) -> bool:
    if profile is None:
        return model.kind != "onnx"  # the graph itself
    known = PROFILES.get(profile)
    return known is not None and known.least_agreement is None
