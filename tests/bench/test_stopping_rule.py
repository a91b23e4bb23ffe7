"""When rounds are enough: their number, the precision, the budget."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest

from tests.bench.reports import make_report
from toolkit.bench import stopping_rule
from toolkit.bench.schema import BenchSettings, VariantTimes, default_baseline
from toolkit.bench.stopping_rule import half_width, run_rounds
from toolkit.concurrency import Progress


class Played:
    """Rounds of made-up times, ten seconds each."""

    def __init__(self, settings: BenchSettings, noise: float, names: tuple[str, ...]) -> None:
        self.settings = settings
        self.rounds = 0
        self.seconds = 0.0
        self.running = len(names)
        self._draw = random.Random(1)
        self._noise = noise
        self._times: dict[str, list[list[int]]] = {name: [] for name in names}

    @property
    def variants(self) -> tuple[VariantTimes, ...]:
        return make_report(self._times).variants

    def add_round(self, ended: Callable[[], None] | None = None) -> None:
        for times in self._times.values():
            times.append([round(1e6 * self._draw.lognormvariate(0, self._noise))])
            if ended:
                ended()
        self.rounds += 1
        self.seconds += 10


def play(
    *,
    noise: float = 0.05,
    names: tuple[str, ...] = ("tf", "onnx"),
    progress: Progress | None = None,
    **settings: float | None,
) -> tuple[str, Played]:
    played = Played(dataclasses.replace(BenchSettings(), **settings), noise, names)  # type: ignore[arg-type]  # names of its fields
    why = run_rounds(played, default_baseline, progress=progress, clock=lambda: played.seconds)
    return why, played


def test_without_target_or_budget_it_is_the_number_of_rounds() -> None:
    why, played = play(rounds=4)
    assert (why, played.rounds) == ("rounds", 4)


def test_rounds_are_added_until_the_ratios_are_known_well_enough() -> None:
    why, played = play(until=0.02)
    assert why == "precision"
    assert played.rounds > 5
    width = half_width(played.variants, "tf")
    assert width is not None
    assert width <= 0.02
    coarse = play(until=0.1)[1]
    assert coarse.rounds < played.rounds


def test_there_is_no_precision_without_enough_rounds_to_tell() -> None:
    why, played = play(until=0.5, rounds=1, noise=0.0)
    assert (why, played.rounds) == ("precision", 5)
    assert half_width(played.variants[:1], "tf") is None


def test_the_budget_ends_it_before_a_round_that_would_not_fit() -> None:
    why, played = play(budget_seconds=75)
    assert (why, played.rounds, played.seconds) == ("budget", 7, 70)
    why, played = play(budget_seconds=75, until=0.001)
    assert (why, played.rounds) == ("budget", 7)
    why, played = play(budget_seconds=5, rounds=3)  # less than one round takes
    assert (why, played.rounds) == ("budget", 1)


def test_a_precision_out_of_reach_ends_at_the_most_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping_rule, "MOST_ROUNDS", 9)
    why, played = play(until=0.0001)
    assert (why, played.rounds) == ("rounds", 9)


def test_one_variant_alone_has_no_ratio_to_wait_for() -> None:
    why, played = play(until=0.02, names=("onnx",))
    assert (why, played.rounds) == ("rounds", 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"rounds": 4},
        {"until": 0.02},
        {"budget_seconds": 75},
        {"until": 0.0001, "budget_seconds": 300},
    ],
)
def test_progress_ends_at_its_total(settings: dict[str, float]) -> None:
    seen: list[tuple[int, int | None]] = []
    _, played = play(
        progress=lambda done, total: seen.append((done, total)),
        **settings,  # type: ignore[arg-type]  # names of fields of BenchSettings
    )
    assert {done for done, _ in seen} == set(range(1, 2 * played.rounds + 1))
    assert all(total is not None and done <= total for done, total in seen)
    assert seen[-1][0] == seen[-1][1]
