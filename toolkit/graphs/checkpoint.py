"""The variables of a TensorFlow checkpoint, read from its bytes without running TensorFlow.

A checkpoint is an index and shards of raw tensors. The index is a table of sorted blocks, each a
list of keys that share prefixes; a value says type, shape, shard, offset, size and CRC-32C of one
tensor. TensorFlow's own reader trusts the shapes it finds: a hostile index can end the process.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import GraphError

INDEX = "variables.index"
FOOTER = 48
MAGIC = 0xDB4775248B80FB57
MOST_VARIABLES = 200_000
BLOCK_TRAILER = 5
"""Bytes behind a block: how it is compressed, and its CRC."""


@dataclass(frozen=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


class Checkpoint:
    """A checkpoint's variables by key; damaged ones are refused when they are read.

    Parameters
    ----------
    files : mapping of str to bytes
        The index and the shards, by file name; none at all is a checkpoint without variables.
    source : Path
        For messages.

    Raises
    ------
    GraphError
        The index is damaged.
    """

    def __init__(self, files: Mapping[str, bytes], source: Path) -> None:
        self._files = files
        self._source = source
        self._shards = 0
        self._entries: dict[str, _Entry] = {}
        if files:
            self._read_index(files.get(INDEX, b""))

    def __contains__(self, key: str) -> bool:
        """Whether there is a variable of that key."""
        return key in self._entries

    def read(self, key: str) -> NDArray[Any]:
        """Return a variable's value.

        Raises
        ------
        GraphError
            There is none, or its bytes are damaged.
        """
        from tensorflow.dtypes import as_dtype

        entry = self._entries.get(key)
        if entry is None:
            raise GraphError(self._source, f"its checkpoint has no variable {key!a}")
        if entry.sliced:
            raise GraphError(
                self._source, f"its variable {key!a} is stored in slices", "save it unpartitioned"
            )
        try:
            dtype = np.dtype(as_dtype(entry.dtype).as_numpy_dtype)
        except TypeError as error:
            raise self._damaged(f"{key!a} has an unknown type") from error
        if dtype.hasobject or dtype.itemsize == 0:
            raise GraphError(self._source, f"its variable {key!a} does not hold numbers")
        shard = self._files.get(
            f"variables.data-{entry.shard:05d}-of-{self._shards:05d}", b""
        )  # a damaged number names no file
        end = entry.offset + entry.size
        if (
            min(entry.shape, default=0) < 0
            or entry.size != math.prod(entry.shape) * dtype.itemsize
            or entry.offset < 0
            or end > len(shard)
        ):
            raise self._damaged(f"{key!a} lies beyond its data")
        data = memoryview(shard)[entry.offset : end]
        if _masked(crc32c(data)) != entry.crc:
            raise self._damaged(f"the checksum of {key!a} differs")
        return np.frombuffer(data, dtype.newbyteorder("<")).reshape(entry.shape)

    def _damaged(self, what: str) -> GraphError:
        return GraphError(
            self._source, f"its checkpoint is damaged: {what}", "get the SavedModel again"
        )

    def _read_index(self, table: bytes) -> None:
        from google.protobuf.message import DecodeError
        from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto, BundleHeaderProto

        try:
            for key, value in self._records(table):
                if not key:
                    header = BundleHeaderProto.FromString(value)
                    if header.endianness != BundleHeaderProto.LITTLE:
                        raise self._damaged("it is big-endian")
                    self._shards = header.num_shards
                    continue
                if len(self._entries) >= MOST_VARIABLES:
                    raise self._damaged(f"more than {MOST_VARIABLES:,} variables")
                found = BundleEntryProto.FromString(value)
                self._entries[key.decode()] = _Entry(
                    found.dtype,
                    tuple(side.size for side in found.shape.dim),
                    found.shard_id,
                    found.offset,
                    found.size,
                    found.crc32c,
                    bool(found.slices),
                )
        except (DecodeError, IndexError, ValueError, struct.error) as error:
            raise self._damaged("its index can't be read") from error

    def _records(self, table: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield every key with its value."""
        footer = table[-FOOTER:]
        if len(footer) < FOOTER or struct.unpack("<Q", footer[-8:])[0] != MAGIC:
            raise self._damaged("it has no index")
        _, _, at = _handle(footer, 0)
        offset, size, _ = _handle(footer, at)
        for _, handle in _block_records(self._block(table, offset, size)):
            offset, size, _ = _handle(handle, 0)
            yield from _block_records(self._block(table, offset, size))

    def _block(self, table: bytes, offset: int, size: int) -> bytes:
        end = offset + size
        if end + BLOCK_TRAILER > len(table):
            raise self._damaged("its index is cut off")
        kind, crc = struct.unpack("<BI", table[end : end + BLOCK_TRAILER])
        if kind != 0:
            raise self._damaged("its index is compressed")
        if _masked(crc32c(table[offset : end + 1])) != crc:
            raise self._damaged("the checksum of its index differs")
        return table[offset:end]


def _block_records(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        size, at = _varint(block, at)
        if shared > len(key) or at + unshared + size > end:
            raise ValueError("a record reaches beyond its block")
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + size]
        at += size


def _handle(data: bytes, at: int) -> tuple[int, int, int]:
    """Return offset and size of a block, and where the handle ends."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return offset, size, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number has more than 64 bits")


def _masked(crc: int) -> int:
    """Return a CRC as it is stored: turned and moved, as one of data with CRCs in it is weak."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ np.where(table & 1, np.uint32(0x82F63B78), np.uint32(0))
    return table


_TABLE = _crc_table()
_LIST = [int(value) for value in _TABLE]


def crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C of some bytes.

    Long data is cut into rows of equal length whose CRCs NumPy computes side by side: a CRC is
    linear, so that of two rows follows from theirs.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    length = math.isqrt(len(data)) if len(data) > 4096 else 0
    if length:
        rows = np.frombuffer(data, np.uint8, length * length).reshape(length, length)
        remainders = np.zeros(length, np.uint32)
        remainders[0] = crc
        for column in np.ascontiguousarray(rows.T):
            remainders = _TABLE[(remainders ^ column) & 0xFF] ^ (remainders >> np.uint32(8))
        beyond = _zeros_behind(length)
        crc = 0
        for remainder in remainders.tolist():
            crc = (
                beyond[0][crc & 0xFF]
                ^ beyond[1][(crc >> 8) & 0xFF]
                ^ beyond[2][(crc >> 16) & 0xFF]
                ^ beyond[3][crc >> 24]
                ^ remainder
            )
    for byte in data[length * length :]:
        crc = _LIST[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _zeros_behind(length: int) -> list[list[int]]:
    """Return what so many zero bytes make of a CRC, by each value of each of its four bytes."""
    places = np.arange(256, dtype=np.uint32)
    values = np.concatenate([places << np.uint32(8 * place) for place in range(4)])
    for _ in range(length):
        values = _TABLE[values & 0xFF] ^ (values >> np.uint32(8))
    return [[int(value) for value in part] for part in values.reshape(4, 256)]
