"""What a gate judges by: which stages, how much slower is too slow, when it looks at its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.bench.schema import MEASURED_STAGES, WHOLE
from toolkit.errors import UsageError

MODEL, CORE = "model", "core"
GROUPS = {
    "load": MODEL,
    "first": MODEL,
    "segment": MODEL,
    "preprocess": CORE,
    "mask": CORE,
    "blur": CORE,
    "composite": CORE,
    WHOLE: WHOLE,
}
"""Stage to what it is part of: the model's latency, or the core around it. The whole is both."""


@dataclass(frozen=True)
class Plan:
    """The rule. The defaults were chosen by simulation from recorded noise: docs/gate-proof.md.

    Attributes
    ----------
    looks : tuple of int
        After so many rounds in all the gate looks whether the verdict is clear; at the last it
        ends.
    fresh_looks : tuple of int
        The same for the fresh rounds that have to confirm a suspicion.
    error : float
        The chance, at most, that noise alone brings a suspicion, over all looks and stages; and
        again that fresh rounds confirm one.
    level : float
        Of the intervals.
    stages : tuple of str
        Those judged, keys of `GROUPS`.
    threshold : float
        A stage is too slow from 1 + this times the base's time on.
    floor_ms : float
        And from so many milliseconds more on: less is nothing, whatever its share.
    thresholds, floors_ms : dict of str to float
        Other ones, by stage.
    """

    looks: tuple[int, ...] = (9, 14, 20, 30)
    fresh_looks: tuple[int, ...] = (8, 16)
    error: float = 0.05
    level: float = 0.95
    stages: tuple[str, ...] = MEASURED_STAGES
    threshold: float = 0.10
    floor_ms: float = 0.05
    thresholds: dict[str, float] = field(default_factory=dict)
    floors_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stage in (*self.stages, *self.thresholds, *self.floors_ms):
            if stage not in GROUPS:
                raise UsageError(f"no stage {stage!r}", f"one of: {', '.join(GROUPS)}")
        if not self.stages:
            raise UsageError("no stage to judge")
        if min([self.threshold, *self.thresholds.values()]) <= 0:
            raise UsageError("a threshold has to be above 0")
        if min([self.floor_ms, *self.floors_ms.values()]) < 0:
            raise UsageError("a floor can't be below 0")
        for looks in (self.looks, self.fresh_looks):
            if not looks or min(looks) < 1 or list(looks) != sorted(set(looks)):
                raise UsageError(f"looks {looks} are no growing numbers of rounds")

    def limit(self, stage: str, base_ns: float) -> float:
        """Return the ratio from which on a stage is too slow.

        Parameters
        ----------
        stage : str
        base_ns : float
            The base's time, above 0.

        Examples
        --------
        >>> plan = Plan(floor_ms=0.5, thresholds={"blur": 0.3})
        >>> [plan.limit(stage, 1e6) for stage in ("mask", "blur")]
        [1.5, 1.5]
        >>> [plan.limit(stage, 1e8) for stage in ("mask", "blur")]
        [1.1, 1.3]
        """
        share = self.thresholds.get(stage, self.threshold)
        floor_ns = self.floors_ms.get(stage, self.floor_ms) * 1e6
        return 1 + max(share, floor_ns / base_ns)


def next_looks(looks: Sequence[int]) -> list[int]:
    """Return how many rounds to add before each look.

    >>> next_looks((8, 12, 18))
    [8, 4, 6]
    """
    return [look - before for before, look in zip((0, *looks), looks, strict=False)]
