"""Where artifacts lie: the store's folders, its records and its locks.

::

    models/<name>/frozen_inference_graph.pb      a fetched graph
    models/<name>/source.json                    where it came from; holds the pin of a first use
    models/.locks/<name>.lock                    held while a model is fetched, converted or removed
    exported/<name>.<profile>.opset<N>.onnx      an export, its manifest beside it as <that>.json
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from toolkit.convert.manifest import export_name
from toolkit.errors import ModelNotFoundError, StoreError, UsageError
from toolkit.files.atomic import (
    discard,
    matching,
    partial_path,
    reason,
    remove_stale,
    sync_folder,
    translated,
    write_atomically,
    write_synced,
)
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.hub.catalog import GRAPH_FILE, source_tree
from toolkit.schema.records import read_record

log = logging.getLogger(__name__)

SOURCE_FILE = "source.json"
SCHEMA = 1
WAIT_QUIETLY = 1.0
"""Seconds a lock is waited for before the wait is announced."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class ModelSource:
    """What is recorded of a fetched model: the content of its ``source.json``.

    Attributes
    ----------
    name : str
        The model's name.
    origin : str
        Path or URL the archive came from.
    archive : str
        The name of the archive, file or folder.
    archive_sha256, graph_sha256 : str
        SHA-256 in hexadecimal of the archive, or over the files of a folder, and of the graph.
    archive_size, graph_size : int
        Bytes.
    crop : (int, int)
        Height and width of the network's crop, pixels.
    labels : tuple of str
        Label names; a label's place is its number.
    pin : {"catalog", "first use"}
        Where the archive's expected hash came from.
    fetched_at : str
        ISO 8601, UTC.
    input, output : str
        Tensors of what was fetched that are the photo and the label map.
    frozen_from : str
        What the graph was made of: ``frozen graph``, ``TF1 SavedModel`` or ``TF2 SavedModel``.
    adapted : tuple of str
        What was done to it, for people; empty where the graph is as it was.
    schema : int
        Version of this record.
    """

    name: str
    origin: str
    archive: str
    archive_sha256: str
    archive_size: int
    graph_sha256: str
    graph_size: int
    crop: tuple[int, int]
    labels: tuple[str, ...]
    pin: str
    fetched_at: str
    input: str = INPUT.name
    output: str = OUTPUT.name
    frozen_from: str = "frozen graph"
    adapted: tuple[str, ...] = ()
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        """Return the record as it stands in ``source.json``."""
        return (json.dumps(dataclasses.asdict(self), indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> ModelSource:
        """Read a record.

        Raises
        ------
        ValueError
            Not JSON, or not such a record.

        Examples
        --------
        >>> ModelSource.from_json(b"{}")
        Traceback (most recent call last):
        toolkit.schema.records.RecordError: name is missing
        """
        found = json.loads(text)
        if isinstance(found, dict) and found.get("schema", SCHEMA) != SCHEMA:
            raise ValueError(f"schema {found['schema']!r} is not {SCHEMA}")
        source = read_record(cls, found)
        if min(source.crop) < 1:
            raise ValueError("crop is not [height, width]")
        return source


@dataclass(frozen=True)
class Store:
    """The folders of fetched models and of exports.

    Attributes
    ----------
    models, exported : Path
        Made when first written to.
    """

    models: Path
    exported: Path

    @classmethod
    def default(cls) -> Store:
        """Return the store in use: ``TOOLKIT_HOME``, the source tree, or the user's data folder."""
        home = os.environ.get("TOOLKIT_HOME")
        root = Path(home).expanduser().absolute() if home else source_tree()
        root = root or user_data_path("toolkit", appauthor=False)
        return cls(root / "models", root / "exported")

    def graph_path(self, name: str) -> Path:
        """Return where the graph of a fetched model lies."""
        return self.models / name / GRAPH_FILE

    def source_path(self, name: str) -> Path:
        """Return where the record of a fetched model lies."""
        return self.models / name / SOURCE_FILE

    def export_path(self, name: str, profile: str, opset: int) -> Path:
        """Return where an export lies."""
        return self.exported / export_name(name, profile, opset)

    def source(self, name: str) -> ModelSource | None:
        """Read the record of a fetched model; None where there is no such model.

        Raises
        ------
        StoreError
            The record is there but can't be read.
        """
        if not _NAME.fullmatch(name):
            return None
        path = self.source_path(name)
        try:
            return ModelSource.from_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise StoreError(
                f"{path}: can't be read ({reason(error)})",
                f"remove the model and fetch it again: toolkit models --remove {name}",
            ) from error

    def names(self) -> list[str]:
        """Return the names of the fetched models, sorted; broken records included."""
        records = self.models.glob(f"*/{SOURCE_FILE}")
        return sorted(path.parent.name for path in records if _NAME.fullmatch(path.parent.name))

    def exports(self, name: str) -> list[Path]:
        """Return the exports of a model and their manifests, sorted."""
        pattern = re.compile(rf"{re.escape(name)}\.[a-z0-9_-]+\.opset\d+\.onnx(\.json)?")
        return matching(self.exported, pattern)

    def size_on_disk(self, name: str) -> int:
        """Return how many bytes a model's graph, record and exports take."""
        return sum(map(_size, [self.models / name, *self.exports(name)]))

    @contextlib.contextmanager
    def lock(self, key: str, *, deadline: float | None = None) -> Iterator[None]:
        """Hold the lock of a model; another run waits and says so.

        Parameters
        ----------
        key : str
            The model's name.
        deadline : float, optional
            Value of `time.monotonic` at which to give up.

        Raises
        ------
        StoreError
            The lock file can't be made, or the deadline passed.
        """
        path = self.models / ".locks" / (quote(key, safe="") + ".lock")
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path)
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            with translated(path):
                try:
                    held.acquire(WAIT_QUIETLY if patience is None else min(WAIT_QUIETLY, patience))
                except Timeout:
                    log.info("waiting for another run that works on %s", key)
                    held.acquire(-1 if patience is None else max(0.0, patience - WAIT_QUIETLY))
        except Timeout as error:
            raise StoreError(
                f"{key} is in use by another run", "try again when that one is done"
            ) from error
        try:
            yield
        finally:
            held.release()

    def publish_model(self, source: ModelSource, graph: bytes) -> Path:
        """Put a graph and its record in place; the caller holds the model's lock.

        A new model appears by one rename. Over an existing one the graph is replaced before its
        record; both were checked against the same pin, so either pair is right.

        Returns
        -------
        Path
            The graph.

        Raises
        ------
        StoreError
            The store can't be written; it is left as it was.
        """
        folder = self.models / source.name
        if folder.is_dir():
            write_atomically(folder / GRAPH_FILE, graph)
            write_atomically(folder / SOURCE_FILE, source.to_json())
            return folder / GRAPH_FILE
        staged = partial_path(folder)
        with translated(folder):
            try:
                staged.mkdir(parents=True)
                write_synced(staged / GRAPH_FILE, graph)
                write_synced(staged / SOURCE_FILE, source.to_json())
                sync_folder(staged)
                staged.rename(folder)
                sync_folder(self.models)
            finally:
                discard(staged)
        return folder / GRAPH_FILE

    def clean(self, name: str) -> None:
        """Remove what killed runs left of a model; the caller holds its lock."""
        remove_stale(self.models, {name})
        remove_stale(self.models / name, {GRAPH_FILE, SOURCE_FILE})

    def remove(self, name: str) -> int:
        """Remove a model: its graph, its record with the pin, and its exports.

        Returns
        -------
        int
            Bytes freed.

        Raises
        ------
        ModelNotFoundError
            Nothing of that name is in the store.
        StoreError
            Something can't be removed.
        """
        folder = self.models / check_name(name)
        if not self.source_path(name).exists() and not self.exports(name):
            raise ModelNotFoundError(
                f"{name} is not in the store", "`toolkit models` lists what is"
            )
        with self.lock(name), translated(folder):
            freed = self.size_on_disk(name)
            if folder.is_dir():
                folder.rename(partial_path(folder))
            exports = self.exports(name)
            remove_stale(self.exported, {export.name for export in exports})
            for export in reversed(exports):  # a manifest goes before its export
                export.unlink(missing_ok=True)
            self.clean(name)
        return freed


def check_name(name: str) -> str:
    """Return a model's name if it can be one.

    Raises
    ------
    UsageError
        It could lead out of the store or hide in it.

    Examples
    --------
    >>> check_name("..")
    Traceback (most recent call last):
    toolkit.errors.UsageError: '..' can't name a model; use letters, digits, '.', '_' and '-'
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!a} can't name a model", "use letters, digits, '.', '_' and '-'")
    return name


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else 0
