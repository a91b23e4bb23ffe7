"""The JSON file an evaluation is kept in: written with its summary, checked when it is read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from toolkit.evaluate.schema import Evaluation, summarize
from toolkit.schema.records import RecordError, read_record
from toolkit.schema.serialization import FileFormat


def to_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the JSON document of an evaluation, with its summary."""
    return EVALUATION.document(
        {
            **dataclasses.asdict(evaluation),
            "summary": [dataclasses.asdict(summarize(variant)) for variant in evaluation.variants],
        }
    )


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation's JSON file, whole or not at all.

    Raises
    ------
    StoreError
        It can't be written.
    """
    EVALUATION.write(path, to_document(evaluation))


def read_evaluation(path: Path | str) -> Evaluation:
    """Read an evaluation's JSON file.

    Raises
    ------
    InputFileError
        It is missing, no evaluation, damaged, or of a newer version.
    """
    return EVALUATION.read(Path(path))


def _read(document: object) -> Evaluation:
    """Read what `json.loads` returned, and check what types can't say."""
    evaluation = read_record(Evaluation, document)
    names = [variant.name for variant in evaluation.variants]
    if len(set(names)) < len(names):
        raise RecordError("two variants have the same name")
    for variant in evaluation.variants:
        if [photo.photo for photo in variant.photos] != list(range(len(evaluation.photos))):
            raise RecordError(f"variant {variant.name}: not every photo was judged once")
    return evaluation


EVALUATION = FileFormat(
    "toolkit-evaluation",
    "an evaluation",
    source="toolkit evaluate",
    again="evaluate again",
    readers={1: _read},
)
