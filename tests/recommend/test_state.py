"""States in files: of the same inputs they are gone on with, others are not used."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.bench.reports import make_report
from tests.evaluate.evaluations import make_evaluation
from toolkit.bench.schema import Failure, Skipped
from toolkit.errors import InputFileError
from toolkit.recommend.state import State, Timed, read_state, write_state

INPUTS = {"photo": "a" * 64, "machine": "a cpu"}


def timed(first: int, rounds: int, *names: str) -> Timed:
    report = make_report({name: [[100 + n] for n in range(rounds)] for name in names})
    return Timed(first + rounds, report.variants)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    state = State(
        INPUTS,
        timed(0, 2, "tf", "onnx"),
        make_evaluation({"tf": [0.9, None]}),
        Timed(
            1, skipped=(Skipped("a", "b", asked=False),), failures=(Failure("a", 0, "died", ""),)
        ),
    )
    write_state(tmp_path / "state.json", state)
    assert read_state(tmp_path / "state.json", INPUTS) == state


def test_without_a_file_it_begins(tmp_path: Path) -> None:
    assert read_state(tmp_path / "state.json", INPUTS) == State(INPUTS)


def test_a_state_of_other_inputs_is_not_used_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    write_state(path, State({**INPUTS, "photo": "b" * 64}, timed(0, 2, "onnx")))
    with caplog.at_level(logging.WARNING):
        assert read_state(path, INPUTS) == State(INPUTS)
    assert "is of another photo" in caplog.text


def test_a_damaged_state_is_not_used_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"schema": "toolkit-recommend-state", "version": 1}')
    with caplog.at_level(logging.WARNING):
        assert read_state(path, INPUTS) == State(INPUTS)
    assert "inputs is missing" in caplog.text


def test_a_file_of_another_kind_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "thesis.json"
    for text, problem in (
        ("my thesis", "is not JSON"),
        ('{"schema": "toolkit-bench"}', "is no state of a recommendation"),
    ):
        path.write_text(text)
        with pytest.raises(InputFileError, match=f"{problem}; name another file with --state"):
            read_state(path, INPUTS)


def test_rounds_are_joined_by_name() -> None:
    joined = timed(0, 2, "tf", "onnx").plus(timed(2, 3, "onnx", "opencv"))
    assert joined.rounds == 5
    assert {one.name: len(one.rounds) for one in joined.variants} == {
        "tf": 2,
        "onnx": 5,
        "opencv": 3,
    }


def test_every_input_changes_the_key() -> None:
    assert State(INPUTS).key == State(dict(reversed(INPUTS.items()))).key
    assert State({**INPUTS, "machine": "another"}).key != State(INPUTS).key
