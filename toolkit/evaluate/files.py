"""The JSON file an evaluation is kept in: written with its summary, checked when it is read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from toolkit.atomic import write_atomically
from toolkit.bench.records import RecordError, read_record
from toolkit.errors import InputFileError
from toolkit.evaluate.schema import Evaluation, summarise

SCHEMA = "toolkit-evaluation"
VERSION = 1
REMEDY = "give a file of toolkit evaluate"


def to_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the JSON document of an evaluation, with its summary."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        **dataclasses.asdict(evaluation),
        "summary": [dataclasses.asdict(summarise(variant)) for variant in evaluation.variants],
    }


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation's JSON file, whole or not at all.

    Raises
    ------
    StoreError
        It can't be written.
    """
    text = json.dumps(to_document(evaluation), indent=1, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def is_evaluation(path: Path) -> bool:
    """Whether a file calls itself an evaluation, of whatever version; it may still be damaged."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("schema") == SCHEMA


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation's JSON file.

    Raises
    ------
    InputFileError
        It is missing, no evaluation, damaged, or of a newer version.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputFileError(path, f"can't be read ({error.strerror})", REMEDY) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or hostile
        raise InputFileError(path, "is not JSON", REMEDY) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputFileError(path, "is no evaluation", REMEDY)
    if document.get("version") != VERSION:
        raise InputFileError(
            path,
            f"is of schema version {document.get('version')!r}; this toolkit reads {VERSION}",
            "read it with the toolkit that wrote it, or a newer one",
        )
    try:
        evaluation = read_record(Evaluation, document)
        _check(evaluation)
    except RecordError as error:
        raise InputFileError(path, f"is damaged: {error}", "evaluate again") from error
    return evaluation


def _check(evaluation: Evaluation) -> None:
    """Check what types can't say."""
    names = [variant.name for variant in evaluation.variants]
    if len(set(names)) < len(names):
        raise RecordError("two variants have the same name")
    for variant in evaluation.variants:
        if [photo.photo for photo in variant.photos] != list(range(len(evaluation.photos))):
            raise RecordError(f"variant {variant.name}: not every photo was judged once")
