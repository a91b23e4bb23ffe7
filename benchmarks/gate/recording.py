"""A recording of this machine's noise: rounds of three processes of the same code, condensed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.bench.photos import BenchPhoto
from toolkit.bench.prepared import PreparedVariant
from toolkit.bench.schema import MEASURED_STAGES, BenchSettings, Round
from toolkit.bench.statistics import process_median
from toolkit.gate.decision import ROLES
from toolkit.host import host_facts
from toolkit.schema.records import read_record

SCHEMA = "toolkit-noise"
VERSION = 1
KEPT = ("load", "first", *MEASURED_STAGES)

Facts = dict[str, Any]
"""On what was recorded: model, photo, settings, host."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Rounds in which all three processes ended well.

    Attributes
    ----------
    facts : dict
    failures : int
        Processes that did not end well; their rounds are left out.
    stages : tuple of str
    at, took : (rounds,) float64
        Seconds from the first round's beginning to this one's, and what it took.
    order : (rounds, 3) int64
        Which place in its round each process had.
    times : (rounds, 3, stages) float64
        The process's median, nanoseconds; in the order of `ROLES`.
    steal_ns, switches : (rounds, 3) int64
        CPU time that a hypervisor gave to others, and how often a thread lost its core, during the
        timed passes.
    """

    facts: Facts
    failures: int
    stages: tuple[str, ...]
    at: NDArray[np.float64]
    took: NDArray[np.float64]
    order: NDArray[np.int64]
    times: NDArray[np.float64]
    steal_ns: NDArray[np.int64]
    switches: NDArray[np.int64]

    @property
    def minutes(self) -> float:
        """Of rounds; what lies between them not counted."""
        return float(self.took.sum()) / 60

    def times_of(self, stages: Sequence[str]) -> NDArray[np.float64]:
        """Return the times of these stages, (rounds, 3, stages)."""
        return self.times[:, :, [self.stages.index(stage) for stage in stages]]


def facts_of(role: PreparedVariant, photo: BenchPhoto, settings: BenchSettings) -> Facts:
    """Say on what is measured, as JSON takes it."""
    facts = {
        "model": dataclasses.asdict(role.model),
        "photo": dataclasses.asdict(photo.facts),
        "settings": dataclasses.asdict(settings),
        "host": dataclasses.asdict(host_facts()),
    }
    plain: Facts = json.loads(json.dumps(facts))
    return plain


def condense(lines: Iterable[str]) -> Recording:
    """Make a recording of the lines of `record_noise`; those of facts count once, the first.

    Raises
    ------
    ValueError
        There are no facts, or no round.
    """
    facts: Facts | None = None
    failures = 0
    rows = []
    for line in lines:
        document = json.loads(line)
        if "facts" in document:
            facts = facts or document["facts"]
            continue
        processes = document["roles"]
        if missing := [name for name in ROLES if name not in processes]:
            failures += len(missing)
            continue
        ended = [read_record(Round, processes[name]) for name in ROLES]
        rows.append((document["began"], document["took"], ended))
    if facts is None or not rows:
        raise ValueError("no recording: " + ("no facts" if facts is None else "no round"))
    start = rows[0][0]
    return Recording(
        facts=facts,
        failures=failures,
        stages=KEPT,
        at=np.array([began - start for began, _, _ in rows]).round(1),
        took=np.array([took for _, took, _ in rows]).round(2),
        order=np.array([[one.order for one in ended] for _, _, ended in rows]),
        times=np.array([[_medians(one) for one in ended] for _, _, ended in rows]).round(),
        steal_ns=np.array([[one.photos[0].steal_ns or 0 for one in ended] for *_, ended in rows]),
        switches=np.array(
            [[one.photos[0].involuntary_switches or 0 for one in ended] for *_, ended in rows]
        ),
    )


def _medians(process: Round) -> list[float]:
    return [
        float(process.load_ns) if stage == "load" else process_median(process, 0, stage)
        for stage in KEPT
    ]


def write_recording(path: Path, recording: Recording) -> None:
    """Write it as JSON, a line per round."""
    head = {
        "schema": SCHEMA,
        "version": VERSION,
        "rounds": len(recording.times),
        "minutes": round(recording.minutes, 1),
        "failures": recording.failures,
        **recording.facts,
        "roles": ROLES,
        "stages": recording.stages,
    }
    rounds = [
        {
            "at": float(recording.at[number]),
            "took": float(recording.took[number]),
            "order": recording.order[number].tolist(),
            "ns": recording.times[number].astype(int).tolist(),
            "steal_ns": recording.steal_ns[number].tolist(),
            "switches": recording.switches[number].tolist(),
        }
        for number in range(len(recording.times))
    ]
    lines = [f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    body = ",\n".join(json.dumps(one, separators=(",", ":")) for one in rounds)
    path.write_text("{\n" + "".join(lines) + '"recorded": [\n' + body + "\n]}\n")


def read_recording(path: Path) -> Recording:
    """Read what `write_recording` wrote.

    Raises
    ------
    ValueError
        It is another version's, or none.
    """
    document = json.loads(path.read_text())
    if (document.get("schema"), document.get("version")) != (SCHEMA, VERSION):
        raise ValueError(f"{path}: no recording of version {VERSION}")
    rounds = document["recorded"]
    return Recording(
        facts={key: document[key] for key in ("model", "photo", "settings", "host")},
        failures=document["failures"],
        stages=tuple(document["stages"]),
        at=np.array([one["at"] for one in rounds], np.float64),
        took=np.array([one["took"] for one in rounds], np.float64),
        order=np.array([one["order"] for one in rounds], np.int64),
        times=np.array([one["ns"] for one in rounds], np.float64),
        steal_ns=np.array([one["steal_ns"] for one in rounds], np.int64),
        switches=np.array([one["switches"] for one in rounds], np.int64),
    )
