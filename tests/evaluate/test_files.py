"""Evaluations in files: what is read is what was written, and nothing else is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.evaluations import make_evaluation
from toolkit.errors import InputFileError
from toolkit.evaluate.files import read_evaluation, write_evaluation


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    evaluation = make_evaluation({"tf": [0.9, None], "onnx": [0.8, None]})
    write_evaluation(tmp_path / "quality.json", evaluation)
    assert read_evaluation(tmp_path / "quality.json") == evaluation


def duplicate(document: Any) -> None:
    document["variants"].append(document["variants"][0])


def drop(document: Any) -> None:
    document["variants"][0]["photos"].pop()


def text(document: Any) -> None:
    document["variants"][0]["photos"][0]["iou"] = "0.9"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda document: document.update(schema="toolkit-bench"), "is not an evaluation; give a"),
        (lambda document: document.update(version=2), "schema version 2; this toolkit reads 1"),
        (duplicate, "two variants have the same name"),
        (drop, "variant tf: not every photo was judged once; evaluate again"),
        (text, r"variants\[0\].photos\[0\].iou is not a number"),
    ],
)
def test_what_is_no_evaluation_is_named(tmp_path: Path, spoil: Any, said: str) -> None:
    path = tmp_path / "quality.json"
    write_evaluation(path, make_evaluation({"tf": [0.9, None]}))
    document = json.loads(path.read_text())
    spoil(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputFileError, match=said):
        read_evaluation(path)


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    with pytest.raises(InputFileError, match="can't be read"):
        read_evaluation(path)
    path.write_text("{")
    with pytest.raises(InputFileError, match="is not JSON"):
        read_evaluation(path)
