"""What a gate found: numbers only; `toolkit.report.gate` and the command line put it into words."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.bench.schema import BenchReport
from toolkit.errors import BackendError
from toolkit.gate.decision import JudgedStage
from toolkit.gate.plan import GROUPS, Plan
from toolkit.stats.verdicts import Verdict, overall


@dataclass(frozen=True)
class StageVerdict:
    """One stage of one photo.

    Attributes
    ----------
    group : str
        What it is part of: ``model``, ``core`` or ``whole``.
    photo : int or None
        Place in the measurement's photos; None for ``load``.
    stage : str
    judged : JudgedStage
    """

    group: str
    photo: int | None
    stage: str
    judged: JudgedStage


@dataclass(frozen=True)
class GateReport:
    """A gate's verdict and what it rests on.

    Attributes
    ----------
    verdict : Verdict
        Slower if any stage is, else inconclusive if any is.
    groups : dict of str to Verdict
        The same of the model's latency, of the core's and of the whole, as far as judged.
    blamed : tuple of StageVerdict
        The slower ones; the whole only where no stage of it is.
    stages : tuple of StageVerdict
    rounds, fresh_rounds : int
        Run before a suspicion, and after it to confirm it.
    ended : str
        ``clear``: the verdict was; ``looks``: the last look; ``budget``: the time.
    seconds : float
        What it took.
    plan : Plan
    measurement : BenchReport
        Every round of ``base``, ``head`` and the ``control``, failures too.
    """

    verdict: Verdict
    groups: dict[str, Verdict]
    blamed: tuple[StageVerdict, ...]
    stages: tuple[StageVerdict, ...]
    rounds: int
    fresh_rounds: int
    ended: str
    seconds: float
    plan: Plan
    measurement: BenchReport


class NoVerdictError(BackendError):
    """A gate that ended before its first look.

    Parameters
    ----------
    problem, remedy : str
    measurement : BenchReport
        The rounds that there were, if any, and what the processes that failed said.
    """

    def __init__(self, problem: str, remedy: str = "", *, measurement: BenchReport) -> None:
        super().__init__(problem, remedy)
        self.measurement = measurement


def group_verdicts(stages: tuple[StageVerdict, ...]) -> dict[str, Verdict]:
    """Return the verdict on each group that has a stage, in the order of `GROUPS`."""
    verdicts: dict[str, list[Verdict]] = {}
    for group in dict.fromkeys(GROUPS.values()):
        found = [one.judged.verdict for one in stages if one.group == group]
        if found:
            verdicts[group] = found
    return {group: overall(found) for group, found in verdicts.items()}


def blamed(stages: tuple[StageVerdict, ...]) -> tuple[StageVerdict, ...]:
    """Return the slower stages; a photo's whole only where no stage of it is slower."""
    slower = [one for one in stages if one.judged.verdict is Verdict.SLOWER]
    explained = {one.photo for one in slower if one.group != "whole"}
    return tuple(one for one in slower if one.group != "whole" or one.photo not in explained)
