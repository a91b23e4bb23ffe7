"""A model's files in memory: the frozen graph or SavedModel in a ``.tar.gz``, or in a folder.

Nothing is ever extracted to disk. An archive is read once, front to back, so that a bomb is
stopped while it inflates; an archive with anything hostile in it is refused as a whole.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from toolkit.errors import ArchiveError
from toolkit.graphs.saved_model_files import SAVED_MODEL_FILE, VARIABLES, SavedModelFiles
from toolkit.hub.catalog import GRAPH_FILE

GRAPH_LIMIT = 2**30
"""Bytes of a frozen graph; protobuf reads no message of twice that."""
MEMBER_LIMIT = 10_000
INFLATED_FLOOR, INFLATED_LIMIT = 64 * 2**20, 4 * 2**30
INFLATION = 50
"""An archive may inflate to this many times its size, within the two bounds above.

Weights compress to a third at best, a bomb to a thousandth.
"""

_VARIABLE_FILE = re.compile(r"variables\.(index|data-\d{5}-of-\d{5})")
_BROKEN = (
    f"get it again; a model archive is a .tar.gz with one {GRAPH_FILE} or one SavedModel in it"
)
_HOSTILE = "don't use this archive"
_SAVED = "a SavedModel is a folder with saved_model.pb and variables/"


def read_archive(path: Path) -> bytes | SavedModelFiles:
    """Read the frozen graph or the SavedModel of a model archive.

    Parameters
    ----------
    path : Path
        A gzip-compressed tar with one ``frozen_inference_graph.pb``, or else one SavedModel, in
        any folder.

    Returns
    -------
    bytes or SavedModelFiles
        The serialized GraphDef, not parsed; or the SavedModel's files.

    Raises
    ------
    ArchiveError
        It is missing, no such archive, truncated or hostile, or it holds no model or several.
    """
    with open_archive(path) as file:
        return extract_model(file, path)


def read_saved_model_folder(folder: Path) -> SavedModelFiles:
    """Read the files of a SavedModel from its folder.

    Raises
    ------
    ArchiveError
        A file is missing, unreadable, no regular file or too large.
    """
    left = GRAPH_LIMIT
    found: dict[str, bytes] = {}
    try:
        checkpoint = folder / VARIABLES
        names = sorted(path.name for path in checkpoint.iterdir()) if checkpoint.is_dir() else []
        wanted = [name for name in names if _VARIABLE_FILE.fullmatch(name)]
        for path in (folder / SAVED_MODEL_FILE, *(checkpoint / name for name in wanted)):
            if not path.is_file():  # reading a fifo would wait forever
                problem = "is not a regular file" if path.exists() else "no such file"
                raise ArchiveError(path, problem, _SAVED)
            with path.open("rb") as file:
                data = file.read(left + 1)
            left -= len(data)
            if left < 0:
                raise ArchiveError(folder, "the SavedModel in it is larger than 1 GiB")
            found[path.name] = data
    except OSError as error:
        raise ArchiveError(folder, f"can't be read ({error.strerror})", _SAVED) from error
    return SavedModelFiles(found.pop(SAVED_MODEL_FILE), found)


def open_archive(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises
    ------
    ArchiveError
        It is missing, unreadable or no regular file.
    """
    try:
        if path.exists() and not path.is_file():  # reading a fifo would wait for ever
            raise ArchiveError(path, "is not a regular file", _BROKEN)
        return path.open("rb")
    except OSError as error:
        raise ArchiveError(path, f"can't be read ({error.strerror})") from error


def read_graph_file(file: BinaryIO, source: Path | str) -> bytes:
    """Read an open ``.pb`` file: a serialized GraphDef, not parsed.

    Raises
    ------
    ArchiveError
        It can't be read, or is larger than 1 GiB.
    """
    try:
        file.seek(0)
        data = file.read(GRAPH_LIMIT + 1)
    except OSError as error:
        raise ArchiveError(source, f"can't be read ({error.strerror})") from error
    if len(data) > GRAPH_LIMIT:
        raise ArchiveError(source, "is larger than 1 GiB", "give a frozen graph")
    return data


def extract_model(file: BinaryIO, source: Path | str) -> bytes | SavedModelFiles:
    """Read the frozen graph or the SavedModel of an open archive.

    Parameters
    ----------
    file : binary file
        Open for reading at its start, seekable.
    source : Path or str
        What to call it in messages.

    Returns
    -------
    bytes or SavedModelFiles
        As `read_archive`.

    Raises
    ------
    ArchiveError
        As `read_archive`.
    """
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as inflated:
            limit = min(max(INFLATED_FLOOR, INFLATION * size), INFLATED_LIMIT)
            bounded = _Bounded(inflated, limit, source)
            model = _only_model(bounded, source)
            while bounded.read(2**20):  # to the end, where gzip's checksum stands
                pass
    except EOFError as error:
        raise ArchiveError(source, "is truncated", _BROKEN) from error
    except gzip.BadGzipFile as error:
        raise ArchiveError(source, f"is no gzip archive or damaged ({error})", _BROKEN) from error
    except (tarfile.TarError, zlib.error, ValueError, RecursionError) as error:
        # the last two are what tarfile lets out for malformed numbers and for chains of headers
        raise ArchiveError(source, f"is no tar archive or damaged ({error})", _BROKEN) from error
    except OSError as error:
        raise ArchiveError(source, f"can't be read ({error.strerror})") from error
    return model


def _only_model(stream: _Bounded, source: Path | str) -> bytes | SavedModelFiles:
    graph: bytes | None = None
    saved: dict[str, bytes] = {}  # files of SavedModels by path
    saved_size = 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= MEMBER_LIMIT:
                raise ArchiveError(source, f"holds more than {MEMBER_LIMIT} members", _HOSTILE)
            _refuse_hostile(member, source)
            name = member.name.rpartition("/")[2]
            is_graph = member.isreg() and name == GRAPH_FILE
            is_saved = member.isreg() and _is_of_saved_model(member.name)
            if not (is_graph or is_saved):
                continue
            if is_graph and graph is not None:
                raise ArchiveError(source, f"holds two files called {GRAPH_FILE}", _BROKEN)
            if member.size > GRAPH_LIMIT:
                raise ArchiveError(source, f"{name} in it is larger than 1 GiB", _HOSTILE)
            if is_saved and saved_size + member.size > GRAPH_LIMIT:
                raise ArchiveError(source, "the SavedModel in it is larger than 1 GiB", _HOSTILE)
            content = archive.extractfile(member)
            data = content.read() if content else b""
            if is_graph:
                graph = data
                continue
            if member.name in saved:
                raise ArchiveError(source, f"holds two files called {name}", _BROKEN)
            saved[member.name] = data
            saved_size += len(data)
    return graph if graph is not None else _only_saved_model(saved, source)


def _is_of_saved_model(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if folder.rpartition("/")[2] == VARIABLES:
        return _VARIABLE_FILE.fullmatch(name) is not None
    return name == SAVED_MODEL_FILE


def _only_saved_model(files: Mapping[str, bytes], source: Path | str) -> SavedModelFiles:
    graphs = [path for path in files if path.rpartition("/")[2] == SAVED_MODEL_FILE]
    if not graphs:
        raise ArchiveError(source, f"holds no {GRAPH_FILE} and no {SAVED_MODEL_FILE}", _BROKEN)
    if len(graphs) > 1:
        raise ArchiveError(source, f"holds two files called {SAVED_MODEL_FILE}", _BROKEN)
    root = graphs[0].removesuffix(SAVED_MODEL_FILE)
    beside = f"{root}{VARIABLES}/"
    variables = {
        path.removeprefix(beside): data
        for path, data in files.items()
        if path.startswith(beside) and path not in graphs
    }
    return SavedModelFiles(files[graphs[0]], variables)


def _refuse_hostile(member: tarfile.TarInfo, source: Path | str) -> None:
    parts = member.name.replace("\\", "/").split("/")
    shown = ascii(member.name[:80])  # a name may hold anything, terminal codes too
    if parts[0] == "" or ".." in parts or parts[0][1:2] == ":":
        raise ArchiveError(source, f"member {shown} points out of the archive", _HOSTILE)
    if member.sparse is not None:  # a few bytes that claim to be gigabytes
        raise ArchiveError(source, f"member {shown} is a sparse file", _HOSTILE)
    if not (member.isreg() or member.isdir()):
        kind = "link" if member.issym() or member.islnk() else "device or special file"
        raise ArchiveError(source, f"member {shown} is a {kind}", _HOSTILE)


class _Bounded(io.RawIOBase):
    """The inflated stream, cut off by an error where it outgrows its limit."""

    def __init__(self, stream: gzip.GzipFile, limit: int, source: Path | str) -> None:
        self.stream = stream
        self.limit = limit
        self.left = limit
        self.source = source

    def read(self, size: int = -1) -> bytes:
        found = self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(found)
        if self.left < 0:
            raise ArchiveError(
                self.source, f"inflates to more than {self.limit // 2**20} MiB", _HOSTILE
            )
        return found
