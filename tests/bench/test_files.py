"""The report's file: what is written comes back; foreign, damaged and newer files are refused."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.reports import make_report
from toolkit.bench.files import read_report, to_document, write_report
from toolkit.bench.schema import BenchReport
from toolkit.errors import InputFileError, StoreError


@pytest.fixture(scope="module")
def report() -> BenchReport:
    return make_report({"tf": [[4, 5], [6, 7]], "onnx": [[1, 2], [2, 3]]}, photos=2)


def test_what_is_written_comes_back(tmp_path: Path, report: BenchReport) -> None:
    path = tmp_path / "new folder" / "report.json"
    write_report(path, report)
    assert read_report(path) == report
    document = json.loads(path.read_text())
    assert list(document)[:2] == ["schema", "version"]
    assert document["summary"]["ratios"]


def test_a_report_that_cant_be_written_is_an_error_of_the_store(
    tmp_path: Path, report: BenchReport
) -> None:
    with pytest.raises(StoreError):
        write_report(tmp_path, report)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a bench report"),
        (b'{"schema": "toolkit-bench"}', "is of schema version None"),
        (b'{"schema": "toolkit-bench", "version": 3}', "is of schema version 3"),
        (b'{"schema": "toolkit-bench", "version": [1]}', "is of schema version"),
        (b'{"schema": "toolkit-bench", "version": 1}', "is damaged: created is missing"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=rf"^{path}: {problem}") as caught:
        read_report(path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"nowhere\.json: can't be read"):
        read_report(tmp_path / "nowhere.json")


def damaged(report: BenchReport, name: str) -> dict[str, Any]:
    document = json.loads(json.dumps(to_document(report)))
    times = document["variants"][0]["rounds"][1]["photos"][0]
    match name:
        case "stage missing":
            del times["iterations"]["blur"]
        case "iteration missing":
            times["iterations"]["blur"].pop()
        case "negative":
            times["iterations"]["blur"][0] = -1
        case "photo twice":
            times["photo"] = 1
        case "name twice":
            document["variants"][1]["name"] = document["variants"][0]["name"]
        case "no baseline":
            document["baseline"] = "opencv"
        case "no rounds":
            document["variants"][0]["rounds"] = []
    return document  # type: ignore[no-any-return]  # it came from JSON


@pytest.mark.parametrize(
    "name",
    [
        *("stage missing", "iteration missing", "negative", "photo twice", "no rounds"),
        *("name twice", "no baseline"),
    ],
)
def test_what_types_dont_say_is_checked(tmp_path: Path, report: BenchReport, name: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(damaged(report, name)))
    with pytest.raises(InputFileError, match="is damaged"):
        read_report(path)


@pytest.mark.parametrize(("iterations", "fits"), [(1, True), (2, True), (3, False)])
def test_where_passes_go_on_for_seconds_there_may_be_more_of_them_but_not_fewer(
    tmp_path: Path, report: BenchReport, iterations: int, fits: bool
) -> None:
    path = tmp_path / "r.json"
    settings = dataclasses.replace(report.settings, iterations=iterations, timed_seconds=1.0)
    path.write_text(json.dumps(to_document(dataclasses.replace(report, settings=settings))))
    if fits:
        assert read_report(path).settings.timed_seconds == 1
    else:
        with pytest.raises(InputFileError, match="is damaged"):
            read_report(path)


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything inside a JSON value."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@given(draw=st.data())
def test_no_damage_gets_past_the_error_family(
    tmp_path_factory: pytest.TempPathFactory,
    report: BenchReport,
    draw: st.DataObject,
) -> None:
    document = json.loads(json.dumps(to_document(report)))
    *way, last = draw.draw(st.sampled_from(list(places(document))))
    inner: Any = document
    for key in way:
        inner = inner[key]
    inner[last] = draw.draw(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({})
    )
    path = tmp_path_factory.mktemp("damaged") / "r.json"
    path.write_text(json.dumps(document))
    try:
        to_document(copy.deepcopy(read_report(path)))
    except InputFileError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
