"""Statistics: a process counts once, ratios are taken within a round."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.reports import make_report, make_round
from toolkit.bench.schema import MEASURED_STAGES
from toolkit.bench.statistics import spread, summarize


def test_each_process_counts_once_by_its_median() -> None:
    # Pooled, the median of the six times would be 30.
    summary = summarize(make_report({"onnx": [[10, 10, 90], [20, 30, 1000], [30, 50, 50]]}))
    time = summary.time("onnx", "segment", 0)
    assert (time.median_ns, time.mad_ns, time.min_ns, time.max_ns) == (30, 20, 10, 50)
    assert time.processes == 3
    assert time.relative_mad == pytest.approx(2 / 3)


def test_load_is_import_and_session_together() -> None:
    summary = summarize(make_report({"onnx": [[1], [1], [1]]}))
    load = summary.time("onnx", "load", None)
    assert (load.median_ns, load.min_ns, load.max_ns) == (1200, 1100, 1300)


def test_ratios_are_medians_of_the_rounds_ratios() -> None:
    # The rounds' ratios are 1, 2 and 2; the ratio of the medians would be 1.
    summary = summarize(make_report({"tf": [[20], [10], [40]], "onnx": [[20], [5], [20]]}))
    ratio = next(ratio for ratio in summary.ratios if ratio.stage == "whole")
    assert (ratio.variant, ratio.rounds) == ("onnx", 3)
    assert (ratio.median, ratio.min, ratio.max) == (2.0, 1.0, 2.0)


def test_there_is_no_ratio_of_the_baseline_to_itself() -> None:
    assert summarize(make_report({"onnx": [[1]]})).ratios == ()
    assert summarize(make_report({"tf": [[1]]})).ratios == ()


def test_a_round_that_one_of_them_lost_gives_no_ratio() -> None:
    report = make_report({"tf": [[10], [30]], "onnx": [[10], [10]]})
    tf, onnx = report.variants
    only_second = dataclasses.replace(tf, rounds=tf.rounds[1:])
    summary = summarize(dataclasses.replace(report, variants=(only_second, onnx)))
    assert {(ratio.rounds, ratio.median) for ratio in summary.ratios} == {(1, 3.0)}
    lost = dataclasses.replace(tf, rounds=(make_round(7, [10]),))
    assert summarize(dataclasses.replace(report, variants=(lost, onnx))).ratios == ()


def test_every_photo_and_stage_has_a_time() -> None:
    summary = summarize(make_report({"tf": [[1]], "onnx": [[1]]}, photos=2))
    assert len(summary.times) == 2 * (1 + 2 * (1 + len(MEASURED_STAGES)))
    assert len(summary.ratios) == 2 * len(MEASURED_STAGES)
    with pytest.raises(KeyError):
        summary.time("onnx", "segment", 2)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=9), st.integers(0, 10**9))
def test_a_shift_moves_the_median_and_not_the_spread(values: list[int], shift: int) -> None:
    middle, mad = spread(values)
    moved, moved_mad = spread([value + shift for value in values])
    assert moved == middle + shift
    assert moved_mad == mad
    assert min(values) <= middle <= max(values)


def test_a_ratio_has_an_interval_from_5_rounds() -> None:
    rounds = [[100], [110], [120], [130], [140]]
    (four, five) = (
        summarize(make_report({"tf": [[2 * run[0]] for run in rounds[:n]], "onnx": rounds[:n]}))
        for n in (4, 5)
    )
    assert {(ratio.low, ratio.high) for ratio in four.ratios} == {(None, None)}
    assert {(ratio.low, ratio.median, ratio.high) for ratio in five.ratios} == {(2, 2, 2)}
    noisy = summarize(make_report({"tf": [[120], [90], [130], [120], [150]], "onnx": rounds}))
    for ratio in noisy.ratios:
        assert ratio.low is not None
        assert ratio.high is not None
        assert ratio.min <= ratio.low < ratio.median < ratio.high <= ratio.max


def test_tail_percentiles_pool_the_passes_of_all_processes() -> None:
    passes = [[number * 20 + place for place in range(20)] for number in range(5)]
    summary = summarize(make_report({"onnx": passes}))
    time = summary.time("onnx", "whole", 0)
    assert (time.p90_ns, time.p99_ns) == (89, None)
    # One time per process: 5 are too few.
    assert summary.time("onnx", "first", 0).p90_ns is None
    assert summary.time("onnx", "load", None).p90_ns is None
    assert summarize(make_report({"onnx": passes[:4]})).time("onnx", "whole", 0).p90_ns is None
