"""One file over HTTP(S): bounded in bytes and in time, tried again where that can help."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from toolkit.concurrency import Progress
from toolkit.errors import DownloadError, HashMismatchError

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)


CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0
"""Seconds without an answer, and without a byte."""
PAUSES = (0.5, 2.0)
"""Seconds before the second and the third attempt."""
UNPINNED_LIMIT = 2 * 2**30
"""Bytes of a download whose size nobody pinned."""
CHUNK = 2**16


class _AttemptError(Exception):
    """Why an attempt failed, and whether another can do better."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


def is_offline() -> bool:
    """Whether ``TOOLKIT_OFFLINE`` forbids the network."""
    return os.environ.get("TOOLKIT_OFFLINE", "").lower() not in ("", "0", "false", "no")


def public_url(url: str) -> str:
    """Return a URL as it may be shown and recorded: without password and query.

    >>> public_url("https://me:secret@host:8080/a.tar.gz?token=1")
    'https://host:8080/a.tar.gz'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> None:
    """Download a file.

    Parameters
    ----------
    url : str
        ``http:`` or ``https:``.
    target : Path
        Overwritten; what it holds after an error is of no use.
    size : int, optional
        Bytes it must have.
    progress : callable, optional
        Called with (bytes done, bytes in all or None); with a deadline, from another thread.
    deadline : float, optional
        Value of `time.monotonic` at which to give up, whatever is going on.

    Raises
    ------
    DownloadError
        No complete answer after all attempts, too long, too late, or ``TOOLKIT_OFFLINE`` is set.
    HashMismatchError
        The origin announces another size.
    OSError
        The target can't be written.
    """
    if is_offline():
        raise DownloadError(
            f"{public_url(url)}: the network is not to be used, TOOLKIT_OFFLINE is set",
            "unset it, or give a file: --from PATH, or a folder in TOOLKIT_MIRROR",
        )
    log.info("downloading %s", public_url(url))
    for pause in (*PAUSES, None):
        try:
            with target.open("wb") as file:
                transfer = _Transfer(url, file, size, progress)
                _until(deadline, partial(transfer.run, deadline))
        except _AttemptError as error:
            late = pause and deadline is not None and time.monotonic() + pause > deadline
            if not error.again or pause is None or late:
                raise DownloadError(f"{public_url(url)}: {error}") from error
            log.info("%s: %s; trying again", public_url(url), error)
            time.sleep(pause)
        else:
            return


@dataclass
class _Transfer:
    """One attempt: writes what comes, refuses what is too long, reports."""

    url: str
    file: BinaryIO
    size: int | None
    progress: Progress | None
    done: int = 0

    def run(self, deadline: float | None) -> None:
        import requests
        import urllib3

        left = float("inf") if deadline is None else max(deadline - time.monotonic(), 0.01)
        try:
            with requests.get(
                self.url,
                stream=True,
                timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
                headers={"Accept-Encoding": "identity"},
            ) as response:
                response.raise_for_status()
                self.receive(response)
        except requests.RequestException as error:
            raise _explained(error, self.done) from error
        except urllib3.exceptions.LocationParseError as error:  # requests lets it out
            raise _AttemptError(str(error)) from error
        if self.size is not None and self.done < self.size:
            raise _AttemptError(f"ended after {self.done} of {self.size} bytes", again=True)

    def receive(self, response: requests.Response) -> None:
        total = self.announced(response)
        # Some servers call a .tar.gz a gzip-encoded .tar; the bytes are wanted as they are.
        response.raw.headers.discard("Content-Encoding")
        for chunk in response.iter_content(CHUNK):
            self.done += len(chunk)
            self.check(self.done)
            self.file.write(chunk)
            if self.progress:
                self.progress(self.done, total or self.size)

    def announced(self, response: requests.Response) -> int | None:
        """Return the length that the headers give, if it is the one expected."""
        length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            return None
        total = int(length)
        if self.size is not None and total != self.size:
            raise HashMismatchError(
                public_url(self.url),
                f"{self.size} bytes",
                f"{total} bytes",
                "it serves another file; give another origin with --from or TOOLKIT_MIRROR",
            )
        self.check(total)
        return total

    def check(self, count: int) -> None:
        """Refuse more bytes than there may be."""
        limit = UNPINNED_LIMIT if self.size is None else self.size
        if count > limit:
            raise DownloadError(
                f"{public_url(self.url)}: longer than the {limit} bytes "
                + ("that a model archive may have" if self.size is None else "expected")
            )


def _explained(error: requests.RequestException, done: int) -> _AttemptError:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        again = status >= 500 or status == 429
        return _AttemptError(f"answers {status} {error.response.reason}", again=again)
    if isinstance(error, requests.exceptions.SSLError):
        return _AttemptError("its certificate does not hold")
    if done:
        reason = f"the connection broke or stalled after {done} bytes"
        return _AttemptError(reason, again=True)
    if isinstance(error, requests.Timeout):
        return _AttemptError("no answer", again=True)
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return _AttemptError("can't connect", again=True)
    return _AttemptError(str(error))


def _until(deadline: float | None, call: Callable[[], None]) -> None:
    """Run a call that may hang where no timeout reaches: in name look-up, or byte by byte.

    The thread left behind writes to a closed file at most, and does not keep the program alive.
    """
    if deadline is None:
        call()
        return
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    threading.Thread(target=run, daemon=True).start()
    try:
        error = outcome.exception(timeout=max(deadline - time.monotonic(), 0.0))
    except TimeoutError as late:
        raise _AttemptError("not there in time") from late
    if error is not None:
        raise error
