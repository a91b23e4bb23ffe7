"""From an archive, a graph or a SavedModel, wherever it lies, to a checked graph in the store.

Without an origin given, and unless the store has the model, those of `toolkit.hub.origins` are
tried in turn. Nothing is visible in the store before the archive's hash, its content and the
graph's contract have been checked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from toolkit.concurrency import Progress
from toolkit.errors import (
    ArchiveError,
    DownloadError,
    HashMismatchError,
    InputFileError,
    StoreError,
    UsageError,
)
from toolkit.files.atomic import discard, partial_path, reason, sha256_of, translated
from toolkit.graphs import adopt, import_tensorflow, inspect_graph, read_labels
from toolkit.graphs.saved_model_files import SAVED_MODEL_FILE, SavedModelFiles
from toolkit.hub.archive import (
    extract_model,
    open_archive,
    read_graph_file,
    read_saved_model_folder,
)
from toolkit.hub.catalog import ARCHIVE_SUFFIX, ModelSpec, load_catalog
from toolkit.hub.download import download, public_url
from toolkit.hub.origins import GRAPH_SUFFIX, file_name, list_origins, local_path, model_name
from toolkit.hub.store import ModelSource, Store, check_name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """A model that is in the store now.

    Attributes
    ----------
    name : str
    path : Path
        The frozen graph.
    source : ModelSource
        Its record.
    fresh : bool
        Whether this call put it there; False where it was there already.
    """

    name: str
    path: Path
    source: ModelSource
    fresh: bool


def fetch_model(
    name: str | None = None,
    *,
    origin: str | Path | None = None,
    force: bool = False,
    store: Store | None = None,
    trusted: bool = False,
    progress: Progress | None = None,
    deadline: float | None = None,
    input_name: str | None = None,
    output_name: str | None = None,
    labels: Path | str | None = None,
) -> Fetched:
    """Bring a model into the store.

    Parameters
    ----------
    name : str, optional
        By default the origin's file name without ``.tar.gz`` or ``.pb``, or else the catalog's
        default.
    origin : str or Path, optional
        Path or URL of an archive with a frozen graph or a SavedModel, of a ``.pb``, or path of a
        SavedModel's folder; no other origin is asked then.
    force : bool
        Fetch again though the store has it; the pinned hash still holds.
    store : Store, optional
        By default the one in use.
    trusted : bool
        Allow graph operations outside the allowlist.
    progress : callable, optional
        Called with (bytes done, bytes in all or None) while something is downloaded.
    deadline : float, optional
        Value of `time.monotonic` after which nothing is waited for: no lock, no network.
    input_name, output_name : str, optional
        Tensors that are the photo and the label map, or the labels' scores; by default those of
        the contract, and of a SavedModel those of its serving signature.
    labels : Path, optional
        File of label names; see `toolkit.graphs.read_labels`.

    Returns
    -------
    Fetched

    Raises
    ------
    UsageError
        The name can't be one, or is the bundled model's; tensors or labels without an origin.
    ModelNotFoundError
        The name is unknown and no origin is given.
    ArchiveError, GraphError
        The archive or the graph in it is broken, hostile or of another kind.
    HashMismatchError
        The bytes are not the pinned ones.
    DownloadError
        Several origins failed, or one that is a URL.
    MissingDependencyError
        TensorFlow, which checks the graph, is not installed.
    InputFileError
        The file of labels can't be read, or has another number of them than the graph.
    StoreError
        The store can't be written, is in use beyond the deadline, or has the model with other
        tensors.

    Examples
    --------
    >>> fetch_model("no such model")
    Traceback (most recent call last):
    toolkit.errors.UsageError: 'no such model' can't name a model; use letters, digits, '.', '_' \
and '-'
    """
    store = store or Store.default()
    name, spec = _wanted(name, origin)
    names = None if labels is None else Path(labels)
    settings = _Settings(trusted, input_name, output_name, names)
    if origin is None and settings.change:
        raise UsageError("--input, --output and --labels need --from", "name what is to be fetched")
    settings.names()  # a broken file is found before a download
    if origin is None and not force and (present := _intact(store, name, spec)):
        return Fetched(name, store.graph_path(name), present, fresh=False)
    _need_tensorflow()
    with store.lock(name, deadline=deadline):
        store.clean(name)
        present = None if force else _intact(store, name, spec)
        if origin is None and present:  # another run was first
            return Fetched(name, store.graph_path(name), present, fresh=False)
        record = store.source(name)
        if record and not present and not force:
            log.warning("%s is damaged; fetching it again", store.graph_path(name))
        job = _Job(name, spec, record, present, store, settings, progress, deadline)
        return job.first_good([origin] if origin is not None else list_origins(name, spec))


@dataclass(frozen=True)
class _Settings:
    """How a model is to be taken."""

    trusted: bool
    input_name: str | None
    output_name: str | None
    labels: Path | None

    @property
    def change(self) -> bool:
        """Whether anything is asked for that may change what the store has."""
        return (self.input_name, self.output_name, self.labels) != (None, None, None)

    def names(self) -> tuple[str, ...] | None:
        return None if self.labels is None else read_labels(self.labels)


@dataclass(frozen=True)
class _Job:
    """One model on its way into the store, whose lock is held."""

    name: str
    spec: ModelSpec | None
    record: ModelSource | None
    present: ModelSource | None  # the record, where what it describes is whole and may stay
    store: Store
    settings: _Settings
    progress: Progress | None
    deadline: float | None

    def first_good(self, origins: Sequence[str | Path]) -> Fetched:
        failures: list[InputFileError | HashMismatchError | DownloadError] = []
        for left, origin in reversed(list(enumerate(reversed(origins)))):
            try:
                return self.take(origin)
            except (InputFileError, HashMismatchError, DownloadError) as error:
                failures.append(error)
                if left:
                    log.warning("%s; trying the next origin", error)
        if len(failures) == 1:
            raise failures[0]
        raise DownloadError(
            f"{self.name}: every origin failed: " + "; ".join(error.problem for error in failures),
            "give a file with --from PATH",
        )

    def take(self, origin: str | Path) -> Fetched:
        local = local_path(origin)
        if local is not None:
            if local.name == SAVED_MODEL_FILE:
                local = local.parent
            if local.is_dir():
                files = read_saved_model_folder(local)
                name = local.resolve().name
                return self.admit(files, files.sha256, files.size, name, str(local.absolute()))
            with open_archive(local) as file:
                return self.admit_file(file, local.name, str(local.absolute()), local)
        url = str(origin)
        archive = partial_path(self.store.models / self.name)
        size = self.spec.size if self.spec else None
        try:
            with translated(archive):
                archive.parent.mkdir(parents=True, exist_ok=True)
                download(url, archive, size=size, progress=self.progress, deadline=self.deadline)
            with open_archive(archive) as file:
                return self.admit_file(file, file_name(url), public_url(url), public_url(url))
        finally:
            discard(archive)

    def admit_file(self, file: BinaryIO, archive: str, origin: str, shown: Path | str) -> Fetched:
        """Check a file's bytes and what is in them; publish the graph."""
        try:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO has no readable buffer in typeshed
        except OSError as error:
            raise ArchiveError(shown, f"can't be read ({reason(error)})") from error
        size = file.tell()
        self.refuse_other_bytes(sha256, shown)
        if (fetched := self.already()) is not None:
            return fetched
        read = read_graph_file if archive.endswith(GRAPH_SUFFIX) else extract_model
        return self.admit(read(file, shown), sha256, size, archive, origin)

    def already(self) -> Fetched | None:
        """Return what the store has, if it is to stay."""
        if self.present is None or self.settings.change:
            return None
        return Fetched(self.name, self.store.graph_path(self.name), self.present, fresh=False)

    def admit(
        self, content: bytes | SavedModelFiles, sha256: str, size: int, archive: str, origin: str
    ) -> Fetched:
        """Check what was read, made to keep the contract; publish the graph."""
        shown = Path(archive if "://" in origin else origin)
        if isinstance(content, SavedModelFiles):
            self.refuse_other_bytes(sha256, shown)
            if (fetched := self.already()) is not None:
                return fetched
        log.info("checking %s", archive)
        names = self.settings.names()
        adopted = adopt(
            content,
            self.name,
            shown,
            labels=names or (self.spec.labels if self.spec else None),
            trusted=self.settings.trusted,
            input_name=self.settings.input_name,
            output_name=self.settings.output_name,
        )
        graph = adopted.graph
        contract = inspect_graph(graph)
        count = len(contract.network.labels)
        if self.settings.labels is not None and names is not None and len(names) != count:
            raise InputFileError(
                self.settings.labels,
                f"names {len(names)} labels, the network has {count}",
                "give one name per label, the background's too",
            )
        self.refuse_another_graph(sha256, graph.sha256)
        source = ModelSource(
            name=self.name,
            origin=origin,
            archive=archive,
            archive_sha256=sha256,
            archive_size=size,
            graph_sha256=graph.sha256,
            graph_size=len(graph.data),
            crop=contract.network.crop,
            labels=contract.network.labels,
            pin="catalog" if self.spec and self.spec.sha256 else "first use",
            fetched_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            input=adopted.input,
            output=adopted.output,
            frozen_from=adopted.frozen_from,
            adapted=adopted.changes,
        )
        return Fetched(self.name, self.store.publish_model(source, graph.data), source, fresh=True)

    def refuse_another_graph(self, sha256: str, graph_sha256: str) -> None:
        """Refuse to replace a graph by another that was made of the same bytes.

        Graph and record are replaced one after the other: a kill between must leave a pair.
        """
        if (
            self.record
            and self.record.archive_sha256 == sha256
            and self.record.graph_sha256 != graph_sha256
        ):
            raise StoreError(
                f"{self.name} is in the store as another graph of the same source",
                f"toolkit models --remove {self.name} removes that, or give another name",
            )

    def refuse_other_bytes(self, sha256: str, shown: Path | str) -> None:
        if self.spec and self.spec.sha256:
            if sha256 != self.spec.sha256:
                raise HashMismatchError(
                    str(shown),
                    self.spec.sha256,
                    sha256,
                    "the catalog pins the first; this file is damaged, incomplete or another "
                    "one under that name: get it again, or give another origin with --from",
                )
        elif self.record and sha256 != self.record.archive_sha256:
            raise HashMismatchError(
                str(shown),
                self.record.archive_sha256,
                sha256,
                "the first was pinned on first use; this file is damaged or was changed: if the "
                f"change is meant, toolkit models --remove {self.name} drops the pin",
            )


def _need_tensorflow() -> None:
    """Fail before the download, not after it; without the seconds that the import takes."""
    if importlib.util.find_spec("tensorflow") is None:
        import_tensorflow()


def _wanted(name: str | None, origin: str | Path | None) -> tuple[str, ModelSpec | None]:
    catalog = load_catalog()
    if origin is not None:
        local_path(origin)  # raises for what is neither path nor URL
    if name is None:
        if origin is None:
            return catalog.default.name, catalog.default
        name = model_name(origin)
    elif "/" in name or name.endswith((ARCHIVE_SUFFIX, GRAPH_SUFFIX)):
        raise UsageError(f"{name!a} is no model's name", "give a path or URL with --from")
    check_name(name)
    if name == catalog.bundled.name:
        raise UsageError(f"{name} comes with the package", "nothing has to be fetched")
    return name, catalog.models.get(name)


def _intact(store: Store, name: str, spec: ModelSpec | None) -> ModelSource | None:
    """Return the record of a model whose graph in the store is whole."""
    record = store.source(name)
    if record is None:
        return None
    if spec and spec.sha256 and record.archive_sha256 != spec.sha256:
        raise HashMismatchError(
            str(store.source_path(name)),
            spec.sha256,
            record.archive_sha256,
            "the catalog pins the first, the store was filled from another archive: "
            f"toolkit models --remove {name}, then fetch it again",
        )
    path = store.graph_path(name)
    whole = path.is_file() and sha256_of(path) == record.graph_sha256
    return record if whole else None
