"""The natural style's cost: what is committed is shown, a round measures every case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import natural_cost
from benchmarks.natural_cost import (
    HD,
    KERNELS,
    PAGE,
    PICTURE,
    Case,
    Cost,
    at_blurs,
    at_sizes,
    cases,
    cost_of,
    draw,
    measure_round,
    memory_table,
    read_result,
    sizes_table,
    times_table,
)


def test_every_kernel_is_measured_over_both_sizes() -> None:
    made = [Cost(case, 1, 1, 1, 1) for case in cases()]
    for kernel in KERNELS:
        assert len({one.case.megapixels for one in at_sizes(made, kernel)}) > 3
        assert {(one.case.width, one.case.height) for one in at_blurs(made, kernel)} == {HD}
        assert {one.case.kernel for one in at_blurs(made, kernel)} == {kernel}
    assert Case("box", 13, *HD) in cases()


def test_a_cost_is_the_median_of_what_processes_measured_against_the_tutorial() -> None:
    found = cost_of(Case("box", 13, *HD), (6, 2), (20, 5), (4, 4))
    assert (found.ms, found.times, found.lowest, found.highest) == (6, 3, 1, 4)


def test_a_round_measures_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [Case(kernel, 5, 64, 48) for kernel in KERNELS]
    monkeypatch.setattr(natural_cost, "cases", lambda: few)
    monkeypatch.setattr(natural_cost, "SECONDS", 0)
    monkeypatch.setattr(natural_cost, "PASSES", 1)
    found = measure_round(1)
    assert len(found) == len(few)
    assert all(ours > 0 and theirs > 0 for ours, theirs in found)


def test_the_page_shows_what_was_measured(tmp_path: Path) -> None:
    costs, memory = read_result()
    for table in (times_table(costs), sizes_table(costs), memory_table(memory)):
        assert table in PAGE.read_text()
    draw(costs, tmp_path / "picture.svg")
    assert 10_000 < (tmp_path / "picture.svg").stat().st_size < 400_000
    assert f"](images/{PICTURE.name})" in PAGE.read_text()
    assert json.loads(natural_cost.RESULT.read_text())["rounds"] >= 5
