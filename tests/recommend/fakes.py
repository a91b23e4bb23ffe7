"""A machine whose times and masks tests choose; as a program it runs the command line on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.bench.reports import make_round
from tests.evaluate.evaluations import make_evaluation
from toolkit.bench.prepared import PreparedVariant
from toolkit.bench.schema import BenchSettings, Failure, ModelFacts, Skipped, VariantTimes
from toolkit.bench.variants import Variant, parse_variant
from toolkit.evaluate.schema import Evaluation
from toolkit.recommend import run, timing
from toolkit.recommend.candidates import Candidate

Setter = Callable[[object, str, object], None]


def candidate(text: str, *, same_labels: bool = True) -> Candidate:
    """Return a candidate of a variant's text; its profile stands behind the plus."""
    variant = parse_variant(text)
    profile = (variant.model or "").partition("+")[2] or None
    facts = ModelFacts("net", "a" * 64, None if profile is None else "c" * 64)
    prepared = PreparedVariant(text, variant, Path("nowhere.onnx"), facts, asked=False)
    return Candidate(prepared, profile, str(replace(variant, threads=None)), same_labels)


@dataclass
class Machine:
    """What runs how fast and how well.

    Attributes
    ----------
    speeds : dict of str to float
        Milliseconds by variant.
    ious : dict of str to float
        By variant without its threads; those that are not TF1's labels.
    exact : float
        The IoU of TF1's labels.
    refusing, failing : set of str
        Variants whose backend refuses, and whose processes die.
    noise : float
        How far a round's time lies off, as a share, in a direction of each variant's own.
    log : list of str
        What was done.
    pause : float
        Seconds that a round and a judged variant take.
    """

    speeds: dict[str, float]
    ious: dict[str, float] = field(default_factory=dict)
    exact: float = 0.95
    refusing: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    noise: float = 0.01
    log: list[str] = field(default_factory=list)
    pause: float = 0.0

    def install(self, setter: Setter) -> None:
        """Put it in place of the real one."""
        setter(run, "find_candidates", self.find_candidates)
        setter(timing, "BenchRun", self.measurement)
        setter(run, "iterate_evaluation", self.evaluate)

    def find_candidates(
        self, *_: object, **__: object
    ) -> tuple[tuple[Candidate, ...], tuple[Skipped, ...]]:
        """Return every variant, and one profile that can't be tried."""
        found = [
            candidate(text, same_labels=candidate(text).judged_as not in self.ious)
            for text in self.speeds
        ]
        return tuple(found), (Skipped("int8", "toolkit convert --calibrate", asked=False),)

    def measurement(
        self,
        prepared_variants: Sequence[PreparedVariant],
        _: object,
        settings: BenchSettings,
        **__: object,
    ) -> Any:
        """Return what stands in for `toolkit.bench.run.BenchRun`."""
        return _Measurement(self, list(prepared_variants), settings)

    def evaluate(
        self, _: object, __: object, variants: Sequence[Variant], **___: object
    ) -> Iterator[Evaluation]:
        """Judge each variant by its known IoU."""
        names = [str(variant) for variant in variants]
        whole = make_evaluation({name: [self.ious.get(name, self.exact)] for name in names})
        yield replace(whole, variants=(), complete=False)
        for count, name in enumerate(names, 1):
            self.note(f"judge {name}")
            yield replace(whole, variants=whole.variants[:count], complete=count == len(names))

    def note(self, what: str) -> None:
        """Remember what is done, in the file that the environment names too, and take time."""
        self.log.append(what)
        if path := os.environ.get("FAKE_LOG"):
            with Path(path).open("a") as file:
                file.write(f"{what}\n")
        time.sleep(self.pause)


@dataclass
class _Measurement:
    machine: Machine
    prepared_variants: list[PreparedVariant]
    settings: BenchSettings
    rounds: int = 0
    replies: dict[str, list[int]] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def running(self) -> int:
        return len(self.prepared_variants)

    @property
    def variants(self) -> tuple[VariantTimes, ...]:
        return tuple(
            VariantTimes(
                name=one.name,
                variant=one.variant,
                model=one.model,
                version="1.0",
                provider="CPU",
                threads=one.variant.threads or 2,
                python="3.11",
                versions={},
                rounds=tuple(
                    make_round(number, [self._time(one.name, number)] * self.settings.iterations)
                    for number in self.replies[one.name]
                ),
            )
            for one in self.prepared_variants
            if self.replies.get(one.name)
        )

    def add_round(self, ended: Callable[[], None]) -> None:
        what = "well" if self.settings.interleaved else "briefly"
        self.machine.note(f"time {what} {self.rounds} of {self.running}")
        for one in list(self.prepared_variants):
            if one.name in self.machine.refusing:
                self.skipped += (Skipped(one.name, "refused", asked=False),)
                self.prepared_variants.remove(one)
            elif one.name in self.machine.failing:
                self.failures += (Failure(one.name, self.rounds, f"{one.name}: died", ""),)
            else:
                self.replies.setdefault(one.name, []).append(self.rounds)
            ended()
        self.rounds += 1

    def _time(self, name: str, number: int) -> int:
        own = sum(name.encode()) % 2
        sway = self.machine.noise * (1 if (number + own) % 2 else -1)
        return round(self.machine.speeds[name] * 1e6 * (1 + sway))


def usual() -> Machine:
    """Return a machine on which ``fast`` is the fastest by far and ``fit`` is dominated."""
    speeds = {"tf:net": 200, "onnx:net+exact": 80, "openvino:net+exact": 90}
    others = {"onnx:net+fit": 45, "onnx:net+fast": 20}
    return Machine(
        {
            f"{name}@threads={threads}": time * (2 if threads == 1 else 1)
            for name, time in (speeds | others).items()
            for threads in (1, 2)
        },
        ious={"onnx:net+fit": 0.946, "onnx:net+fast": 0.947},
        refusing={"openvino:net+exact@threads=1"},
    )


if __name__ == "__main__":
    from toolkit.cli import main

    machine = usual()
    machine.pause = 0.2
    machine.install(setattr)
    main()
