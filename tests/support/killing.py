"""Kill a run at its k-th moment, for every k: real SIGKILLs of real processes.

Two ways to number the moments of a run:

- ``python -m tests.support.killing change|line SCENARIO FOLDER`` runs a scenario once per moment,
  each time in a forked process with a store of its own, ``FOLDER/<k>``. A moment is the one before
  a change of a file in the store, and the next line of Python after it; or else also each line of
  the package's code. TensorFlow's part is stubbed, so that a kill takes milliseconds.
- ``python -m tests.support.killing command K ARGUMENT...`` runs the real command line and kills it
  before its K-th change of a file in the store.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import cv2

import toolkit
from tests.serving.runs import SETTINGS, make_jobs, run
from tests.support.packing import GRAPH, member, stub_contract, write_archive
from toolkit.hub import fetch
from toolkit.hub.publish import publish_export
from toolkit.hub.store import Store
from toolkit.portrait import Tutorial
from toolkit.serving.predictor import PortraitSettings

PACKAGE = str(Path(toolkit.__file__).parent)
CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")


class Moments:
    """Counts moments; kills this process at one of them."""

    def __init__(self, fatal: int, *, every_line: bool = False) -> None:
        self.fatal = fatal
        self.every_line = every_line
        self.passed = 0
        self.just_changed = False

    def one_more(self) -> None:
        """Count one, and die if it is the one."""
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        """Count lines: to be given to `sys.settrace`."""
        in_package = self.every_line and frame.f_code.co_filename.startswith(PACKAGE)
        if event == "line" and (self.just_changed or in_package):
            self.just_changed = False
            self.one_more()
        return self.trace

    def watch(self, home: Path) -> None:
        """Count changes of files below a folder."""
        prefix = str(home)

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event in CHANGES and str(arguments[0]).startswith(prefix):
                self.one_more()
                self.just_changed = True

        sys.addaudithook(hook)


def store_of(home: Path) -> Store:
    """Return the store in a folder."""
    return Store(home / "models", home / "exported")


def archive_in(home: Path) -> Path:
    """Return the archive of the model ``m``, written where it is missing."""
    path = home / "m.tar.gz"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        write_archive(path, member(GRAPH, b"the graph"))
    return path


def fetch_into(home: Path, *, force: bool = False) -> None:
    """Fetch the model ``m``, TensorFlow's part stubbed."""
    vars(fetch).update(inspect_graph=stub_contract, _need_tensorflow=lambda: None)
    fetch.fetch_model(origin=archive_in(home), store=store_of(home), force=force)


def export_into(home: Path, content: bytes) -> None:
    """Publish an export of ``m`` whose manifest says what it describes."""
    store = store_of(home)
    with store.lock("m"):
        publish_export(store.export_path("m", "plain", 18), content, b"about " + content)


def damage(home: Path) -> None:
    """Fetch, then spoil the graph."""
    fetch_into(home)
    store_of(home).graph_path("m").write_bytes(b"damaged")


def fill(home: Path) -> None:
    """Fetch and export."""
    fetch_into(home)
    export_into(home, b"old")


def make_portraits(home: Path) -> None:
    """Make portraits, with a record."""
    cv2.setNumThreads(1)  # a pool would not live on in the forked process
    run(make_jobs(home, 2, ".bmp"))


def make_others(home: Path) -> None:
    """Make the same portraits with other settings."""
    run(make_jobs(home, 2, ".bmp"), PortraitSettings(SETTINGS.subject, Tutorial(1)))


SCENARIOS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "first fetch": (archive_in, fetch_into),
    "forced fetch": (fetch_into, lambda home: fetch_into(home, force=True)),
    "repair": (damage, fetch_into),
    "removal": (fill, lambda home: store_of(home).remove("m")),
    "first export": (lambda _: None, lambda home: export_into(home, b"new")),
    "newer export": (fill, lambda home: export_into(home, b"new")),
    "portraits": (make_portraits, make_others),
    "same export": (fill, lambda home: export_into(home, b"old")),
}
"""What is there before, and what is killed."""


def matrix(kind: str, scenario: str, folder: Path) -> None:
    """Run a scenario with a kill at each of its moments, until one run gets through."""
    before, action = SCENARIOS[scenario]
    moment, status = 0, -1
    while status:
        moment += 1
        home = folder / str(moment)
        before(home)
        child = os.fork()
        if not child:
            moments = Moments(moment, every_line=kind == "line")
            moments.watch(home)
            sys.settrace(moments.trace)
            threading.settrace(moments.trace)
            action(home)
            sys.settrace(None)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status and os.WTERMSIG(status) != signal.SIGKILL:
            raise SystemExit(f"moment {moment} of {scenario} failed by itself")


def command(moment: int, arguments: list[str]) -> None:
    """Run the command line, killed before its `moment`-th change of the store."""
    from toolkit.cli import app

    moments = Moments(moment)
    moments.watch(Path(os.environ["TOOLKIT_HOME"]))
    app(arguments, standalone_mode=False)


if __name__ == "__main__":
    if sys.argv[1] == "command":
        command(int(sys.argv[2]), sys.argv[3:])
    else:
        matrix(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
