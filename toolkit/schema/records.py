"""JSON objects into frozen dataclasses, checked against their annotations."""

from __future__ import annotations

import dataclasses
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class RecordError(ValueError):
    """A JSON value does not have the shape its dataclass says; the text names the field."""


def read_record(kind: type[T], value: object, where: str = "") -> T:
    """Build a dataclass from what `json.loads` returned.

    Fields that the dataclass does not know are passed over, so that a later release may add some.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are annotated with int, float, str, bool, Any, ``X | None``,
        ``tuple[X, ...]``, ``tuple[X, Y]``, ``dict[str, X]`` or dataclasses of such.
    value : object
        A JSON value.
    where : str
        The field's path, for messages.

    Raises
    ------
    RecordError
        A field is missing or has another type.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Point:
    ...     x: int
    ...     y: int | None = None
    >>> read_record(Point, {"x": 3})
    Point(x=3, y=None)
    >>> read_record(Point, {"x": "3"})
    Traceback (most recent call last):
        ...
    toolkit.schema.records.RecordError: x is not an integer
    """
    if not isinstance(value, dict):
        raise RecordError(f"{where or 'the document'} is not an object")
    hints = get_type_hints(kind)
    fields = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # a dataclass by contract
        path = f"{where}.{field.name}" if where else field.name
        if field.name in value:
            fields[field.name] = _read(hints[field.name], value[field.name], path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{path} is missing")
    return kind(**fields)


def _read(kind: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return read_record(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = (argument for argument in arguments if argument is not type(None))
        return _read(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise RecordError(f"{where} is not a list")
        if arguments[-1] is Ellipsis:
            arguments = arguments[:1] * len(value)
        if len(arguments) != len(value):
            raise RecordError(f"{where} has {len(value)} items, not {len(arguments)}")
        return tuple(
            _read(argument, item, f"{where}[{place}]")
            for place, (argument, item) in enumerate(zip(arguments, value, strict=True))
        )
    if origin is dict:
        if not isinstance(value, dict):
            raise RecordError(f"{where} is not an object")
        return {key: _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    return _read_scalar(kind, value, where)


def _read_scalar(kind: Any, value: object, where: str) -> object:
    if kind is Any:
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int; a flag is no number here
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
        raise RecordError(f"{where} is not {names[kind]}")
    return value
