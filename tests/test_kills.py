"""A kill at any moment leaves the old artifact or the new one, and the next run heals the rest."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.killing import export_into, fetch_into, store_of
from tests.support.packing import GRAPH, member, write_archive
from toolkit.files.atomic import sha256_of
from toolkit.graphs import FrozenGraph
from toolkit.hub import fetch
from toolkit.hub.store import Store

Killed = Callable[[str], list[Path]]


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fetch_into` stubs what needs TensorFlow; let monkeypatch put it back."""
    for name in ("inspect_graph", "_need_tensorflow"):
        monkeypatch.setattr(fetch, name, vars(fetch)[name])


@pytest.fixture(params=["change", pytest.param("line", marks=pytest.mark.slow)])
def kill_everywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Killed:
    """Return the stores that a scenario left, one per moment it was killed at."""

    def killed(scenario: str) -> list[Path]:
        line = [
            sys.executable,
            "-m",
            "tests.support.killing",
            request.param,
            scenario,
            tmp_path / "homes",
        ]
        subprocess.run(line, check=True)
        return sorted((tmp_path / "homes").iterdir(), key=lambda home: int(home.name))

    return killed


def model_state(store: Store) -> str:
    """Return what the store shows of the model; fails if that is neither nothing nor a whole."""
    visible = [path.name for path in store.models.glob("*") if not path.name.startswith(".")]
    assert visible in ([], ["m"])
    if not visible:
        return "none"
    source = store.source("m")
    assert source
    whole = sha256_of(store.graph_path("m")) == source.graph_sha256
    return "whole" if whole else store.graph_path("m").read_text()


def export_state(store: Store) -> tuple[str, str]:
    """Return the content of the export and of its manifest; empty where there is none."""
    path = store.export_path("m", "plain", 18)
    manifest = path.with_name(path.name + ".json")
    found = tuple(file.read_text() if file.exists() else "" for file in (path, manifest))
    return found[0], found[1]


def assert_clean(store: Store) -> None:
    assert not list(store.models.parent.rglob("*.partial"))


@pytest.mark.parametrize(
    ("scenario", "states"),
    [
        ("first fetch", {"none", "whole"}),
        ("forced fetch", {"whole"}),
        ("repair", {"damaged", "whole"}),
    ],
)
def test_a_killed_fetch_leaves_the_old_model_or_the_new(
    kill_everywhere: Killed, scenario: str, states: set[str]
) -> None:
    found = []
    for home in kill_everywhere(scenario):
        store = store_of(home)
        found.append(model_state(store))
        fetch_into(home)
        assert model_state(store) == "whole"
        assert_clean(store)
    assert set(found) == states
    assert found == sorted(found, key=lambda state: state == "whole")  # once new, always new


def test_a_killed_removal_leaves_the_model_whole_or_gone(kill_everywhere: Killed) -> None:
    found = set()
    for home in kill_everywhere("removal"):
        store = store_of(home)
        found.add((model_state(store), export_state(store)))
        if store.names() or store.exports("m"):
            store.remove("m")
            assert_clean(store)
        assert model_state(store) == "none"
    assert found == {
        ("whole", ("old", "about old")),
        ("none", ("old", "about old")),
        ("none", ("old", "")),
        ("none", ("", "")),
    }


@pytest.mark.parametrize(
    ("scenario", "states"),
    [
        ("first export", [("", ""), ("new", ""), ("new", "about new")]),
        (
            "newer export",
            [("old", "about old"), ("old", ""), ("new", ""), ("new", "about new")],
        ),
        ("same export", [("old", "about old")]),
    ],
)
def test_a_killed_export_leaves_the_old_file_or_the_new_and_never_a_wrong_manifest(
    kill_everywhere: Killed, scenario: str, states: list[tuple[str, str]]
) -> None:
    found = []
    for home in kill_everywhere(scenario):
        store = store_of(home)
        found.append(export_state(store))
        export_into(home, b"new")
        assert export_state(store) == ("new", "about new")
        assert_clean(store)
    assert list(dict.fromkeys(found)) == states


# The real commands, TensorFlow and all: seconds per kill.


def run_killed(moment: int, *arguments: str | Path) -> int:
    """Run a command that is killed at a moment; returns its exit code."""
    line = [
        sys.executable,
        "-m",
        "tests.support.killing",
        "command",
        str(moment),
        *map(str, arguments),
    ]
    return subprocess.run(line, check=False, capture_output=True).returncode


def prepared(command: str, folder: Path, graph: FrozenGraph) -> list[str | Path]:
    """Return the arguments of a command that ends in an artifact in the store."""
    archive = folder / "m.tar.gz"
    if not archive.exists():
        write_archive(archive, member(GRAPH, graph.data))
    return [command, "--from", archive] if command == "fetch" else [command, archive]


def assert_old_or_new(command: str, store: Store) -> bool:
    """Fail on anything half-done; returns whether the new artifact is there."""
    if command == "fetch":
        return model_state(store) == "whole"
    import onnx

    path = store.export_path("m", "exact", 18)
    manifest = path.with_name(path.name + ".json")
    if path.exists():
        onnx.checker.check_model(onnx.load(path))
    if manifest.exists():
        assert json.loads(manifest.read_bytes())["sha256"] == sha256_of(path)
    return path.exists() and manifest.exists()


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("command", ["fetch", "convert"])
def test_the_real_command_killed_before_each_change_of_the_store(
    tmp_path: Path, home: Path, tiny_graph: FrozenGraph, command: str
) -> None:
    arguments = prepared(command, tmp_path, tiny_graph)
    store = Store.default()
    code, moment, found = -signal.SIGKILL, 0, []
    while code == -signal.SIGKILL:
        moment += 1
        assert moment < 200
        code = run_killed(moment, *arguments)
        assert code in (-signal.SIGKILL, 0)
        found.append(assert_old_or_new(command, store))
        if found[-1] and code:  # the next moment starts from nothing again
            store.remove("m")
    assert_clean(store)
    assert len(found) > 5
    assert found[-1]


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("command", ["fetch", "convert"])
def test_the_real_command_killed_from_outside_at_any_time(
    tmp_path: Path, home: Path, tiny_graph: FrozenGraph, command: str
) -> None:
    arguments = prepared(command, tmp_path, tiny_graph)
    line = [sys.executable, "-m", "toolkit", *map(str, arguments)]
    start = time.monotonic()
    subprocess.run(line, check=True, capture_output=True)
    took = time.monotonic() - start
    store = Store.default()
    assert assert_old_or_new(command, store)
    moments = random.Random(20261125)
    for _ in range(4):
        store.remove("m")
        child = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(took * moments.uniform(0.3, 1.1))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        if not assert_old_or_new(command, store):
            subprocess.run(line, check=True, capture_output=True)
        assert assert_old_or_new(command, store)
        subprocess.run(line, check=True, capture_output=True)
        assert_clean(store)
