"""Record this machine's noise: rounds of three identical contenders, one line of raw times each.

    python -m benchmarks.gate.record_noise MODEL rounds.jsonl --minutes 60 [--lock FILE]

What the gate would see on code that did not change. With ``--lock`` it waits until nobody else
holds the lock of that file, and holds it for some rounds: jobs that are started by ``flock FILE …``
then never run beside a measurement. The lines are added to the file, so a recording may be
interrupted.
``--alone`` has the contenders run one after the other instead of taking turns.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gate.recording import facts_of
from toolkit.bench.photos import default_photo
from toolkit.bench.prepared import prepare
from toolkit.bench.run import BenchRun
from toolkit.bench.variants import Variant
from toolkit.gate.decision import ROLES
from toolkit.gate.run import GATE
from toolkit.host import available_cores
from toolkit.hub.model import resolve_model


def main() -> None:
    options = _options()
    settings = dataclasses.replace(
        GATE, threads=available_cores(), seed=options.seed, interleaved=not options.alone
    )
    photo = default_photo()
    with tempfile.TemporaryDirectory() as folder:
        (role,), _ = prepare(resolve_model(options.model), [Variant("onnx")], folder=Path(folder))
        _add_line(options.lines, {"facts": facts_of(role, photo, settings)})
        measurement = BenchRun(
            [dataclasses.replace(role, name=name) for name in ROLES],
            [photo],
            settings,
            folder=Path(folder),
        )
        spent = 0.0
        while spent < options.minutes * 60:
            with locked(options.lock):
                for _ in range(options.hold):
                    began = time.time()
                    measurement.add_round()
                    took = time.time() - began
                    spent += took
                    _add_line(options.lines, _line(measurement, began, took))
                    number = measurement.rounds - 1
                    sys.stderr.write(f"round {number}: {took:.1f} s, {spent / 60:.1f} min\n")


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Wait in line for the lock that flock(1) takes on a file, and hold it; None: do nothing."""
    if path is None:
        yield
        return
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("lines", type=Path)
    parser.add_argument("--minutes", type=float, default=60, help="of rounds, waiting not counted")
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--hold", type=int, default=5, help="rounds before others get the lock")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _line(measurement: BenchRun, began: float, took: float) -> dict[str, Any]:
    number = measurement.rounds - 1
    return {
        "began": began,
        "took": took,
        "round": number,
        "roles": {
            times.name: dataclasses.asdict(one)
            for times in measurement.variants
            for one in times.rounds
            if one.round == number
        },
    }


def _add_line(path: Path, document: dict[str, Any]) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
