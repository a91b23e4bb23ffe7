"""Model archives for the tests, good ones and hostile ones."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from toolkit.errors import GraphError
from toolkit.graphs import FrozenGraph, GraphContract
from toolkit.graphs.network import Network

GRAPH = "some_model/frozen_inference_graph.pb"


class Member(tarfile.TarInfo):
    """A member that carries its content."""

    content = b""


def member(name: str = GRAPH, content: bytes = b"graph", **fields: object) -> Member:
    """Describe a member; `fields` are set on it."""
    info = Member(name)
    info.size = len(content)
    info.content = content
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    """Describe a link."""
    return member(name, b"", type=kind, linkname=target)


def tar(*members: Member) -> bytes:
    """Return a tar of the members."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(info.content))
    return target.getvalue()


def tar_gz(*members: Member) -> bytes:
    """Return a .tar.gz of the members, the same bytes every time."""
    return gzip.compress(tar(*members), mtime=0)


def write_archive(path: Path, *members: Member) -> Path:
    """Write a .tar.gz."""
    path.write_bytes(tar_gz(*members))
    return path


def stub_contract(graph: FrozenGraph) -> GraphContract:
    """Stand in for `inspect_graph` where TensorFlow is not what is tested."""
    if graph.data == b"other tensors":
        raise GraphError(graph.source, "has no tensor ImageTensor:0")
    labels = graph.labels or ("a", "b")
    return GraphContract(Network((65, 65), labels), "logits:0", "ArgMax:0", "int64", {})
