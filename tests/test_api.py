"""The Python API: every public name is there, and none is loaded before it is used."""

from __future__ import annotations

import toolkit


def test_every_public_name_can_be_had_and_is_documented() -> None:
    for name in toolkit.__all__:
        found = getattr(toolkit, name)
        assert name == "__version__" or found.__doc__, name
        assert name in dir(toolkit)


def test_every_public_name_has_its_module() -> None:
    assert {*toolkit._MODULE_OF, "__version__"} == set(toolkit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(toolkit, "no_such_name")
