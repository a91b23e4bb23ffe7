"""Downloads: what is tried again, what is refused, and that nothing outlives its deadline."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.http_server import Answer, Origin, body, hang_up, serving, status, whole
from toolkit.errors import DownloadError, HashMismatchError
from toolkit.hub.download import download

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    monkeypatch.delenv("TOOLKIT_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("toolkit.hub.download.PAUSES", (0.0, 0.0))
    with serving() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_the_bytes_arrive_and_progress_is_told(origin: Origin, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    url = origin.serve("/a", whole(CONTENT))
    download(url, target, size=len(CONTENT), progress=lambda *step: told.append(step))
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_without_a_length_the_total_is_the_pinned_one_or_unknown(
    origin: Origin, target: Path
) -> None:
    url = origin.serve("/a", body(CONTENT, length=None))
    for size in (None, len(CONTENT)):
        told: list[tuple[int, int | None]] = []
        download(url, target, size=size, progress=lambda *step, told=told: told.append(step))
        assert told[-1] == (len(CONTENT), size)


@pytest.mark.parametrize(
    "trouble",
    [status(500), status(503), status(429), hang_up, body(CONTENT[:70_000], length=len(CONTENT))],
    ids=["500", "503", "429", "hang up", "cut short"],
)
@pytest.mark.parametrize("deadline", [None, 60.0])
def test_what_may_pass_is_tried_again(
    origin: Origin, target: Path, trouble: Answer, deadline: float | None
) -> None:
    url = origin.serve("/a", trouble, trouble, whole(CONTENT))
    download(url, target, deadline=deadline and time.monotonic() + deadline)
    assert target.read_bytes() == CONTENT
    assert origin.asked == ["/a"] * 3


def test_attempts_are_bounded_and_the_last_reason_is_named(origin: Origin, target: Path) -> None:
    url = origin.serve("/a", status(503))
    with pytest.raises(DownloadError, match="/a: answers 503 Service Unavailable"):
        download(url, target)
    assert len(origin.asked) == 3


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_not_tried_again(origin: Origin, target: Path, code: int) -> None:
    url = origin.serve("/a", status(code))
    with pytest.raises(DownloadError, match=f"/a: answers {code} "):
        download(url, target)
    assert len(origin.asked) == 1


def test_a_body_without_length_that_ends_early_is_noticed(origin: Origin, target: Path) -> None:
    url = origin.serve("/a", body(CONTENT[:1000], length=None))
    with pytest.raises(DownloadError, match="ended after 1000 of 256000 bytes"):
        download(url, target, size=len(CONTENT))
    assert len(origin.asked) == 3


def test_another_length_than_the_pinned_one_is_refused_at_once(
    origin: Origin, target: Path
) -> None:
    url = origin.serve("/a", whole(b"<html>sign in here</html>"))
    with pytest.raises(HashMismatchError, match="expected 256000 bytes, found 25 bytes"):
        download(url, target, size=len(CONTENT))
    assert target.read_bytes() == b""
    assert len(origin.asked) == 1


@pytest.mark.parametrize("claimed", [None, 2000])
def test_a_body_that_is_too_long_is_cut_off(
    origin: Origin, target: Path, claimed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.hub.download.UNPINNED_LIMIT", 1999)
    url = origin.serve("/a", body(bytes(2000), length=claimed))
    with pytest.raises(DownloadError, match="longer than the 1999 bytes that a model archive may"):
        download(url, target)
    url = origin.serve("/b", body(CONTENT, length=None))
    with pytest.raises(DownloadError, match="longer than the 1000 bytes expected"):
        download(url, target, size=1000)
    assert target.stat().st_size <= 1000


def test_a_nonsense_length_is_passed_over(origin: Origin, target: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "many")
        handler.end_headers()
        handler.wfile.write(CONTENT)

    download(origin.serve("/a", answer), target)
    assert target.read_bytes() == CONTENT


def test_an_archive_declared_as_encoded_stays_as_it_is(origin: Origin, target: Path) -> None:
    content = gzip.compress(b"a tar")
    download(origin.serve("/a", whole(content, Content_Encoding="gzip")), target, size=len(content))
    assert target.read_bytes() == content


def test_a_redirect_is_followed(origin: Origin, target: Path) -> None:
    origin.serve("/b", whole(CONTENT))
    download(origin.serve("/a", status(302, Location="/b")), target, size=len(CONTENT))
    assert target.read_bytes() == CONTENT


def test_a_redirect_to_another_kind_of_place_is_refused(origin: Origin, target: Path) -> None:
    url = origin.serve("/a", status(302, Location="file:///etc/passwd"))
    with pytest.raises(DownloadError, match="/a: No connection adapters"):
        download(url, target)


def test_silence_is_an_error(origin: Origin, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.hub.download.READ_TIMEOUT", 0.05)
    with pytest.raises(DownloadError, match="/a: no answer"):
        download(origin.serve("/a", origin.stall), target)
    assert len(origin.asked) == 3


def test_a_stall_in_the_body_is_an_error(
    origin: Origin, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.hub.download.READ_TIMEOUT", 0.1)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body(CONTENT[:200_000], length=len(CONTENT))(handler)
        origin.stall(handler)

    with pytest.raises(DownloadError, match="broke or stalled after 196608 bytes"):
        download(origin.serve("/a", answer), target)


def test_nothing_listens_is_an_error(origin: Origin, target: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a"
        with pytest.raises(DownloadError, match="/a: can't connect"):
            download(url, target)


def test_the_deadline_ends_what_no_timeout_would(origin: Origin, target: Path) -> None:
    """A byte now and then satisfies every timeout between bytes."""

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        while not origin.over.wait(0.02):
            handler.wfile.write(b"H")

    with pytest.raises(DownloadError, match="/a: not there in time"):
        download(origin.serve("/a", trickle), target, deadline=time.monotonic() + 0.2)


def test_the_deadline_ends_a_name_look_up_that_hangs(
    origin: Origin, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: origin.over.wait(60) or [])
    with pytest.raises(DownloadError, match="not there in time"):
        download("http://nowhere.invalid/a", target, deadline=time.monotonic() + 0.1)


def test_no_attempt_starts_that_the_deadline_would_end(
    origin: Origin, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.hub.download.PAUSES", (3600.0,))
    with pytest.raises(DownloadError, match="answers 503"):
        download(origin.serve("/a", status(503)), target, deadline=time.monotonic() + 60)
    assert len(origin.asked) == 1


def test_offline_no_connection_is_made(
    origin: Origin, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_OFFLINE", "1")
    with pytest.raises(DownloadError, match="TOOLKIT_OFFLINE is set; unset it, or give a file"):
        download(origin.serve("/a", whole(CONTENT)), target)
    assert origin.asked == []
    monkeypatch.setenv("TOOLKIT_OFFLINE", "0")
    download(origin.url + "/a", target)


def test_passwords_and_tokens_are_not_shown(origin: Origin, target: Path) -> None:
    url = origin.serve("/a", status(404)).replace("//", "//me:secret@") + "?token=hidden"
    with pytest.raises(DownloadError) as failure:
        download(url, target)
    assert "secret" not in str(failure.value)
    assert "hidden" not in str(failure.value)


@pytest.mark.parametrize("url", ["http://", "http://" + "a" * 70 + ".invalid/x"])
def test_a_url_that_is_none_is_named(
    target: Path, url: str, monkeypatch: pytest.MonkeyPatch, origin: Origin
) -> None:
    with pytest.raises(DownloadError):
        download(url, target)
