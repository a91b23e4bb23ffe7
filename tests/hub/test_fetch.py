"""Fetching: the order of origins, pins, and a store that holds the whole model or what it held."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import Origin, serving, status, whole
from tests.support.packing import GRAPH, link, member, stub_contract, tar_gz, write_archive
from toolkit.errors import (
    ArchiveError,
    DownloadError,
    GraphError,
    HashMismatchError,
    MissingDependencyError,
    ModelNotFoundError,
    StoreError,
    ToolkitError,
    UsageError,
)
from toolkit.files.atomic import sha256_of
from toolkit.hub import catalog, download, fetch
from toolkit.hub.archive import read_archive
from toolkit.hub.catalog import Catalog, ModelSpec
from toolkit.hub.fetch import Fetched, fetch_model
from toolkit.hub.store import Store

PINNED = tar_gz(member(GRAPH, b"pinned graph"))
SPEC = ModelSpec(
    name="pinned",
    about="a model with a published hash",
    urls=(),
    size=len(PINNED),
    sha256=hashlib.sha256(PINNED).hexdigest(),
    license="Apache-2.0",
    crop=(65, 65),
    labels=("background", "person"),
    default=True,
)


@pytest.fixture(autouse=True)
def _no_tensorflow(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "tensorflow" not in request.keywords:
        monkeypatch.setattr(fetch, "inspect_graph", stub_contract)
        monkeypatch.setattr(fetch, "_need_tensorflow", lambda: None)


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    monkeypatch.delenv("TOOLKIT_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    with serving() as running:
        yield running


def use_catalog(monkeypatch: pytest.MonkeyPatch, *specs: ModelSpec) -> None:
    """Make these the catalog's models."""
    known = Catalog({spec.name: spec for spec in specs}, catalog.load_catalog().bundled)
    monkeypatch.setattr(fetch, "load_catalog", lambda: known)


def contents(folder: Path) -> dict[str, bytes]:
    """Everything below a folder but its locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_path_is_taken_under_its_own_name(tmp_path: Path, home: Path) -> None:
    path = write_archive(tmp_path / "my_model.tar.gz", member(GRAPH, b"graph"))
    fetched = fetch_model(origin=path)
    assert fetched.fresh
    assert fetched.path == home / "models" / "my_model" / "frozen_inference_graph.pb"
    assert fetched.path.read_bytes() == b"graph"
    assert Store.default().source("my_model") == fetched.source
    source = fetched.source
    assert (source.name, source.archive, source.origin) == ("my_model", path.name, str(path))
    assert (source.archive_sha256, source.archive_size) == (sha256_of(path), path.stat().st_size)
    assert (source.graph_sha256, source.graph_size) == (sha256_of(fetched.path), 5)
    assert (source.crop, source.labels, source.pin) == ((65, 65), ("a", "b"), "first use")
    assert sorted(contents(home)) == [
        "models/my_model/frozen_inference_graph.pb",
        "models/my_model/source.json",
    ]


def test_a_name_given_comes_before_the_file_s_name(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "my model (2).tar.gz", member())
    with pytest.raises(UsageError, match=r"names no model; give a name: toolkit fetch NAME"):
        fetch_model(origin=path)
    assert fetch_model("mine", origin=path).name == "mine"


@pytest.mark.parametrize("name", ["a.tgz", "a.tar.gz"])
def test_the_suffix_is_no_part_of_the_name(tmp_path: Path, name: str) -> None:
    assert fetch_model(origin=write_archive(tmp_path / name, member())).name == "a"


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a b.tar.gz", member())
    assert fetch_model("m", origin=path.as_uri()).source.origin == str(path)


def test_a_path_of_a_catalogd_name_is_held_to_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    use_catalog(monkeypatch, SPEC)
    path = write_archive(tmp_path / "pinned.tar.gz", member(GRAPH, b"another graph"))
    with pytest.raises(HashMismatchError) as failure:
        fetch_model(origin=path)
    line = str(failure.value)
    assert str(path) in line
    assert SPEC.sha256
    assert SPEC.sha256 in line
    assert sha256_of(path) in line
    assert "the catalog pins the first; this file is damaged, incomplete or another one" in line
    assert contents(home) == {}
    path.write_bytes(PINNED)
    fetched = fetch_model(origin=path)
    assert fetched.source.pin == "catalog"
    assert fetched.path.read_bytes() == b"pinned graph"


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m.tar.gz", member())
    first = fetch_model(origin=path)
    path.unlink()
    second = fetch_model("m")
    assert second == dataclasses.replace(first, fresh=False)


def test_what_is_there_needs_no_right_to_write(tmp_path: Path, home: Path) -> None:
    fetch_model(origin=write_archive(tmp_path / "m.tar.gz", member()))
    locks = home / "models" / ".locks"
    shutil.rmtree(locks)
    assert not fetch_model("m").fresh
    assert not locks.exists()


def test_the_same_archive_again_is_nothing_to_do_and_force_does_it(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m.tar.gz", member())
    assert fetch_model(origin=path).fresh
    assert not fetch_model(origin=path).fresh
    assert fetch_model(origin=path, force=True).fresh


@pytest.mark.parametrize("force", [False, True])
def test_a_pin_of_first_use_refuses_other_bytes_until_it_is_removed(
    tmp_path: Path, home: Path, force: bool
) -> None:
    path = write_archive(tmp_path / "m.tar.gz", member(GRAPH, b"first"))
    pin = fetch_model(origin=path).source.archive_sha256
    before = contents(home)
    write_archive(path, member(GRAPH, b"second"))
    with pytest.raises(HashMismatchError) as failure:
        fetch_model(origin=path, force=force)
    assert pin in str(failure.value)
    assert sha256_of(path) in str(failure.value)
    assert "toolkit models --remove m drops the pin" in str(failure.value)
    assert contents(home) == before
    Store.default().remove("m")
    assert fetch_model(origin=path).path.read_bytes() == b"second"


def test_a_damaged_graph_is_fetched_again_under_the_same_pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_archive(tmp_path / "m.tar.gz", member(GRAPH, b"good"))
    graph = fetch_model(origin=path).path
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    for damage in (b"bad", None):
        graph.unlink() if damage is None else graph.write_bytes(damage)
        assert fetch_model("m").fresh
        assert graph.read_bytes() == b"good"
    assert "is damaged; fetching it again" in caplog.text


def test_a_store_filled_before_the_catalog_knew_a_hash_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_model(origin=write_archive(tmp_path / "pinned.tar.gz", member()))
    use_catalog(monkeypatch, SPEC)
    with pytest.raises(HashMismatchError, match=r"toolkit models --remove pinned, then fetch"):
        fetch_model("pinned")


def test_the_mirror_comes_before_the_catalog_s_origins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: Origin
) -> None:
    use_catalog(monkeypatch, dataclasses.replace(SPEC, urls=(origin.serve("/o", whole(PINNED)),)))
    (tmp_path / "pinned.tar.gz").write_bytes(PINNED)
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    assert fetch_model().source.origin == str(tmp_path / "pinned.tar.gz")
    assert origin.asked == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_may_be_a_url_prefix(
    monkeypatch: pytest.MonkeyPatch, origin: Origin, slash: str, home: Path
) -> None:
    use_catalog(monkeypatch, SPEC)
    url = origin.serve("/mirror/pinned.tar.gz", whole(PINNED))
    monkeypatch.setenv("TOOLKIT_MIRROR", f"{origin.url}/mirror{slash}")
    told: list[tuple[int, int | None]] = []
    fetched = fetch_model(progress=lambda *step: told.append(step))
    assert fetched.source.origin == url
    assert told[-1] == (len(PINNED), len(PINNED))
    assert sorted(contents(home)) == [
        "models/pinned/frozen_inference_graph.pb",
        "models/pinned/source.json",
    ]


def test_a_model_that_only_the_mirror_knows_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_archive(tmp_path / "ours.tar.gz", member())
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    assert fetch_model("ours").source.pin == "first use"


def test_origins_are_tried_in_turn(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    origin: Origin,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An empty mirror, an origin that is gone, one with other bytes; then a good one."""
    other = PINNED[:-1] + b"?"
    urls = (
        origin.serve("/gone", status(404)),
        origin.serve("/other", whole(other)),
        origin.serve("/good", whole(PINNED)),
        origin.serve("/never", whole(PINNED)),
    )
    use_catalog(monkeypatch, dataclasses.replace(SPEC, urls=urls))
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    assert fetch_model().source.origin == urls[2]
    assert origin.asked == ["/gone", "/other", "/good"]
    assert caplog.text.count("trying the next origin") == 3


def test_every_origin_that_failed_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: Origin, home: Path
) -> None:
    urls = (origin.serve("/a", status(404)), origin.serve("/b", status(500)))
    use_catalog(monkeypatch, dataclasses.replace(SPEC, urls=urls))
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    with pytest.raises(DownloadError) as failure:
        fetch_model()
    line = str(failure.value)
    for part in (str(tmp_path), "No such file", f"{urls[0]}: answers 404", f"{urls[1]}: answers"):
        assert part in line
    assert "\n" not in line
    assert contents(home) == {}


def test_an_origin_given_is_the_only_one_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: Origin
) -> None:
    use_catalog(monkeypatch, dataclasses.replace(SPEC, urls=(origin.serve("/o", whole(PINNED)),)))
    with pytest.raises(ArchiveError, match="No such file"):
        fetch_model("pinned", origin=tmp_path / "nowhere.tar.gz")
    assert origin.asked == []


def test_a_url_is_named_without_its_secrets(origin: Origin) -> None:
    url = origin.serve("/m%20odel.tar.gz", whole(tar_gz(member())))
    fetched = fetch_model("m", origin=url.replace("//", "//me:secret@") + "?token=hidden")
    assert fetched.source.origin == url
    assert fetched.source.archive == "m odel.tar.gz"


def test_offline_urls_are_refused_and_paths_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("http://127.0.0.1:9/m.tar.gz", "https://127.0.0.1:9/m.tar.gz"):
        with pytest.raises(DownloadError, match="TOOLKIT_OFFLINE is set"):
            fetch_model(origin=url)
    with pytest.raises(DownloadError, match="TOOLKIT_OFFLINE is set") as failure:
        fetch_model()
    assert str(failure.value).count("TOOLKIT_OFFLINE is set") == 1
    write_archive(tmp_path / "m.tar.gz", member())
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    assert fetch_model("m").fresh


def test_the_deadline_holds_for_all_origins_together(
    monkeypatch: pytest.MonkeyPatch, origin: Origin, home: Path
) -> None:
    urls = tuple(origin.serve(path, origin.stall) for path in ("/a", "/b"))
    use_catalog(monkeypatch, dataclasses.replace(SPEC, urls=urls))
    with pytest.raises(DownloadError, match="every origin failed"):
        fetch_model(deadline=time.monotonic() + 0.2)
    assert contents(home) == {}


def test_the_deadline_holds_for_the_lock_too(monkeypatch: pytest.MonkeyPatch) -> None:
    use_catalog(monkeypatch, SPEC)
    with Store.default().lock("pinned"), pytest.raises(StoreError, match="is in use"):
        fetch_model(deadline=time.monotonic() + 0.05)


BROKEN = {
    "path traversal": tar_gz(member(), member("../../evil")),
    "link": tar_gz(link(GRAPH, "/etc/passwd")),
    "no graph": tar_gz(member("readme")),
    "two graphs": tar_gz(member(), member("b/frozen_inference_graph.pb")),
    "truncated": PINNED[:-20],
    "no archive": b"<html>",
    "empty": b"",
    "bomb": gzip.compress(bytes(80 * 2**20)),
    "other tensors": tar_gz(member(GRAPH, b"other tensors")),
}


@pytest.mark.parametrize("how", ["path", "url"])
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_archive_leaves_the_store_as_it_was(
    case: str, there: bool, how: str, tmp_path: Path, home: Path, origin: Origin
) -> None:
    path = tmp_path / "m.tar.gz"
    if there:
        fetch_model(origin=write_archive(path, member(GRAPH, b"the one before")))
    before = contents(home)
    path.write_bytes(BROKEN[case])
    given = path if how == "path" else origin.serve("/m.tar.gz", whole(BROKEN[case]))
    with pytest.raises(ToolkitError, match=r"m\.tar\.gz: ") as failure:
        fetch_model(origin=given)
    kinds = (HashMismatchError,) if there else (ArchiveError, GraphError)
    assert isinstance(failure.value, kinds)
    assert failure.value.exit_code == 3
    assert "\n" not in str(failure.value)
    assert contents(home) == before
    assert not [entry for entry in (home / "models").iterdir() if entry.name.endswith(".partial")]


@pytest.mark.parametrize("name", ["..", "a/b", "a.tar.gz", "../a.tar.gz", "", "a\nb", ".locks"])
def test_a_name_that_can_not_be_one_is_bad_usage(name: str, tmp_path: Path, home: Path) -> None:
    path = write_archive(tmp_path / "m.tar.gz", member())
    for origin in (None, path):
        with pytest.raises(UsageError):
            fetch_model(name, origin=origin)
    assert not home.exists()


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(ModelNotFoundError, match=r"neither in the catalog nor in the store"):
        fetch_model("unheard_of")


def test_the_bundled_model_has_not_to_be_fetched(tmp_path: Path) -> None:
    name = catalog.load_catalog().bundled.name
    path = write_archive(tmp_path / f"{name}.tar.gz", member())
    for arguments in ((name, None), (name, path), (None, path)):
        with pytest.raises(UsageError, match="comes with the package; nothing has to be fetched"):
            fetch_model(arguments[0], origin=arguments[1])


@pytest.mark.parametrize("origin", ["ftp://host/m.tar.gz", "http://", "http://[::1/m.tar.gz"])
def test_an_origin_of_another_kind_is_bad_usage(origin: str) -> None:
    with pytest.raises(UsageError):
        fetch_model("m", origin=origin)


def test_a_folder_in_the_way_is_named(tmp_path: Path, home: Path) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "m").write_bytes(b"not a folder")
    with pytest.raises(StoreError, match="can't be written"):
        fetch_model(origin=write_archive(tmp_path / "m.tar.gz", member()))
    assert contents(home) == {"models/m": b"not a folder"}


def test_stale_files_of_killed_runs_are_removed(tmp_path: Path, home: Path) -> None:
    stale = home / "models" / ".m.0123456789abcdef.partial"
    stale.mkdir(parents=True)
    (stale / "frozen_inference_graph.pb").write_bytes(b"half")
    fetch_model(origin=write_archive(tmp_path / "m.tar.gz", member()))
    assert not stale.exists()


def test_two_at_once_in_one_program_end_with_one_model(
    monkeypatch: pytest.MonkeyPatch, origin: Origin, home: Path
) -> None:
    use_catalog(
        monkeypatch,
        dataclasses.replace(SPEC, urls=(origin.serve("/pinned.tar.gz", whole(PINNED)),)),
    )
    results: list[Fetched] = []
    threads = [threading.Thread(target=lambda: results.append(fetch_model())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found.fresh for found in results) == [False, False, False, True]
    assert origin.asked == ["/pinned.tar.gz"]
    assert sorted(contents(home)) == [
        "models/pinned/frozen_inference_graph.pb",
        "models/pinned/source.json",
    ]


@pytest.mark.tensorflow
def test_without_tensorflow_nothing_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, origin: Origin
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingDependencyError, match=r"the convert extra"):
        fetch_model(origin=origin.serve("/m.tar.gz", whole(PINNED)))
    assert origin.asked == []


@pytest.mark.tensorflow
def test_a_real_graph_is_checked_on_its_way_in(tmp_path: Path, tiny_graph: object) -> None:
    data = tiny_graph.data  # type: ignore[attr-defined]  # a FrozenGraph
    fetched = fetch_model(origin=write_archive(tmp_path / "tiny.tar.gz", member(GRAPH, data)))
    assert fetched.source.crop == (65, 65)
    assert fetched.source.labels[15] == "person"
    assert fetched.path.read_bytes() == data
    other = write_archive(tmp_path / "other.tar.gz", member(GRAPH, b"not a graph at all"))
    with pytest.raises(GraphError, match=r"other\.tar\.gz: is not a serialized GraphDef"):
        fetch_model(origin=other)
    assert Store.default().names() == ["tiny"]


@pytest.mark.tensorflow
def test_a_graph_that_writes_files_needs_trust(tmp_path: Path, home: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.io.write_file(str(tmp_path / "stolen"), "secret", name="SemanticPredictions")
    evil = graph.as_graph_def().SerializeToString()
    path = write_archive(tmp_path / "evil.tar.gz", member(GRAPH, evil))
    with pytest.raises(GraphError, match=r"evil\.tar\.gz: uses operations .*--trust-graph"):
        fetch_model(origin=path)
    with pytest.raises(GraphError, match="has no tensor ImageTensor:0"):
        fetch_model(origin=path, trusted=True)
    assert contents(home) == {}
    assert not (tmp_path / "stolen").exists()


@pytest.mark.tensorflow
def test_the_real_archive_is_fetched(shared: Path) -> None:
    fetched = fetch_model(origin=shared / "mirror" / "deeplabv3_mnv2_pascal_coral.tar.gz")
    source = fetched.source
    assert fetched.name == "deeplabv3_mnv2_pascal_coral"
    assert source.archive_sha256.startswith("a04df391e7b76bc4")
    assert source.graph_sha256.startswith("8fc172de91bd315f")
    assert source.graph_size == 8687340
    assert (source.crop, len(source.labels), source.pin) == ((513, 513), 21, "first use")
    assert read_archive(Path(source.origin)) == fetched.path.read_bytes()


def test_the_store_s_lock_is_named_while_it_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.hub.store.WAIT_QUIETLY", 0.05)
    store = Store.default()
    path = write_archive(tmp_path / "m.tar.gz", member())
    with caplog.at_level(logging.INFO, "toolkit"):
        with store.lock("m"):
            thread = threading.Thread(target=fetch_model, kwargs={"origin": path})
            thread.start()
            patience = time.monotonic() + 30
            while "waiting for another run" not in caplog.text and time.monotonic() < patience:
                time.sleep(0.01)
        thread.join()
    assert "waiting for another run that works on m" in caplog.text
    assert store.names() == ["m"]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_two_commands_at_once_end_with_one_good_model(
    tmp_path: Path, tiny_graph: object, home: Path
) -> None:
    data = tiny_graph.data  # type: ignore[attr-defined]  # a FrozenGraph
    path = write_archive(tmp_path / "tiny.tar.gz", member(GRAPH, data))
    command = [sys.executable, "-m", "toolkit", "fetch", "--from", str(path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sorted("already" in output for output in outputs) == [False, True]
    assert sorted(contents(home)) == [
        "models/tiny/frozen_inference_graph.pb",
        "models/tiny/source.json",
    ]
