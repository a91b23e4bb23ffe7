"""Variants: what can be timed on a photo, and the short text one is written as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from toolkit.errors import UsageError

GRAMMAR = (
    "write BACKEND[:MODEL][@threads=N][@provider=NAME][@python=PATH], "
    "such as onnx or onnx:exported/a.onnx@threads=1"
)
KEYS = ("threads", "provider", "python")

# @@ is an @ of a path; a single one before a lower-case word and = begins an option.
_PIECES = re.compile(r"(?P<doubled>@@)|(?P<option>@(?=[a-z_]+=))|[^@]+|@")


@dataclass(frozen=True)
class Variant:
    """Something that can be timed on a photo; its text is what `parse_variant` reads.

    Attributes
    ----------
    backend : str
        A name in the registry: ``onnx``, ``tf``.
    model : str or None
        A MODEL argument, name or path; None: the one the measurement is called with, and
        ``+PROFILE`` that one's export of a profile.
    threads : int or None
        Of the backend and of OpenCV; None: the measurement's.
    provider : str or None
        The execution provider or device it has to run on; None: the backend's own choice.
    python : str or None
        Another interpreter, whose own installed toolkit does the work; None: this one.

    Examples
    --------
    >>> str(Variant("onnx", model="exported/a.onnx", threads=1))
    'onnx:exported/a.onnx@threads=1'
    """

    backend: str
    model: str | None = None
    threads: int | None = None
    provider: str | None = None
    python: str | None = None

    def __str__(self) -> str:
        text = self.backend if self.model is None else f"{self.backend}:{_escape(self.model)}"
        options = ((key, getattr(self, key)) for key in KEYS)
        return text + "".join(
            f"@{key}={_escape(str(value))}" for key, value in options if value is not None
        )


def parse_variant(text: str) -> Variant:
    r"""Read a variant's text.

    The first ``:`` ends the backend, so a path may hold more of them (``onnx:C:\a.onnx``). An
    ``@`` that is part of a path may stand as it is, unless a lower-case word and ``=`` follow it:
    then it is written ``@@``.

    Parameters
    ----------
    text : str
        ``BACKEND[:MODEL][@KEY=VALUE]...`` with the keys threads, provider and python.

    Raises
    ------
    UsageError
        It is none; whether there is such a backend or model is not asked here.

    Examples
    --------
    >>> parse_variant("onnx@threads=1@python=.venv-base/bin/python")
    Variant(backend='onnx', model=None, threads=1, provider=None, python='.venv-base/bin/python')
    >>> parse_variant("onnx:mine@@home=1.onnx").model
    'mine@home=1.onnx'
    """
    head, *options = _split(text)
    backend, colon, model = head.partition(":")
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", backend):
        raise _nonsense(text, "it does not begin with a backend's name")
    if colon and not model:
        raise _nonsense(text, "no model after the colon")
    if not text.isprintable():
        raise _nonsense(text, "it holds characters that can't be printed")
    fields: dict[str, Any] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in KEYS:
            raise _nonsense(text, f"no option {key!r}")
        if key in fields:
            raise _nonsense(text, f"{key} is given twice")
        if not value:
            raise _nonsense(text, f"no value after {key}=")
        fields[key] = _threads(text, value) if key == "threads" else value
    return Variant(backend, model if colon else None, **fields)


def _split(text: str) -> list[str]:
    """Split at each @ that begins an option; undo the doubling in what is between."""
    parts = [""]
    for found in _PIECES.finditer(text):
        if found["option"]:
            parts.append("")
        else:
            parts[-1] += "@" if found["doubled"] else found[0]
    return parts


def _escape(text: str) -> str:
    return text.replace("@", "@@")


def _threads(text: str, value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", value):
        raise _nonsense(text, f"threads={value} is no number from 1 to 9999")
    return int(value)


def _nonsense(text: str, why: str) -> UsageError:
    return UsageError(f"{text!r} is no variant: {why}", GRAMMAR)
