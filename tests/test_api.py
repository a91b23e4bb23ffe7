"""The Python API: every public name is there, documented, and loaded when it is used."""

from __future__ import annotations

import inspect
import re
import typing
from typing import Any

import pytest

import toolkit

ELSEWHERE = set(
    "Any Callable Collection Iterable Iterator Literal Mapping NDArray None Path Sequence".split()
)
"""Types of other packages that signatures name."""

ALIASES = {"FilePixels", "Pixels", "Progress", "TimedStage"}
"""Names of types, whose documentation is the type's."""


def test_the_public_names_are_sorted_and_can_be_listed() -> None:
    assert list(toolkit.__all__) == sorted(toolkit.__all__)
    assert set(toolkit.__all__) - {"__version__"} <= set(dir(toolkit))


@pytest.mark.parametrize("name", sorted(set(toolkit.__all__) - ALIASES - {"__version__"}))
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(toolkit, name))


@pytest.mark.parametrize("name", sorted(set(toolkit.__all__) - ALIASES - {"__version__"}))
def test_what_a_public_signature_names_is_public(name: str) -> None:
    found: Any = getattr(toolkit, name)
    if typing.get_origin(found) or getattr(found, "_is_protocol", False):
        return
    signature = inspect.signature(found)
    annotations = [one.annotation for one in signature.parameters.values()]
    text = " ".join(map(str, (*annotations, signature.return_annotation)))
    named = set(re.findall(r"(?<![.\w])[A-Z]\w+", text))
    if inspect.isfunction(found):
        assert named - ELSEWHERE <= set(toolkit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(toolkit, "no_such_name")
