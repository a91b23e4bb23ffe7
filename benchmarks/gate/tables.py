"""Write the tables of docs/gate-proof.md anew, between their markers.

python -m benchmarks.gate.tables
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist, median

import numpy as np

from benchmarks.gate.real_gates import RealGate, read_real
from benchmarks.gate.recording import read_recording
from benchmarks.gate.resampling import BLOCK, NOISES, spread_of
from benchmarks.gate.rules import RULES
from benchmarks.gate.simulate import (
    ALONE,
    FAST,
    PARTS,
    RECORDINGS,
    SHARES,
    WANTED,
    Cell,
    Outcomes,
    Simulated,
    read_simulated,
)
from benchmarks.pages import marks, put_tables
from toolkit.bench.schema import MEASURED_STAGES

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "gate-proof.md"

RULE_NAMES = dict(zip(RULES, ("the gate's", "head against one base", "Mann-Whitney"), strict=True))
NOISE_NAMES = {
    "recorded": "as recorded",
    "heavy tails": "and heavy tails",
    "drift": "and drift",
    "bursts": "and bursts",
    "doubled": "doubled",
}


def wilson(count: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share after Wilson.

    >>> [round(end, 4) for end in wilson(0, 1000)]
    [0.0, 0.0038]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def percent(count: int, of: int) -> str:
    """Write a share.

    >>> percent(1, 8)
    '12.5 %'
    """
    return f"{count / of:.1%}".replace("%", " %")


def with_interval(count: int, of: int) -> str:
    """Write a small share with its interval.

    >>> with_interval(3, 20_000)
    '0.015 % (0.005 to 0.044)'
    """
    low, high = wilson(count, of)
    return f"{100 * count / of:.3f} % ({100 * low:.3f} to {100 * high:.3f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def recordings_table() -> str:
    """Say what was recorded, and how far processes of equal code lie apart."""
    rows = []
    for path in RECORDINGS.values():
        one = read_recording(path)
        spread = spread_of(one.times_of(MEASURED_STAGES))
        typical = np.median(one.times_of(["segment"])) / 1e6
        how = "in turns" if one.facts["settings"]["interleaved"] else "one after the other"
        rows.append(
            [
                f"`{path.name}`",
                how,
                str(len(one.times)),
                f"{one.minutes:.0f}",
                f"{typical:.0f} ms",
                *(f"{each:.1%}".replace("%", " %") for each in spread),
            ]
        )
    return table(["recording", "processes", "rounds", "minutes", "segment", *MEASURED_STAGES], rows)


def equal_table(simulated: Simulated) -> str:
    """Say how gates on equal code ended."""
    cells = [(NOISE_NAMES[noise], Cell(noise=noise)) for noise in NOISES]
    cells += [
        (f"as recorded, blocks of {block}", Cell(block=block))
        for block in sorted({cell.block for cell in simulated} - {BLOCK})
    ]
    return table(
        ["noise", "gates", "false alarms", "inconclusive", "passed", "rounds", "minutes"],
        [[name, *_equal(simulated[cell])] for name, cell in cells],
    )


def _equal(found: Outcomes) -> list[str]:
    return [
        str(found.gates),
        with_interval(found.slower, found.gates),
        percent(found.inconclusive, found.gates),
        percent(found.passed, found.gates),
        f"{found.rounds / found.gates:.1f}",
        f"{found.minutes / found.gates:.1f}",
    ]


def power_table(simulated: Simulated) -> str:
    """Say which slowdowns are found."""
    rows = [["0 %", *[_found(simulated[Cell()])] * len(PARTS)]]
    rows += [
        [
            f"{100 * share:g} %",
            *(_found(simulated[Cell(stage=stage, share=share)]) for stage in PARTS),
        ]
        for share in SHARES
    ]
    return table(["slower by", *PARTS], rows)


def _found(found: Outcomes) -> str:
    return " / ".join(
        f"{100 * count / found.gates:.1f}"
        for count in (found.slower, found.blamed, found.inconclusive)
    )


def noises_table(simulated: Simulated) -> str:
    """Say how often a slowdown of a fifth is found and blamed on its stage, by noise."""
    return table(
        ["noise", *PARTS],
        [[NOISE_NAMES[noise], *_blamed(simulated, Cell(noise=noise))] for noise in NOISES],
    )


def _blamed(simulated: Simulated, cell: Cell) -> list[str]:
    found = (simulated[dataclasses.replace(cell, stage=stage, share=WANTED)] for stage in PARTS)
    return [percent(one.blamed, one.gates) for one in found]


def rules_table(simulated: Simulated) -> str:
    """Hold the gate's test against two others."""
    return _choices(simulated, [(RULE_NAMES[rule], Cell(rule=rule)) for rule in RULES])


def interleaved_table(simulated: Simulated) -> str:
    """Hold processes in turns against one after the other."""
    cells = [
        ("in turns", Cell()),
        ("one after the other", Cell(recording=ALONE)),
        ("in turns, bundled network", Cell(recording=FAST)),
    ]
    return _choices(simulated, cells)


def _choices(simulated: Simulated, cells: Sequence[tuple[str, Cell]]) -> str:
    rows = []
    for name, cell in cells:
        equal = simulated[cell]
        rows.append(
            [
                name,
                with_interval(equal.slower, equal.gates),
                percent(equal.inconclusive, equal.gates),
                f"{equal.rounds / equal.gates:.1f}",
                *_blamed(simulated, cell),
            ]
        )
    return table(["", "false alarms", "inconclusive", "rounds", *PARTS], rows)


def real_table(simulated: Simulated, gates: Sequence[RealGate]) -> str:
    """Hold real gates against simulated ones."""
    rows = []
    for stage in (None, *PARTS):
        share = WANTED if stage else 0.0
        of_kind = [one for one in gates if one.stage == stage and one.share == share]
        expected = simulated[Cell(recording=FAST, stage=stage, share=share)]
        rows.append(
            [
                f"{stage} {share:.0%} slower".replace("%", " %") if stage else "equal code",
                *_real(of_kind, stage),
                percent(expected.slower, expected.gates),
                percent(expected.blamed, expected.gates) if stage else "",
                percent(expected.inconclusive, expected.gates),
                f"{expected.rounds / expected.gates:.1f}",
            ]
        )
    head = ["", "real gates", "came out at", "slower", "rightly blamed", "inconclusive", "rounds"]
    return table([*head, "simulated: slower", "rightly blamed", "inconclusive", "rounds"], rows)


def _real(gates: Sequence[RealGate], stage: str | None) -> list[str]:
    if not gates:
        return ["0", "", "", "", "", ""]
    shares = [one.measured for one in gates if one.measured is not None]
    return [
        str(len(gates)),
        f"{median(shares):+.1%}".replace("%", " %") if shares else "",
        str(sum(one.verdict == "slower" for one in gates)),
        str(sum(list(one.blamed) == [stage] for one in gates)) if stage else "",
        str(sum(one.verdict == "inconclusive" for one in gates)),
        f"{np.mean([one.rounds + one.fresh_rounds for one in gates]):.1f}",
    ]


def made() -> dict[str, str]:
    """Make every table, by the name in its marker."""
    simulated = read_simulated()
    of_simulated: dict[str, Callable[[Simulated], str]] = {
        "equal": equal_table,
        "power": power_table,
        "noises": noises_table,
        "rules": rules_table,
        "turns": interleaved_table,
    }
    return {
        "recordings": recordings_table(),
        **{name: make(simulated) for name, make in of_simulated.items()},
        "real": real_table(simulated, read_real()),
    }


def filled(page: str) -> str:
    """Return the page with its tables made anew.

    Raises
    ------
    ValueError
        A table has no mark there, or a mark no table.
    """
    tables = made()
    if marks(page) != list(tables):
        raise ValueError(f"the page needs these tables, in this order: {', '.join(tables)}")
    return put_tables(page, {name: f"\n{table}\n" for name, table in tables.items()})


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
