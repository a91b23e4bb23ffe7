"""A web server on this machine that answers as badly as it is told to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class Origin:
    """What the server does: by path, a list of answers of which the last one stays."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.over = threading.Event()

    def serve(self, path: str, *answers: Answer) -> str:
        """Set the answers of a path; returns its URL."""
        self.answers[path] = list(answers)
        return self.url + path

    def stall(self, _: BaseHTTPRequestHandler) -> None:
        """Say nothing until the test is over."""
        self.over.wait(60)


def whole(content: bytes, **headers: str) -> Answer:
    """Answer with a body and its true length."""
    return body(content, length=len(content), **headers)


def body(content: bytes, *, length: int | None, **headers: str) -> Answer:
    """Answer with a body and the length claimed, or none, then close the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code: int, **headers: str) -> Answer:
    """Answer with a status alone."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""


@contextlib.contextmanager
def serving() -> Iterator[Origin]:
    """Run the server while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            origin.asked.append(path)
            answers = origin.answers.get(path, [status(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client gave up
                answer(self)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    origin = Origin(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield origin
    finally:
        origin.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
