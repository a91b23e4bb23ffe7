"""Checkpoints: the values TensorFlow wrote, and damage told before it does harm."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graphs.saved_models import write_tf2
from toolkit.errors import GraphError
from toolkit.graphs.checkpoint import INDEX, Checkpoint, _masked, crc32c
from toolkit.hub.archive import read_saved_model_folder

pytestmark = pytest.mark.tensorflow

DATA = "variables.data-00000-of-00001"
KEY = "first/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("checkpoint")
    write_tf2(folder)
    return dict(read_saved_model_folder(folder).variables)


def test_values_are_those_that_tensorflow_reads(files: dict[str, bytes], tmp_path: Path) -> None:
    import tensorflow as tf

    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    reader = tf.train.load_checkpoint(str(tmp_path / "variables"))
    keys = [key for key in reader.get_variable_to_shape_map() if key.endswith("VARIABLE_VALUE")]
    found = Checkpoint(files, Path("net"))
    assert len(keys) == 6
    for key in keys:
        assert key in found
        assert np.array_equal(found.read(key), reader.get_tensor(key))


def changed(files: dict[str, bytes], name: str, change: Callable[[bytearray], None]) -> Checkpoint:
    data = bytearray(files[name])
    change(data)
    return Checkpoint({**files, name: bytes(data)}, Path("net"))


def test_a_changed_value_is_told_by_its_checksum(files: dict[str, bytes]) -> None:
    def flip(data: bytearray) -> None:
        data[100] ^= 1

    with pytest.raises(GraphError, match=f"damaged: the checksum of '{KEY}' differs"):
        changed(files, DATA, flip).read(KEY)


def test_cut_data_is_told(files: dict[str, bytes]) -> None:
    with pytest.raises(GraphError, match="lies beyond its data"):
        changed(files, DATA, lambda data: data.clear()).read(KEY)


def test_a_missing_variable_is_named(files: dict[str, bytes]) -> None:
    with pytest.raises(GraphError, match="no variable 'other'"):
        Checkpoint(files, Path("net")).read("other")
    with pytest.raises(GraphError, match="no variable 'other'"):
        Checkpoint({}, Path("net")).read("other")


def test_text_is_no_weight(files: dict[str, bytes]) -> None:
    with pytest.raises(GraphError, match="does not hold numbers"):
        Checkpoint(files, Path("net")).read("_CHECKPOINTABLE_OBJECT_GRAPH")


@given(place=st.integers(0, 4000), bit=st.integers(0, 7))
def test_every_flipped_bit_of_the_index_is_told(
    files: dict[str, bytes], place: int, bit: int
) -> None:
    def flip(data: bytearray) -> None:
        data[place % len(data)] ^= 1 << bit

    try:
        found = changed(files, INDEX, flip)
        value = found.read(KEY)
    except GraphError:
        return
    assert np.array_equal(value, Checkpoint(files, Path("net")).read(KEY))  # a byte nothing reads


@given(length=st.integers(0, 3000))
def test_every_cut_of_the_index_is_told(files: dict[str, bytes], length: int) -> None:
    short = files[INDEX][: length % len(files[INDEX])]
    with pytest.raises(GraphError, match="damaged"):
        Checkpoint({**files, INDEX: short}, Path("net"))


def test_a_shape_that_claims_more_than_there_is_allocates_nothing() -> None:
    from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto

    for sides in ([2**40], [-4, -4], [2**62, 4]):
        entry = BundleEntryProto(dtype=1, size=64)
        for side in sides:
            entry.shape.dim.add(size=side)
        files = {INDEX: index_of({b"": b"\x08\x01", b"a": entry.SerializeToString()})}
        files[DATA] = bytes(64)
        with pytest.raises(GraphError, match="'a' lies beyond its data"):
            Checkpoint(files, Path("net")).read("a")


def test_a_changed_type_is_told_by_the_checksum_of_the_index() -> None:
    from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto

    entry = BundleEntryProto(dtype=1, size=4, crc32c=_masked(crc32c(bytes(4)))).SerializeToString()
    good = {INDEX: index_of({b"": b"\x08\x01", b"a": entry}), DATA: bytes(4)}
    assert Checkpoint(good, Path("net")).read("a") == 0
    other = entry.replace(b"\x08\x01", b"\x08\x03", 1)
    with pytest.raises(GraphError, match="the checksum of its index differs"):
        Checkpoint({**good, INDEX: good[INDEX].replace(entry, other)}, Path("net"))


def index_of(records: dict[bytes, bytes]) -> bytes:
    """Return an index with right checksums."""
    block = bytearray()
    for key, value in records.items():
        block += bytes([0, len(key), len(value)]) + key + value
    first = sealed(bytes(block) + struct.pack("<II", 0, 1))
    handle = bytes([0]) + varint(len(first) - 5)
    second = sealed(bytes([0, 1, len(handle)]) + b"z" + handle + struct.pack("<II", 0, 1))
    footer = bytes([0, 0]) + varint(len(first)) + varint(len(second) - 5)
    return first + second + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def sealed(block: bytes) -> bytes:
    return block + b"\0" + struct.pack("<I", _masked(crc32c(block + b"\0")))


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


@given(data=st.binary(max_size=200), times=st.integers(1, 60))
def test_the_checksum_of_long_data_is_that_of_its_bytes_one_by_one(data: bytes, times: int) -> None:
    whole = data * times
    crc = 0xFFFFFFFF
    for byte in whole:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert crc32c(whole) == crc ^ 0xFFFFFFFF
