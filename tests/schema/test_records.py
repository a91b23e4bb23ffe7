"""Records: dataclasses from JSON, refused where types differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from toolkit.schema.records import RecordError, read_record


@dataclass(frozen=True)
class Inner:
    """A part."""

    flag: bool


@dataclass(frozen=True)
class Outer:
    """Every kind of field."""

    count: int
    share: float
    name: str | None
    inner: tuple[Inner, ...]
    table: dict[str, tuple[int, ...]]
    size: tuple[int, int]
    free: dict[str, Any]
    added: str = "default"


GOOD: dict[str, object] = {
    "count": 1,
    "share": 2,
    "name": None,
    "inner": [{"flag": True}],
    "table": {"a": [1, 2]},
    "size": [3, 4],
    "free": {"anything": [None, {"at": 1}]},
}


def test_every_kind_of_field_is_built() -> None:
    built = read_record(Outer, GOOD)
    free = {"anything": [None, {"at": 1}]}
    assert built == Outer(1, 2.0, None, (Inner(True),), {"a": (1, 2)}, (3, 4), free)
    assert isinstance(built.share, float)


def test_fields_of_a_later_release_are_passed_over() -> None:
    assert read_record(Outer, {**GOOD, "new": 1}) == read_record(Outer, GOOD)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("count", True, "count is not an integer"),
        ("count", 1.0, "count is not an integer"),
        ("size", [3], "size has 1 items, not 2"),
        ("size", [3, "4"], r"size\[1\] is not an integer"),
        ("share", "1", "share is not a number"),
        ("share", False, "share is not a number"),
        ("name", 3, "name is not a text"),
        ("inner", {}, "inner is not a list"),
        ("inner", [{"flag": 1}], r"inner\[0\].flag is not true or false"),
        ("inner", [{}], r"inner\[0\].flag is missing"),
        ("inner", [[]], r"inner\[0\] is not an object"),
        ("table", [], "table is not an object"),
        ("table", {"a": [1, None]}, r"table.a\[1\] is not an integer"),
    ],
)
def test_the_field_that_is_wrong_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(RecordError, match=f"^{message}$"):
        read_record(Outer, {**GOOD, field: value})


def test_what_is_no_object_is_no_record() -> None:
    with pytest.raises(RecordError, match="the document is not an object"):
        read_record(Outer, [])
