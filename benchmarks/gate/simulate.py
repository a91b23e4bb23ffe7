"""Simulate gates from the recordings: how often they are wrong, and what they find.

    python -m benchmarks.gate.simulate [--quick] [--output simulated.json]

Each gate is `toolkit.gate.decision.decide` with the default plan, on rounds drawn from a recording.
The same seed gives the same figures, however many processes share the work; takes minutes.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate.recording import Recording, read_recording
from benchmarks.gate.resampling import BLOCK, NOISES, Resampled, Slowdown
from benchmarks.gate.rules import RULES
from toolkit.gate.decision import JudgedStage, decide
from toolkit.gate.plan import CORE, GROUPS, Plan
from toolkit.gate.result import StageVerdict, blamed
from toolkit.stats.verdicts import Verdict, overall

HERE = Path(__file__).resolve().parent
SIMULATED = HERE / "simulated.json"
INTERLEAVED, ALONE, FAST = "turns", "alone", "fast"
RECORDINGS = {name: HERE / f"noise-{name}.json" for name in (INTERLEAVED, ALONE, FAST)}
"""In turns and one process after the other on the real network, in turns on the bundled one."""

PARTS = ("preprocess", "segment", "mask", "blur", "composite")
"""The stages that are made slower, one at a time."""

SHARES = (0.05, 0.10, 0.125, 0.15, 0.20, 0.30, 0.50)
WANTED = 0.20
"""The slowdown that has to be found."""

CHUNK = 250
"""Gates that one process simulates at a time, from a seed of their own."""


@dataclass(frozen=True)
class Cell:
    """One kind of gate.

    Attributes
    ----------
    recording, noise, rule : str
        Keys of `RECORDINGS`, `NOISES` and `RULES`.
    stage : str or None
        Which is slower; None: the code is equal.
    share : float
        How much, 0.2 is a fifth.
    block : int
        Rounds of the recording that stay together.
    """

    recording: str = INTERLEAVED
    noise: str = next(iter(NOISES))
    rule: str = next(iter(RULES))
    stage: str | None = None
    share: float = 0.0
    block: int = BLOCK


@dataclass(frozen=True)
class Outcomes:
    """How gates of one kind ended.

    Attributes
    ----------
    gates : int
    slower, inconclusive : int
        By the verdict; the rest passed.
    blamed : int
        Slower, and exactly the stage that is.
    rounds : int
        In all gates, fresh ones too.
    minutes : float
        The same in the recording's minutes per round.
    """

    gates: int
    slower: int
    inconclusive: int
    blamed: int
    rounds: int
    minutes: float

    @property
    def passed(self) -> int:
        """Neither slower nor inconclusive."""
        return self.gates - self.slower - self.inconclusive


Simulated = dict[Cell, Outcomes]


def plan_of_cells(scale: float = 1.0) -> dict[Cell, int]:
    """Return how many gates of each kind are simulated; fewer at a smaller scale."""
    many, some, power = (max(1, round(count * scale)) for count in (20_000, 4_000, 1_000))
    other_rules = [
        *(Cell(rule=rule) for rule in RULES if rule != Cell.rule),
        Cell(recording=ALONE),
        Cell(recording=FAST),
    ]
    cells = {Cell(): many}
    cells |= {Cell(noise=noise): some for noise in NOISES if noise != Cell.noise}
    cells |= {Cell(block=block): some for block in (1, 3 * BLOCK)}
    cells |= dict.fromkeys(other_rules, some)
    cells |= {Cell(stage=stage, share=share): power for stage in PARTS for share in SHARES}
    cells |= {
        dataclasses.replace(cell, stage=stage, share=WANTED): power
        for cell in (*(Cell(noise=noise) for noise in NOISES), *other_rules)
        for stage in PARTS
    }
    return cells


def gate(recording: Recording, cell: Cell, random: np.random.Generator, plan: Plan) -> Outcomes:
    """Simulate one gate."""
    machine = Resampled(
        recording.times_of(plan.stages),
        plan.stages,
        random,
        noise=cell.noise,
        slowdown=None if cell.stage is None else Slowdown(cell.stage, cell.share),
        block=cell.block,
    )
    judged = decide(plan.stages, plan, machine.add, RULES[cell.rule])
    verdict = overall(one.verdict for one in judged)
    return Outcomes(
        gates=1,
        slower=verdict is Verdict.SLOWER,
        inconclusive=verdict is Verdict.INCONCLUSIVE,
        blamed=verdict is Verdict.SLOWER and _blamed(plan, judged) == [cell.stage],
        rounds=machine.rounds,
        minutes=machine.rounds * float(recording.took.mean()) / 60,
    )


def _blamed(plan: Plan, judged: Iterable[JudgedStage]) -> list[str]:
    verdicts = (
        StageVerdict(GROUPS.get(stage, CORE), 0, stage, one)
        for stage, one in zip(plan.stages, judged, strict=True)
    )
    return [one.stage for one in blamed(tuple(verdicts))]


def total(parts: Iterable[Outcomes]) -> Outcomes:
    """Add outcomes up."""
    sums: collections.Counter[str] = collections.Counter()
    for part in parts:
        sums.update(dataclasses.asdict(part))
    return Outcomes(**{field.name: sums[field.name] for field in dataclasses.fields(Outcomes)})


@functools.cache
def _recording(name: str) -> Recording:
    return read_recording(RECORDINGS[name])


def _chunk(work: tuple[Cell, int, int, Plan]) -> Outcomes:
    cell, number, gates, plan = work
    seed = zlib.crc32(json.dumps(dataclasses.asdict(cell)).encode())
    random = np.random.default_rng([seed, number])
    return total(gate(_recording(cell.recording), cell, random, plan) for _ in range(gates))


def simulate(
    cells: dict[Cell, int], plan: Plan, workers: int = 2
) -> Iterator[tuple[Cell, Outcomes]]:
    """Simulate as many gates of each kind as asked for; yields each kind when it is done."""
    with ProcessPoolExecutor(workers) as pool:
        running = {
            cell: [
                pool.submit(_chunk, (cell, number, min(CHUNK, gates - done), plan))
                for number, done in enumerate(range(0, gates, CHUNK))
            ]
            for cell, gates in cells.items()
        }
        for cell, chunks in running.items():
            yield cell, total(chunk.result() for chunk in chunks)


def write_simulated(path: Path, simulated: Simulated, plan: Plan) -> None:
    """Write it as JSON, a line per kind of gate."""
    head = {
        "plan": dataclasses.asdict(plan),
        "recordings": {
            name: {"rounds": len(one.times), "minutes": round(one.minutes, 1)}
            for name, one in ((name, _recording(name)) for name in RECORDINGS)
        },
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    body = ",\n".join(
        json.dumps(
            dataclasses.asdict(cell)
            | dataclasses.asdict(dataclasses.replace(found, minutes=round(found.minutes, 1)))
        )
        for cell, found in simulated.items()
    )
    path.write_text("{\n" + "".join(lines) + '"gates": [\n' + body + "\n]}\n")


def read_simulated(path: Path = SIMULATED) -> Simulated:
    """Read what `write_simulated` wrote."""
    return {
        Cell(**_fields(Cell, row)): Outcomes(**_fields(Outcomes, row))
        for row in json.loads(path.read_text())["gates"]
    }


def _fields(kind: type[Cell | Outcomes], row: dict[str, Any]) -> dict[str, Any]:
    return {field.name: row[field.name] for field in dataclasses.fields(kind)}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--output", type=Path, default=SIMULATED)
    parser.add_argument("--quick", action="store_true", help="hardly any gates: does it run?")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    plan = Plan()
    simulated: Simulated = {}
    for cell, found in simulate(
        plan_of_cells(0.001 if options.quick else 1), plan, options.workers
    ):
        simulated[cell] = found
        sys.stderr.write(
            f"{cell.recording}, {cell.noise}, {cell.rule}, {cell.stage} +{cell.share:.1%}, "
            f"blocks of {cell.block}: of {found.gates} gates {found.slower} slower, "
            f"{found.blamed} rightly blamed, {found.inconclusive} inconclusive; "
            f"{found.rounds / found.gates:.1f} rounds\n"
        )
    write_simulated(options.output, simulated, plan)


if __name__ == "__main__":
    main()
