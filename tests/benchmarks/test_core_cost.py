"""The core's cost: line, medians and table, what is committed, and a small photo measured."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import core_cost
from benchmarks.core_cost import (
    PAGE,
    STAGES,
    Cost,
    cost_of,
    draw,
    fit_line,
    measure_one,
    read_costs,
    table,
)
from benchmarks.scenes import made_photo

SIZES = [0.3, 1.25, 5.0, 20.0]


@given(constant=st.floats(0.1, 10), slope=st.floats(0.1, 10))
def test_a_line_is_found_again(constant: float, slope: float) -> None:
    line = fit_line(SIZES, [constant + slope * size for size in SIZES])
    assert line.constant == pytest.approx(constant, rel=1e-4)
    assert line.slope == pytest.approx(slope, rel=1e-4)
    assert line.deviation < 1e-6


def test_what_grows_faster_than_the_photo_is_far_from_any_line() -> None:
    assert fit_line(SIZES, [size**1.5 for size in SIZES]).deviation > 0.2
    assert fit_line(SIZES, [4, 4, 4, 5]).deviation < 0.1


def test_a_cost_is_the_median_over_processes_of_their_medians() -> None:
    def process(*times: int, rss: int) -> dict[str, object]:
        return {"stages": {stage: list(times) for stage in STAGES}, "rss_bytes": rss}

    cost = cost_of(
        1000,
        500,
        [process(1, 2, 9, rss=3_000_000), process(4, 4, 4, rss=6_000_000), process(7, rss=0)],
    )
    assert cost.stages == dict.fromkeys(STAGES, 4)
    assert cost.core_ns == 16
    assert cost.megapixels == 0.5
    assert cost.times_photo == 2


def test_a_photo_is_measured_by_stage_and_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_cost, "PASSES", 2)
    monkeypatch.setattr(core_cost, "SECONDS", 0)
    np.save(tmp_path / "photo.npy", made_photo(60, 90))
    found = measure_one(tmp_path / "photo.npy")
    assert set(found["stages"]) == set(STAGES)
    assert all(len(times) == 2 and min(times) > 0 for times in found["stages"].values())
    assert found["rss_bytes"] >= 0


def test_the_page_shows_what_was_measured_and_is_within_what_is_promised(tmp_path: Path) -> None:
    costs = read_costs()
    assert table(costs) in PAGE.read_text()
    assert costs[-1].megapixels == pytest.approx(20, rel=0.01)
    assert costs[-1].times_photo <= 4
    draw(costs, tmp_path / "picture.svg")
    assert 10_000 < (tmp_path / "picture.svg").stat().st_size < 400_000
    assert f"](images/{core_cost.PICTURE.name})" in PAGE.read_text()


def test_a_row_says_its_time_per_megapixel() -> None:
    rows = table([Cost(1000, 1000, dict.fromkeys(STAGES, 1e6), 9e6)] * 2).splitlines()
    assert re.search(r"\| 4\.00 \| 4\.00 \| 9\.0 \| 3\.00 \|$", rows[2])
