"""Sides of a benchmark in turns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.interleaved import in_a_process, interleaved, ratio_text


def test_every_side_has_one_turn_in_each_round_and_the_order_changes() -> None:
    taken: list[tuple[str, int]] = []

    def measure(variant: str, number: int) -> dict[str, int]:
        taken.append((variant, number))
        return {"number": number}

    found = interleaved(["one", "other"], 20, measure)
    rounds = [taken[place : place + 2] for place in range(0, 40, 2)]
    for number, turns in enumerate(rounds):
        assert sorted(turns) == [("one", number), ("other", number)]
    assert {turns[0][0] for turns in rounds} == {"one", "other"}
    assert found["other"] == [{"number": number} for number in range(20)]


def test_a_process_of_its_own_tells_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "measuring.py").write_text("import sys\nprint('{\"ms\":', sys.argv[1], '}')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "measuring" not in sys.modules
    assert in_a_process("measuring", "12.5") == {"ms": 12.5}


def test_a_ratio_has_its_interval_where_there_are_rounds_enough() -> None:
    assert ratio_text([3.0, 8.0], [1.0, 4.0]) == "2.50"
    assert ratio_text([0.9], [1.0], ".0%") == "90%"
    above = [2.0 + 0.01 * number for number in range(11)]
    assert ratio_text(above, [1.0] * 11).startswith("2.05 (2.0")
