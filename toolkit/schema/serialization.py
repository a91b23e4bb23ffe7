"""JSON files that say what they hold and in which version: written whole, checked when read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from toolkit.errors import InputFileError
from toolkit.files.atomic import write_atomically
from toolkit.schema.records import RecordError

T = TypeVar("T")


def read_json(path: Path, remedy: str = "give a file of toolkit bench") -> object:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do where it is another kind of file.

    Raises
    ------
    InputFileError
        It is missing or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputFileError(path, f"can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or hostile
        raise InputFileError(path, "is not JSON", remedy) from error


@dataclass(frozen=True)
class FileFormat(Generic[T]):
    """A kind of file.

    Attributes
    ----------
    schema : str
        The name it bears.
    what : str
        What it is called in messages, with its article.
    source : str
        The command that writes it.
    again : str
        What makes a good one in place of a damaged one.
    readers : mapping of int to callable
        For each version what takes such a document apart; raises `RecordError`. The
        last is the version that is written.
    """

    schema: str
    what: str
    source: str
    again: str
    readers: Mapping[int, Callable[[object], T]]

    def document(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return a document of today's version."""
        return {"schema": self.schema, "version": max(self.readers), **content}

    def write(self, path: Path, document: Mapping[str, Any]) -> None:
        """Write a document's file, whole or not at all.

        Raises
        ------
        StoreError
            It can't be written.
        """
        write_atomically(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())

    def describes(self, document: object) -> bool:
        """Whether a document bears this schema's name; it may still be damaged."""
        return isinstance(document, dict) and document.get("schema") == self.schema

    def read(self, path: Path) -> T:
        """Read a file.

        Raises
        ------
        InputFileError
            It is missing, of another kind, damaged, or of a newer version.
        """
        return self.take(path, read_json(path, self._remedy))

    def take(self, path: Path, document: object) -> T:
        """Take apart what was read already.

        Parameters
        ----------
        path : Path
            For messages.
        document : object
            What `read_json` returned.

        Raises
        ------
        InputFileError
            As in `read`.
        """
        if not isinstance(document, dict) or not self.describes(document):
            raise InputFileError(path, f"is not {self.what}", self._remedy)
        version = document.get("version")
        if not isinstance(version, int) or version not in self.readers:
            raise InputFileError(
                path,
                f"is of schema version {version!r}; this toolkit reads "
                f"{' and '.join(map(str, self.readers))}",
                "read it with the toolkit that wrote it, or a newer one",
            )
        try:
            return self.readers[version](document)
        except RecordError as error:
            raise InputFileError(path, f"is damaged: {error}", self.again) from error

    @property
    def _remedy(self) -> str:
        return f"give a file of {self.source}"
