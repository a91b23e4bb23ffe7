"""Files that are whole or not there; leftovers that only the dead leave to be swept."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.support.holding import held_up
from toolkit.errors import StoreError
from toolkit.files.atomic import claimed, partial_path, remove_stale, sha256_of, write_atomically
from toolkit.hub.publish import publish_export


def test_a_written_file_is_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    for content in (b"old", b"newer", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_written_file_has_the_modes_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_claim_sweeps_what_died_and_leaves_what_others_write(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    dead = tmp_path / ".clip.mp4.0123456789abcdef.partial"
    others = tmp_path / ".other.mp4.0123456789abcdef.partial"
    for stale in (dead, others):
        stale.touch()
    with claimed(path) as first:
        assert not dead.exists()
        with claimed(path) as second:
            assert {first, second, others} == set(tmp_path.iterdir())
        second.touch()
    with claimed(path):
        assert not second.exists()
    assert list(tmp_path.iterdir()) == [others]


def test_a_claimed_file_may_be_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with claimed(path) as partial:
        partial.write_bytes(b"whole")
        partial.replace(path)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [
        ("clip.mp4", b"whole")
    ]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, broken, full)
    with pytest.raises(StoreError, match=r"file: can't be written \(No space left on device\)"):
        write_atomically(path, b"new")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"old")]


def test_a_link_is_followed_and_no_device_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"content"
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(StoreError, match="is not a regular file"):
            write_atomically(path, b"")


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"file/a: can't be written"):
        write_atomically(tmp_path / "file" / "a", b"")
    with pytest.raises(StoreError, match="nowhere: can't be read"):
        sha256_of(tmp_path / "nowhere")


def test_an_export_of_the_same_bytes_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "m.plain.opset18.onnx"
    publish_export(path, b"onnx", b"{}")
    os.utime(path, (0, 0))
    publish_export(path, b"onnx", b'{"newer": 1}')
    assert path.stat().st_mtime == 0
    assert path.with_name(path.name + ".json").read_bytes() == b'{"newer": 1}'
    publish_export(path, b"other", b"{}")
    assert path.read_bytes() == b"other"


WRITING = """
from toolkit.files.atomic import write_atomically
write_atomically(Path(sys.argv[1]), b"whole")
"""


def test_what_a_living_process_writes_is_not_swept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with held_up(WRITING, path, tmp_path) as (other, unfinished):
        remove_stale(tmp_path, {"file"})
        with claimed(path):
            assert unfinished.exists()
        write_atomically(path, b"meanwhile")
        other.communicate()
        assert other.returncode == 0
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_wrote_is_swept_by_the_next_that_writes_the_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    with held_up(WRITING, path, tmp_path) as (other, unfinished):
        other.kill()
        other.wait()
    remove_stale(tmp_path, {"another"})
    assert unfinished.exists()
    remove_stale(tmp_path, {"file"})
    assert not unfinished.exists()
    remove_stale(tmp_path / "nowhere", {"file"})


def test_a_file_swept_before_it_is_locked_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, late = fcntl.flock, iter([True])

    def after_removing_stale(file: IO[bytes] | int, how: int) -> None:
        if how == fcntl.LOCK_EX and next(late, False):
            remove_stale(tmp_path, {"file"})
            assert list(tmp_path.iterdir()) == []
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", after_removing_stale)
    monkeypatch.setattr(
        os, "fsync", lambda _: remove_stale(tmp_path, {"file"})
    )  # when it is written
    write_atomically(tmp_path / "file", b"content")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [
        ("file", b"content")
    ]


def test_a_file_system_without_locks_takes_files_and_nothing_is_swept_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    stale = partial_path(tmp_path / "file")
    stale.touch()
    remove_stale(tmp_path, {"file"})
    write_atomically(tmp_path / "file", b"content")
    assert {path.name for path in tmp_path.iterdir()} == {"file", stale.name}


def test_a_system_without_fcntl_writes_and_sweeps_all_the_same(tmp_path: Path) -> None:
    partial_path(tmp_path / "file").touch()
    program = f"""
import sys
sys.modules["fcntl"] = None
from pathlib import Path
from tests.support.holding import held_up
from toolkit.files.atomic import claimed, remove_stale, write_atomically
remove_stale(Path({str(tmp_path)!r}), {{"file"}})
write_atomically(Path({str(tmp_path / "file")!r}), b"content")
with claimed(Path({str(tmp_path / "clip.mp4")!r})) as partial:
    partial.replace({str(tmp_path / "clip.mp4")!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "file"]
