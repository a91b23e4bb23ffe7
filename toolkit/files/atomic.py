"""Files that are whole or not there: atomic writes, leftovers of killed runs, hashes.

A file is written under a hidden name beside its final one and moved over it, so that a kill at any
moment leaves the old file or the new one. While it is written it is locked, and the system frees
the locks of a process that dies: what ends in ``.partial`` and nobody holds was left by a killed
run, and is swept by the next one that writes the name.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Container, Iterator
from pathlib import Path

from filelock import Timeout

from toolkit.errors import StoreError

try:
    import fcntl
except ModuleNotFoundError:  # POSIX's
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

PARTIAL = r"\.[0-9a-f]{16}\.partial"
"""How the name of an unfinished file ends; the pattern lets no model sweep another's."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Raises
    ------
    StoreError
        It can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path}: can't be read ({reason(error)})") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it.

    Parameters
    ----------
    path : Path
        Its folder is made if missing. A symbolic link is followed, not replaced.
    data : bytes
        The whole content.

    Raises
    ------
    StoreError
        It can't be written; an older file of that name is left as it was.
    """
    with translated(path):
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            raise StoreError(f"{path}: is not a regular file", "choose another name")
        target.parent.mkdir(parents=True, exist_ok=True)
        with _unfinished(target) as partial:
            write_synced(partial, data)
            partial.replace(target)
        sync_folder(target.parent)


def partial_path(path: Path) -> Path:
    """Return a fresh hidden name beside a path, swept with it if a run is killed."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")


def remove_stale(folder: Path, names: Container[str]) -> None:
    """Remove what killed runs left unfinished of some final names, in one look at their folder.

    A file that a living process writes is left alone: it is locked. The store's folders and
    downloads are not; they are written and swept under the model's lock. On systems without such
    locks the caller has to know that nobody else writes these names now.

    Parameters
    ----------
    folder : Path
        Nothing is done where there is none.
    names : container of str

    Raises
    ------
    StoreError
        Something can't be removed.
    """
    unfinished = re.compile(rf"\.(.*){PARTIAL}", re.DOTALL)
    with translated(folder):
        for stale in matching(folder, unfinished):
            found = unfinished.fullmatch(stale.name)
            if found and found[1] in names:
                _discard_unless_held(stale)


def _discard_unless_held(stale: Path) -> None:
    with contextlib.ExitStack() as stack:
        if fcntl:
            try:
                number = os.open(stale, os.O_RDONLY | os.O_NONBLOCK)  # folders too
                stack.callback(os.close, number)
                fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:  # somebody's, or gone; or there are no locks here to tell by
                return
        log.debug("removing %s, left by a run that was killed", stale)
        discard(stale)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[Path]:
    """Make an unfinished file of a final name, and sweep those that killed runs left of it.

    It is locked while the block runs: so another run that writes the same name leaves it alone.

    Parameters
    ----------
    path : Path
        The final name; its folder is there.

    Yields
    ------
    Path
        The unfinished file, empty; moved away or not, it is gone with the block.

    Raises
    ------
    StoreError
        A leftover can't be removed.
    OSError
        The file can't be made.
    """
    remove_stale(path.parent, {path.name})
    with _unfinished(path) as partial:
        yield partial


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Make an unfinished file, locked until the block ends or the process dies."""
    with contextlib.ExitStack() as stack:
        while True:
            partial = partial_path(path)
            stack.callback(discard, partial)
            file = stack.enter_context(partial.open("xb"))
            if fcntl is None:
                file.close()  # an open file can't be moved there
                break
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if partial.exists():  # else it was swept before it was locked
                break
        yield partial


def matching(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Return the entries of a folder whose whole name matches, sorted; none without the folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def discard(path: Path) -> None:
    """Remove a file or a folder with all it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the system refuses in this block into a `StoreError` about a path."""
    try:
        yield
    except Timeout:  # an OSError, but its own case
        raise
    except OSError as error:
        raise StoreError(
            f"{path}: can't be written ({reason(error)})",
            "check the folder's permissions and free space",
        ) from error


def reason(error: Exception) -> str:
    """Return why an error arose, without the file name that the message has already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
