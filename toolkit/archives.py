"""A model archive: the one frozen graph in a ``.tar.gz``, read into memory without unpacking.

Nothing is ever extracted to disk. The archive is read once, front to back, so that a bomb is
stopped while it inflates; an archive with anything hostile in it is refused as a whole.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from toolkit.catalog import GRAPH_FILE
from toolkit.errors import ArchiveError

GRAPH_LIMIT = 2**30
"""Bytes of a frozen graph; protobuf reads no message of twice that."""
MEMBER_LIMIT = 10_000
INFLATED_FLOOR, INFLATED_LIMIT = 64 * 2**20, 4 * 2**30
INFLATION = 50
"""An archive may inflate to this many times its size, within the two bounds above.

Weights compress to a third at best, a bomb to a thousandth.
"""

_BROKEN = "get it again; a model archive is a .tar.gz with one frozen_inference_graph.pb in it"
_HOSTILE = "don't use this archive"


def read_archive_graph(path: Path) -> bytes:
    """Read the frozen graph of a model archive.

    Parameters
    ----------
    path : Path
        A gzip-compressed tar with one ``frozen_inference_graph.pb``, in any folder.

    Returns
    -------
    bytes
        The serialised GraphDef, not parsed.

    Raises
    ------
    ArchiveError
        It is missing, no such archive, truncated or hostile, or it holds no graph or several.
    """
    with open_archive(path) as file:
        return extract_graph(file, path)


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


def extract_graph(file: BinaryIO, source: Path | str) -> bytes:
    """Read the frozen graph of an open archive.

    Parameters
    ----------
    file : binary file
        Open for reading at its start, seekable.
    source : Path or str
        What to call it in messages.

    Returns
    -------
    bytes
        The serialised GraphDef, not parsed.

    Raises
    ------
    ArchiveError
        As `read_archive_graph`.
    """
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as inflated:
            limit = min(max(INFLATED_FLOOR, INFLATION * size), INFLATED_LIMIT)
            bounded = _Bounded(inflated, limit, source)
            graph = _only_graph(bounded, source)
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
    return graph


def _only_graph(stream: _Bounded, source: Path | str) -> bytes:
    graph: bytes | None = None
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= MEMBER_LIMIT:
                raise ArchiveError(source, f"holds more than {MEMBER_LIMIT} members", _HOSTILE)
            _refuse_hostile(member, source)
            if not member.isreg() or member.name.rpartition("/")[2] != GRAPH_FILE:
                continue
            if graph is not None:
                raise ArchiveError(source, f"holds two files called {GRAPH_FILE}", _BROKEN)
            if member.size > GRAPH_LIMIT:
                raise ArchiveError(source, f"{GRAPH_FILE} in it is larger than 1 GiB", _HOSTILE)
            content = archive.extractfile(member)
            graph = content.read() if content else None
    if graph is None:
        raise ArchiveError(source, f"holds no {GRAPH_FILE}", _BROKEN)
    return graph


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
