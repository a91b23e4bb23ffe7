"""What is done: a record beside the portraits, so that a later run can skip them.

One SQLite file in each folder that portraits are written to, so that it moves with them. A row is
taken away before its portrait is written anew and comes back after all files of it are in place:
a kill at any moment leaves a row that is true, or none. Each access opens the file anew; so threads
share nothing, and any number of folders costs no handles.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import toolkit
from toolkit.errors import StoreError
from toolkit.schema.records import read_record
from toolkit.serving.job import Job, PhotoReport
from toolkit.serving.predictor import Predictor

NAME = ".toolkit-portraits.db"
"""The record's file in a folder of portraits."""

VERSION = 1
"""Of the table; a record of another version is refused."""

WAIT_SECONDS = 30.0
"""For another thread or process that writes at the same time."""

TABLE = """CREATE TABLE IF NOT EXISTS portraits (
    output BLOB PRIMARY KEY,
    input_sha256 TEXT NOT NULL,
    settings TEXT NOT NULL,
    sizes TEXT NOT NULL,
    report TEXT NOT NULL
) WITHOUT ROWID"""
# A file's name need not be text; sizes and report are JSON.

MISSING = -1
"""No file's size."""


def settings_of(predictor: Predictor) -> str:
    """Return all that decides the pixels and bytes of a run's files, as canonical text.

    The backend's threads don't count: they change no portrait.

    Parameters
    ----------
    predictor : Predictor
    """
    settings, backend = predictor.settings, predictor.backend
    told = {
        "toolkit": toolkit.__version__,
        "network_sha256": predictor.artifact_sha256,
        "backend": backend.name,
        "runtime": backend.version,
        "provider": backend.provider,
        **dataclasses.asdict(settings),
        "subject": predictor.subject,
        "style": {"name": settings.style.name, **dataclasses.asdict(settings.style)},
    }
    return json.dumps(told, sort_keys=True)


class PortraitRecord:
    """What is done with one run's settings.

    Parameters
    ----------
    settings_text : str
        See `settings_of`.
    everywhere : bool
        Whether folders without a record get one. Where not, those that there are stay true.
    """

    def __init__(self, settings_text: str, *, everywhere: bool) -> None:
        self._settings = settings_text
        self._everywhere = everywhere

    def check(self, folders: Iterable[Path]) -> None:
        """Refuse folders whose record can't be used, before any work.

        Raises
        ------
        StoreError
            A record is broken, of another version, or must not be written.
        """
        for folder in folders:
            with _opened(folder) as database:
                if database:
                    database.execute("BEGIN IMMEDIATE")

    def keeps(self, job: Job) -> bool:
        """Whether what becomes of a photo is recorded."""
        return self._everywhere or (job.output.parent / NAME).exists()

    def find(self, job: Job, input_sha256: str) -> PhotoReport | None:
        """Return what was reported of a photo that is done, None where it is not.

        It is done where its bytes and the settings are those of the row, and every file of it is
        there and of the size it had.

        Raises
        ------
        StoreError
            The record can't be read.
        """
        with _opened(job.output.parent) as database:
            if database is None:
                return None
            row = database.execute(
                "SELECT sizes, report FROM portraits"
                " WHERE output = ? AND input_sha256 = ? AND settings = ?",
                (_key(job.output), input_sha256, self._settings),
            ).fetchone()
            if row is None:
                return None
            sizes, report = (json.loads(text) for text in row)
            if any(_size(path) != sizes.get(path.name, MISSING) for path in job.outputs):
                return None
            now = {"photo": job.photo, "output": job.output, "skipped": True}
            return read_record(PhotoReport, {**report, **now})

    def forget(self, job: Job) -> None:
        """Take away what is said of a portrait: it is going to be written.

        Raises
        ------
        StoreError
            The record can't be written.
        """
        with _opened(job.output.parent) as database:
            if database:
                database.execute("DELETE FROM portraits WHERE output = ?", (_key(job.output),))

    def add(self, job: Job, input_sha256: str, report: PhotoReport) -> None:
        """Say that a photo is done; all files of it are in place.

        Raises
        ------
        StoreError
            The record can't be written.
        """
        sizes = {path.name: _size(path) for path in job.outputs}
        told = dataclasses.asdict(report)
        found = {name: value for name, value in told.items() if name not in {"photo", "output"}}
        row = (_key(job.output), input_sha256, self._settings, json.dumps(sizes), json.dumps(found))
        with _opened(job.output.parent, make=self._everywhere) as database:
            if database:
                database.execute("INSERT OR REPLACE INTO portraits VALUES (?, ?, ?, ?, ?)", row)


def made_in(folder: Path) -> frozenset[str]:
    """Return the names of the files in a folder that its record says were made of photos.

    Raises
    ------
    StoreError
        The record can't be read.
    """
    with _opened(folder) as database:
        if database is None:
            return frozenset()
        rows = database.execute("SELECT sizes FROM portraits")
        return frozenset(name for (sizes,) in rows for name in json.loads(sizes))


@contextmanager
def _opened(folder: Path, *, make: bool = False) -> Iterator[sqlite3.Connection | None]:
    """Open a folder's record; None where there is none and none is to be made."""
    path = folder / NAME
    if not make and not path.exists():
        yield None
        return
    try:
        address = f"{path.absolute().as_uri()}?mode={'rwc' if make else 'rw'}"
        with closing(
            sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        ) as database:
            _check_version(path, database)
            yield database
    except (sqlite3.Error, ValueError) as error:  # ValueError: what it holds is no JSON of ours
        raise StoreError(
            f"{path}: the record of finished portraits can't be used ({error})",
            "check the folder's permissions, or remove the file: then nothing in it counts as done",
        ) from error


def _check_version(path: Path, database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version:
        raise StoreError(
            f"{path}: is a record of version {version}; this toolkit writes {VERSION}",
            "use the toolkit that wrote it, or remove the file",
        )
    database.executescript(f"BEGIN IMMEDIATE; {TABLE}; PRAGMA user_version = {VERSION}; COMMIT")


def _key(path: Path) -> bytes:
    return os.fsencode(path.name)


def _size(path: Path) -> int | None:
    """Return a file's size, bytes; None where it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return None
