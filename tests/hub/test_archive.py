"""Archives: one frozen graph comes out; everything hostile or broken is one named error."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.packing import GRAPH, link, member, tar, tar_gz, write_archive
from toolkit.errors import ArchiveError
from toolkit.graphs.saved_model_files import SavedModelFiles
from toolkit.hub import archive as archive_module
from toolkit.hub.archive import extract_model, read_archive, read_saved_model_folder


@pytest.mark.parametrize("name", ["frozen_inference_graph.pb", GRAPH, "./a/b/" + GRAPH])
def test_the_graph_is_found_in_any_folder(tmp_path: Path, name: str) -> None:
    path = write_archive(
        tmp_path / "m.tar.gz",
        member("some_model", b"", type=tarfile.DIRTYPE),
        member("some_model/model.ckpt.index", b"checkpoint"),
        member(name, b"the graph"),
        member("some_model/._frozen_inference_graph.pb", b"a Mac's shadow"),
    )
    assert read_archive(path) == b"the graph"


def test_the_real_archive_holds_the_known_graph(shared: Path) -> None:
    graph = read_archive(shared / "mirror" / "deeplabv3_mnv2_pascal_coral.tar.gz")
    assert isinstance(graph, bytes)
    known = "8fc172de91bd315fbaf3e76c567f3582c8167a5ddceedbb9df28e2241c60f2fd"
    assert hashlib.sha256(graph).hexdigest() == known


HOSTILE = {
    "up": ([member("../" + GRAPH)], "points out of the archive"),
    "up, hidden deep": ([member("a/../../" + GRAPH)], "points out of the archive"),
    "up, beside a graph": ([member(), member("../../etc/cron.d/x")], "points out of"),
    "up, after Windows' manner": ([member("..\\" + GRAPH)], "points out of the archive"),
    "absolute": ([member("/etc/frozen_inference_graph.pb")], "points out of the archive"),
    "absolute, after Windows' manner": ([member("C:\\frozen_inference_graph.pb")], "points out of"),
    "symbolic link": ([link(GRAPH, "/etc/passwd")], "is a link"),
    "hard link": ([member("a"), link(GRAPH, "a", tarfile.LNKTYPE)], "is a link"),
    "link beside a graph": ([member(), link("other", "/etc/passwd")], "'other' is a link"),
    "fifo": ([member(GRAPH, b"", type=tarfile.FIFOTYPE)], "is a device or special file"),
    "character device": ([member(GRAPH, b"", type=tarfile.CHRTYPE)], "is a device"),
    "block device": ([member("disk", b"", type=tarfile.BLKTYPE)], "is a device"),
    "terminal codes": ([link("\x1b[2Jx\n", "y")], r"'\\x1b\[2Jx\\n' is a link"),
    "two graphs": ([member(), member("b/frozen_inference_graph.pb")], "holds two files"),
    "the same graph twice": ([member(), member()], "holds two files called"),
    "two SavedModels": (
        [member("a/saved_model.pb"), member("b/saved_model.pb")],
        "holds two files called saved_model.pb",
    ),
    "a SavedModel's file twice": (
        [member("a/saved_model.pb"), member("a/saved_model.pb")],
        "holds two files called saved_model.pb",
    ),
    "a link in a SavedModel": (
        [member("a/saved_model.pb"), link("a/variables/variables.index", "/etc/passwd")],
        "is a link",
    ),
    "variables of no SavedModel": (
        [member("variables/variables.index")],
        "holds no frozen_inference_graph.pb and no saved_model.pb",
    ),
    "no graph": ([member("model.ckpt")], "holds no frozen_inference_graph.pb"),
    "a folder called so": ([member(GRAPH, b"", type=tarfile.DIRTYPE)], "holds no frozen_"),
    "nothing": ([], "holds no frozen_inference_graph.pb"),
}


SAVED = (
    member("x/net/saved_model.pb", b"graph"),
    member("x/net/variables/variables.index", b"index"),
    member("x/net/variables/variables.data-00000-of-00001", b"data"),
    member("x/net/variables/notes.txt", b"not a variable"),
    member("x/net/assets/vocabulary.txt", b"not read"),
    member("variables/variables.index", b"another's"),
)


def test_a_saved_model_is_found_in_any_folder_with_its_own_variables(tmp_path: Path) -> None:
    found = read_archive(write_archive(tmp_path / "m.tar.gz", *SAVED))
    assert isinstance(found, SavedModelFiles)
    assert found.graph == b"graph"
    assert found.variables == {
        "variables.index": b"index",
        "variables.data-00000-of-00001": b"data",
    }


def test_a_frozen_graph_beside_a_saved_model_is_taken(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m.tar.gz", *SAVED, member(GRAPH, b"frozen"))
    assert read_archive(path) == b"frozen"


def test_a_saved_model_is_bounded_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "GRAPH_LIMIT", 13)
    with pytest.raises(ArchiveError, match="the SavedModel in it is larger than 1 GiB"):
        read_archive(write_archive(tmp_path / "m.tar.gz", *SAVED))
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"x" * 9)
    with pytest.raises(ArchiveError, match="the SavedModel in it is larger than 1 GiB"):
        read_saved_model_folder(tmp_path)


def test_a_folder_and_an_archive_of_a_saved_model_have_the_same_content(tmp_path: Path) -> None:
    for info in SAVED[:5]:
        path = tmp_path / info.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(info.content)
    packed = read_archive(write_archive(tmp_path / "m.tar.gz", *SAVED))
    found = read_saved_model_folder(tmp_path / "x" / "net")
    assert found == packed
    assert found.sha256 == packed.sha256
    assert found.size == 14


def test_a_fifo_in_a_saved_model_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "saved_model.pb")
    with pytest.raises(ArchiveError, match="is not a regular file"):
        read_saved_model_folder(tmp_path)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_whole(tmp_path: Path, case: str) -> None:
    members, message = HOSTILE[case]
    path = write_archive(tmp_path / "m.tar.gz", *members)
    with pytest.raises(ArchiveError, match=rf"m\.tar\.gz: .*{message}"):
        read_archive(path)


def test_a_sparse_graph_is_refused(tmp_path: Path) -> None:
    fields = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,5"}
    sparse = member(pax_headers={**fields, "GNU.sparse.size": str(2**29)})
    with pytest.raises(ArchiveError, match="is a sparse file"):
        read_archive(write_archive(tmp_path / "m.tar.gz", sparse))


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    crowd = [member(f"f{number}", b"") for number in range(archive_module.MEMBER_LIMIT)]
    with pytest.raises(ArchiveError, match="holds more than 10000 members"):
        read_archive(write_archive(tmp_path / "m.tar.gz", *crowd, member()))


def test_a_graph_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = member()
    info.size = archive_module.GRAPH_LIMIT + 1
    (tmp_path / "m.tar.gz").write_bytes(gzip.compress(info.tobuf()))
    with pytest.raises(ArchiveError, match="is larger than 1 GiB"):
        read_archive(tmp_path / "m.tar.gz")


@pytest.mark.parametrize("name", [GRAPH, "other"])
def test_a_bomb_is_stopped_while_it_inflates(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "INFLATED_FLOOR", 2**20)
    bomb = gzip.compress(tar(member(name, bytes(64 * 2**20))), compresslevel=9)
    (tmp_path / "m.tar.gz").write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(ArchiveError, match=r"inflates to more than \d MiB"):
        read_archive(tmp_path / "m.tar.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20


def test_a_bomb_behind_the_archive_is_stopped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "INFLATED_FLOOR", 2**20)
    (tmp_path / "m.tar.gz").write_bytes(gzip.compress(tar(member()) + bytes(64 * 2**20)))
    with pytest.raises(ArchiveError, match="inflates to more than"):
        read_archive(tmp_path / "m.tar.gz")


def test_a_chain_of_headers_is_an_error_not_a_crash(tmp_path: Path) -> None:
    name = member("././@LongLink", b"x", type=tarfile.GNUTYPE_LONGNAME)
    chain = (name.tobuf() + b"x".ljust(512, b"\0")) * 3000
    (tmp_path / "m.tar.gz").write_bytes(gzip.compress(chain + tar(member())))
    with pytest.raises(ArchiveError, match="damaged"):
        read_archive(tmp_path / "m.tar.gz")


def a_zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(GRAPH, b"graph")
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no .* archive or damaged"),
        (b"<html>Not found</html>", "is no gzip archive"),
        (tar(member()), "is no gzip archive"),
        (a_zip(), "is no gzip archive"),
        (gzip.compress(b""), "is no tar archive or damaged"),
        (gzip.compress(b"just some text" * 100), "is no tar archive or damaged"),
        (tar_gz(member()) + b"rubbish", "is no gzip archive or damaged"),
    ],
    ids=["empty", "html", "tar", "zip", "gzip of nothing", "gzip of text", "with a tail"],
)
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "m.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError, match=rf"m\.tar\.gz: {message}"):
        read_archive(tmp_path / "m.tar.gz")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"m\.tar\.gz: can't be read \(No such file"):
        read_archive(tmp_path / "m.tar.gz")
    with pytest.raises(ArchiveError, match="is not a regular file"):
        read_archive(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ArchiveError, match="is not a regular file"):
        read_archive(tmp_path / "fifo")


GOOD = tar_gz(member("a", b"other"), member(GRAPH, bytes(range(256)) * 8), member("b", b"x" * 900))


@given(st.integers(0, len(GOOD) - 1))
def test_a_truncated_archive_is_refused_wherever_it_ends(length: int) -> None:
    with pytest.raises(ArchiveError):
        extract_model(io.BytesIO(GOOD[:length]), "cut")


def test_a_tar_truncated_before_it_was_compressed_is_refused() -> None:
    whole = tar(member("a", b"other"), member(GRAPH, bytes(4096)))
    with pytest.raises(ArchiveError, match="damaged"):
        extract_model(io.BytesIO(gzip.compress(whole[:3000])), "cut")


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 10_239), st.binary(min_size=1, max_size=8)), max_size=6))
def test_damage_gives_a_graph_or_one_kind_of_error(damage: list[tuple[int, bytes]]) -> None:
    """Damage beneath the compression reaches tarfile itself."""
    broken = bytearray(tar(member("a", b"other", pax_headers={"mtime": "1.5"}), member()))
    for place, bits in damage:
        broken[place : place + len(bits)] = bits
    try:
        extract_model(io.BytesIO(gzip.compress(broken, 1)), "damaged")
    except ArchiveError as error:
        assert "\n" not in str(error)  # noqa: PT017 - an error is one of two good outcomes
