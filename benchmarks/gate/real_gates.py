"""Run real gates: on equal code, and on a head in which one stage really takes longer.

    python -m benchmarks.gate.real_gates MODEL benchmarks/gate/real-gates.jsonl --gates 8

Defaults throughout: plan, settings, photo. The two kinds alternate, and the slower stage is another
each time; the lines are added to the file, so that it may be interrupted and continued, also on
another machine: what stands at the head of the file is written again where it changes. With
``--lock`` a gate begins when nobody else holds the lock of that file, see `record_noise`.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate.record_noise import locked
from benchmarks.gate.recording import facts_of
from benchmarks.gate.simulate import HERE, PARTS, WANTED
from benchmarks.gate.slow_worker import slow_interpreter
from toolkit.bench.photos import default_photo
from toolkit.bench.prepared import prepare
from toolkit.bench.schema import BenchReport
from toolkit.bench.statistics import process_median
from toolkit.bench.variants import Variant
from toolkit.gate.decision import BASE, CONTROL, HEAD, ROLES
from toolkit.gate.result import GateReport
from toolkit.gate.run import GATE, run_gate
from toolkit.host import available_cores
from toolkit.hub.model import Model, resolve_model

REAL = HERE / "real-gates.jsonl"


@dataclass(frozen=True)
class RealGate:
    """How one ended.

    Attributes
    ----------
    created : str
        When it began, ISO 8601.
    stage : str or None
        Which stage of the head was slower; None: the code was equal.
    share : float
        How much was asked for.
    measured : float or None
        How much it came out at: the median over all rounds, head over the mean of base and control.
    verdict : str
    blamed : tuple of str
        Stages called slower.
    inconclusive : dict of str to str
        Stages without a verdict, and why.
    ratios : dict of str to (float, float, float)
        By stage: head over base, and its interval, in the rounds that decided.
    rounds, fresh_rounds : int
    seconds : float
    failures : int
        Processes that did not end well.
    """

    created: str
    stage: str | None
    share: float
    measured: float | None
    verdict: str
    blamed: tuple[str, ...]
    inconclusive: dict[str, str]
    ratios: dict[str, tuple[float, float, float]]
    rounds: int
    fresh_rounds: int
    seconds: float
    failures: int


def read_real(path: Path = REAL) -> list[RealGate]:
    """Read the gates of a file, none where there is no file."""
    if not path.exists():
        return []
    documents = (json.loads(line) for line in path.read_text().splitlines())
    return [RealGate(**document) for document in documents if "facts" not in document]


def last_facts(path: Path) -> dict[str, Any] | None:
    """Return the last line that says on what the gates after it ran, None where there is none."""
    if not path.exists():
        return None
    documents = map(json.loads, reversed(path.read_text().splitlines()))
    return next((document for document in documents if "facts" in document), None)


def run_one(model: Model, stage: str | None, share: float) -> RealGate:
    """Run one gate.

    Parameters
    ----------
    model : Model
    stage : str or None
        None: base and head are the same.
    share : float
        How much longer the stage of the head is to take.
    """
    with tempfile.TemporaryDirectory() as folder:
        base = head = Variant("onnx")
        if stage is not None:
            # The base goes the same way, so that nothing differs but the share.
            base, head = (
                Variant("onnx", python=str(slow_interpreter(Path(folder), stage, amount)))
                for amount in (0.0, share)
            )
        settings = dataclasses.replace(GATE, threads=available_cores())
        report = run_gate(model, [default_photo()], base, head, settings=settings)
    return _summary(report, stage, share)


def _summary(report: GateReport, stage: str | None, share: float) -> RealGate:
    decided = {one.stage: one.judged.fresh or one.judged.search for one in report.stages}
    return RealGate(
        created=report.measurement.created,
        stage=stage,
        share=share if stage else 0.0,
        measured=None if stage is None else round(measured_share(report.measurement, stage), 4),
        verdict=report.verdict.value,
        blamed=tuple(one.stage for one in report.blamed),
        inconclusive={one.stage: one.judged.reason for one in report.stages if one.judged.reason},
        ratios={
            name: (round(one.ratio, 4), round(one.low, 4), round(one.high, 4))
            for name, one in decided.items()
        },
        rounds=report.rounds,
        fresh_rounds=report.fresh_rounds,
        seconds=round(report.seconds, 1),
        failures=len(report.measurement.failures),
    )


def measured_share(measurement: BenchReport, stage: str) -> float:
    """Return how much longer the head took in a stage: the median over all whole rounds."""
    times = {
        variant.name: {one.round: process_median(one, 0, stage) for one in variant.rounds}
        for variant in measurement.variants
    }
    whole = set.intersection(*(set(times[name]) for name in ROLES))
    logs = [
        np.log(times[HEAD][number])
        - (np.log(times[BASE][number]) + np.log(times[CONTROL][number])) / 2
        for number in whole
    ]
    return float(np.expm1(np.median(logs)))


def kinds(done: int) -> Iterator[str | None]:
    """Yield which stage is slower in the gates after so many: none and one in turn."""
    stages = itertools.chain.from_iterable((None, stage) for stage in itertools.cycle(PARTS))
    return itertools.islice(stages, done, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("lines", type=Path, nargs="?", default=REAL)
    parser.add_argument("--gates", type=int, default=2)
    parser.add_argument("--share", type=float, default=WANTED)
    parser.add_argument("--lock", type=Path)
    options = parser.parse_args()
    model = resolve_model(options.model)
    done = read_real(options.lines)
    facts = json.loads(json.dumps({"facts": _facts(model)}))
    if facts != last_facts(options.lines):
        _add_line(options.lines, facts)
    for stage in itertools.islice(kinds(len(done)), options.gates):
        with locked(options.lock):
            found = run_one(model, stage, options.share)
        _add_line(options.lines, dataclasses.asdict(found))
        sys.stderr.write(
            f"{stage or 'equal code'}: {found.verdict} {' '.join(found.blamed)}, "
            f"{found.rounds} + {found.fresh_rounds} rounds, {found.seconds:.0f} s\n"
        )


def _facts(model: Model) -> dict[str, Any]:
    settings = dataclasses.replace(GATE, threads=available_cores())
    with tempfile.TemporaryDirectory() as folder:
        (role,), _ = prepare(model, [Variant("onnx")], folder=Path(folder))
    return facts_of(role, default_photo(), settings)


def _add_line(path: Path, document: dict[str, Any]) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
