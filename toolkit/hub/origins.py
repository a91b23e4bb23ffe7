"""Origins of a model: a path, a URL, ``TOOLKIT_MIRROR``, the catalog's URLs."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

from toolkit.errors import ModelNotFoundError, UsageError
from toolkit.graphs.saved_model_files import SAVED_MODEL_FILE
from toolkit.hub.catalog import ARCHIVE_SUFFIX, GRAPH_FILE, ModelSpec
from toolkit.hub.download import is_offline
from toolkit.hub.store import check_name

GRAPH_SUFFIX = ".pb"


def list_origins(name: str, spec: ModelSpec | None) -> list[str | Path]:
    """Return where a model may be fetched from: first the mirror, then the catalog's URLs.

    Parameters
    ----------
    name : str
    spec : ModelSpec or None
        The catalog's, where it has one. The mirror, a folder or a URL prefix, may have others too.

    Raises
    ------
    ModelNotFoundError
        There is no origin.
    """
    archive = spec.archive if spec else name + ARCHIVE_SUFFIX
    origins: list[str | Path] = []
    mirror = os.environ.get("TOOLKIT_MIRROR")
    if mirror:
        folder = local_path(mirror)
        origins.append(folder / archive if folder else f"{mirror.rstrip('/')}/{quote(archive)}")
    if spec:
        # Offline each URL fails with the same words: one of them is enough.
        origins.extend(spec.urls[:1] if is_offline() else spec.urls)
    if not origins:
        raise ModelNotFoundError(
            f"{name} is neither in the catalog nor in the store",
            "`toolkit models` lists what is; bring another one with --from PATH|URL",
        )
    return origins


def local_path(origin: str | Path) -> Path | None:
    """Return the path an origin stands for, None where it is a URL to download.

    Raises
    ------
    UsageError
        It is neither.

    Examples
    --------
    >>> local_path("file:///models/net.tar.gz")
    PosixPath('/models/net.tar.gz')
    >>> local_path("https://host/net.tar.gz")
    >>> local_path("ftp://host/net.tar.gz")
    Traceback (most recent call last):
    toolkit.errors.UsageError: 'ftp://host/net.tar.gz' can't be fetched; give a path, or an \
http(s) URL
    """
    if isinstance(origin, Path):
        return origin.expanduser()
    if "://" not in origin:
        return Path(origin).expanduser()
    try:
        parts = urlsplit(origin)
    except ValueError as error:
        raise UsageError(f"{origin!a} is no URL ({error})") from error
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if parts.scheme in ("http", "https") and parts.hostname:
        return None
    raise UsageError(f"{origin!a} can't be fetched", "give a path, or an http(s) URL")


def file_name(origin: str) -> str:
    """Return the file name at the end of a path or URL.

    >>> file_name("https://host/my%20net.tar.gz?token=1")
    'my net.tar.gz'
    """
    path = unquote(urlsplit(origin).path) if "://" in origin else origin
    return Path(path).name


def model_name(origin: str | Path) -> str:
    """Return the name of a model that comes from somewhere: its file's, or its folder's.

    Raises
    ------
    UsageError
        It can't be a model's name.

    Examples
    --------
    >>> model_name("https://host/net.tar.gz")
    'net'
    """
    local = local_path(origin)
    if local is None:
        archive = file_name(str(origin))
    else:
        if local.name in (SAVED_MODEL_FILE, GRAPH_FILE):  # all are named alike
            local = local.parent
        archive = local.resolve().name if local.is_dir() else local.name
    name = archive.removesuffix(ARCHIVE_SUFFIX).removesuffix(".tgz").removesuffix(GRAPH_SUFFIX)
    try:
        return check_name(name)
    except UsageError as error:
        raise UsageError(
            f"{archive!a} names no model", "give a name: toolkit fetch NAME --from ..."
        ) from error
