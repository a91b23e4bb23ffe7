"""Files of label names: what is taken, and what is refused with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolkit.errors import InputFileError
from toolkit.graphs import read_labels


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"background\nperson", ("background", "person")),
        (b"background\r\nperson\r\n\r\n", ("background", "person")),
        (b"\xef\xbb\xbfbackground\n dining table \n", ("background", "dining table")),
        ("Hintergrund\nTür\n".encode(), ("Hintergrund", "Tür")),
        (b"1\tperson\n0\tbackground\n", ("background", "person")),
        (b"0 background\n1 person\n", ("0 background", "1 person")),
    ],
)
def test_names_stand_one_per_line_or_behind_their_numbers(
    tmp_path: Path, data: bytes, names: tuple[str, ...]
) -> None:
    (tmp_path / "labels.txt").write_bytes(data)
    assert read_labels(tmp_path / "labels.txt") == names


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "label 1 has no name"),
        (b"a\n\nb\n", "label 2 has no name"),
        (b"a\n\x1b[2Jb\n", "label 2 has control characters"),
        ("a\nb\u202ec\n".encode(), "label 2 has control characters"),
        ("a\nb\u2028c\n".encode(), "label 2 has control characters"),
        (b"a\n" + b"b" * 201, "label 2 is longer than 200 characters"),
        (b"a\xff", "is not UTF-8"),
        ("a\nb".encode("utf-16"), "is not UTF-8"),
        (b"0\ta\nb\n", "line 2 has no number"),
        (b"0\ta\n0\tb\n", "its numbers are not 0 to 1, each once"),
        (b"1\ta\n2\tb\n", "its numbers are not 0 to 1, each once"),
        (b"0\ta\n1\t\n", "label 2 has no name"),
        (b"a" * (2**20 + 1), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_list_of_names_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "labels.txt").write_bytes(data)
    with pytest.raises(InputFileError, match=rf"labels\.txt: {message}"):
        read_labels(tmp_path / "labels.txt")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="No such file"):
        read_labels(tmp_path / "labels.txt")
    with pytest.raises(InputFileError, match="is not a regular file"):
        read_labels(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputFileError, match="is not a regular file"):
        read_labels(tmp_path / "fifo")
