"""The store: whole files or none, records that can be read, locks that hold, removal that frees."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from toolkit.errors import ModelNotFoundError, StoreError, UsageError
from toolkit.files import atomic
from toolkit.hub import catalog, store
from toolkit.hub.publish import publish_export
from toolkit.hub.store import ModelSource, Store

SOURCE = ModelSource(
    name="some_model",
    origin="/somewhere/some_model.tar.gz",
    archive="some_model.tar.gz",
    archive_sha256="a" * 64,
    archive_size=100,
    graph_sha256="b" * 64,
    graph_size=5,
    crop=(65, 129),
    labels=("background", "person"),
    pin="first use",
    fetched_at="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def here() -> Store:
    return Store.default()


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*") if path.name != ".locks")


def test_the_setting_says_where_the_store_is(home: Path) -> None:
    assert Store.default() == Store(home / "models", home / "exported")


def test_a_relative_or_home_setting_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOLKIT_HOME", "there")
    assert Store.default().models == tmp_path / "there" / "models"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TOOLKIT_HOME", "~/there")
    assert Store.default().models == tmp_path / "there" / "models"


def test_without_the_setting_the_store_is_the_source_tree_or_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOOLKIT_HOME")
    tree = catalog.source_tree()
    assert tree is not None
    assert Store.default() == Store(tree / "models", tree / "exported")
    monkeypatch.setattr(store, "source_tree", lambda: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert Store.default().models == tmp_path / "toolkit" / "models"


def test_a_record_reads_back_as_it_was_written() -> None:
    assert ModelSource.from_json(SOURCE.to_json()) == SOURCE
    adapted = dataclasses.replace(SOURCE, input="photo:0", output="out:0", adapted=("a", "b"))
    assert ModelSource.from_json(adapted.to_json()) == adapted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "Expecting value"),
        (b"\xff\xff", "decode"),
        (b"[]", "the document is not an object"),
        (b'{"schema": 2}', "schema 2 is not 1"),
        (b'{"schema": 1}', "name is missing"),
        (SOURCE.to_json().replace(b": 100", b': "100"'), "archive_size is not an integer"),
        (SOURCE.to_json().replace(b"    65,\n", b""), "crop has 1 items, not 2"),
        (SOURCE.to_json().replace(b"    65,\n", b"    -1,\n"), r"crop is not \[height, width\]"),
        (SOURCE.to_json().replace(b'"person"', b"15"), r"labels\[1\] is not a text"),
        (
            SOURCE.to_json().replace(b'"adapted": []', b'"adapted": [1]'),
            r"adapted\[0\] is not a text",
        ),
        (SOURCE.to_json().replace(b'"ImageTensor:0"', b"0"), "input is not a text"),
        (b"[" * 100_000, "recursion|Expecting"),
    ],
)
def test_a_broken_record_is_an_error_that_says_what_to_do(
    here: Store, text: bytes, message: str
) -> None:
    here.publish_model(SOURCE, b"graph")
    here.source_path("some_model").write_bytes(text)
    with pytest.raises(StoreError, match=message) as failure:
        here.source("some_model")
    assert str(here.source_path("some_model")) in failure.value.problem
    assert failure.value.remedy.endswith("toolkit models --remove some_model")
    assert here.names() == ["some_model"]
    here.remove("some_model")
    assert here.names() == []


def test_fields_of_the_future_are_passed_over() -> None:
    record = json.loads(SOURCE.to_json()) | {"color": "blue"}
    assert ModelSource.from_json(json.dumps(record).encode()) == SOURCE


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", ".hidden", "a b", "a\n", "x" * 129])
def test_a_name_that_could_leave_the_store_is_none(here: Store, name: str) -> None:
    with pytest.raises(UsageError):
        here.remove(name)
    assert here.source(name) is None


def test_a_published_model_is_found(here: Store) -> None:
    path = here.publish_model(SOURCE, b"graph")
    assert path == here.graph_path("some_model")
    assert path.read_bytes() == b"graph"
    assert here.source("some_model") == SOURCE
    assert here.names() == ["some_model"]
    assert hidden(here.models) == []


def test_a_model_is_published_over_an_older_or_unfinished_one(here: Store) -> None:
    here.graph_path("some_model").parent.mkdir(parents=True)
    here.publish_model(SOURCE, b"graph")
    newer = dataclasses.replace(SOURCE, origin="elsewhere")
    here.publish_model(newer, b"other")
    assert here.graph_path("some_model").read_bytes() == b"other"
    assert here.source("some_model") == newer
    assert hidden(here.models) == []


def test_a_failed_first_publication_leaves_nothing(
    here: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="some_model: can't be written"):
        here.publish_model(SOURCE, b"graph")
    assert list(here.models.iterdir()) == []


def test_folders_without_a_record_are_no_models(here: Store) -> None:
    assert here.names() == []
    (here.models / "mnv2_dm05_person").mkdir(parents=True)
    (here.models / "mnv2_dm05_person" / "frozen_inference_graph.pb").write_bytes(b"")
    (here.models / "catalog.toml").write_bytes(b"")
    assert here.names() == []
    assert here.source("mnv2_dm05_person") is None
    assert here.source("catalog.toml") is None


def test_removing_frees_graph_record_and_exports_of_that_model_alone(here: Store) -> None:
    here.publish_model(SOURCE, b"graph")
    here.publish_model(dataclasses.replace(SOURCE, name="some_model.2"), b"graph")
    mine = here.export_path("some_model", "plain", 18)
    other = here.export_path("some_model.2", "plain", 18)
    for path in (mine, other):
        publish_export(path, b"onnx", b"{}")
    left_by_a_kill = atomic.partial_path(mine)
    left_by_a_kill.write_bytes(b"")
    assert here.size_on_disk("some_model") == 5 + len(SOURCE.to_json()) + 4 + 2
    assert here.remove("some_model") == 5 + len(SOURCE.to_json()) + 4 + 2
    assert here.names() == ["some_model.2"]
    assert here.exports("some_model") == []
    assert here.exports("some_model.2") == [other, other.with_name(other.name + ".json")]
    assert hidden(here.models) == hidden(here.exported) == []
    assert here.size_on_disk("some_model") == 0


def test_exports_alone_can_be_removed(here: Store) -> None:
    publish_export(here.export_path("from_a_path", "plain", 18), b"onnx", b"{}")
    assert here.remove("from_a_path") == 6


def test_what_is_not_there_can_not_be_removed(here: Store) -> None:
    with pytest.raises(ModelNotFoundError, match="nothing is not in the store"):
        here.remove("nothing")


def test_only_stale_files_of_that_name_are_removed(here: Store) -> None:
    here.publish_model(SOURCE, b"graph")
    mine = atomic.partial_path(here.models / "some_model")
    mine.mkdir()
    (mine / "graph").write_bytes(b"")
    inside = atomic.partial_path(here.graph_path("some_model"))
    others = [
        atomic.partial_path(here.models / "some_model.2"),
        atomic.partial_path(here.models / "some"),
        here.models / ".some_model.partial",
    ]
    for path in (inside, *others):
        path.write_bytes(b"")
    here.clean("some_model")
    assert not mine.exists()
    assert not inside.exists()
    assert all(path.exists() for path in others)


def test_an_old_manifest_never_stands_beside_a_new_export(
    here: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = here.export_path("m", "plain", 18)
    manifest = path.with_name(path.name + ".json")
    publish_export(path, b"old", b"old")
    seen = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        pairs = (path.read_bytes(), manifest.read_bytes() if manifest.exists() else None)
        seen.append(pairs)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    publish_export(path, b"new", b"new")
    assert seen == [(b"old", None), (b"new", None)]
    assert manifest.read_bytes() == b"new"


def test_a_lock_is_waited_for_and_the_wait_is_announced(
    here: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WAIT_QUIETLY", 0.05)
    order = []
    held = threading.Event()

    def first() -> None:
        with here.lock("m"):
            held.set()
            deadline = time.monotonic() + 30
            while "waiting for another run" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.01)
            order.append("first")

    thread = threading.Thread(target=first)
    with caplog.at_level(logging.INFO, "toolkit"):
        thread.start()
        held.wait()
        with here.lock("m"):
            order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert "waiting for another run that works on m" in caplog.text


def test_a_lock_is_given_up_at_the_deadline(here: Store) -> None:
    with (
        here.lock("m"),
        pytest.raises(StoreError, match="m is in use by another run"),
        here.lock("m", deadline=time.monotonic() + 0.05),
    ):
        pass
    with here.lock("m", deadline=time.monotonic() - 1):
        pass  # a free lock takes no time


def test_locks_of_different_models_do_not_meet(here: Store) -> None:
    late = time.monotonic() - 1
    with here.lock("a"), here.lock("b", deadline=late), here.lock("odd/name", deadline=late):
        assert not (here.models / ".locks" / "odd").exists()


def test_the_lock_of_a_killed_run_is_free(here: Store, home: Path) -> None:
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time\nfrom toolkit.hub.store import Store\n"
            "with Store.default().lock('m'):\n print('held', flush=True)\n time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "TOOLKIT_HOME": str(home)},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with (
            pytest.raises(StoreError),
            here.lock("m", deadline=time.monotonic()),
        ):
            pass
        child.kill()
    with here.lock("m", deadline=time.monotonic() + 30):
        pass
