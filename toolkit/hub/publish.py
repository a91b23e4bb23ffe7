"""Exports put in place: converted, verified, and published with their manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolkit.convert.calibration import Calibration
from toolkit.convert.conversion import DEFAULT_OPSET, DEFAULT_PROFILES, convert_graph
from toolkit.convert.manifest import Manifest, manifest_path
from toolkit.files.atomic import remove_stale, translated, write_atomically
from toolkit.graphs import FrozenGraph
from toolkit.hub.store import Store
from toolkit.verify import VerifyReport


@dataclass(frozen=True)
class Conversion:
    """What a conversion gave.

    Attributes
    ----------
    path : Path
        Where the ONNX file was put, or would have been.
    published : bool
        Whether it was: only an export that passed verification is put in place.
    manifest : Manifest
        What stands beside it.
    report : VerifyReport
        What verification found.
    """

    path: Path
    published: bool
    manifest: Manifest
    report: VerifyReport


def convert_model(
    graph: FrozenGraph,
    *,
    profile: str | Sequence[str] = DEFAULT_PROFILES,
    opset: int = DEFAULT_OPSET,
    output: Path | str | None = None,
    store: Store | None = None,
    images: Mapping[str, NDArray[np.uint8]] | None = None,
    calibration: Calibration | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Conversion:
    """Convert a frozen graph to ONNX, verify the export against TF1 and put it in place.

    Parameters
    ----------
    graph : FrozenGraph
    profile, opset, images, calibration, progress
        As in `toolkit.convert.convert_graph`.
    output : Path or str, optional
        Where to put it; by default ``exported/<model>.<profile>.opset<N>.onnx`` in the store.
    store : Store, optional
        By default the user's.

    Returns
    -------
    Conversion

    Raises
    ------
    UsageError, GraphError, ConversionError, BackendError, MissingDependencyError
        As in `toolkit.convert.convert_graph`.
    StoreError
        The export can't be written.
    """
    store = store or Store.default()
    made = convert_graph(
        graph,
        profile=profile,
        opset=opset,
        images=images,
        calibration=calibration,
        progress=progress,
    )
    path = Path(output or store.exported / made.manifest.file)
    manifest = replace(made.manifest, file=path.name)
    if made.report.passed:
        with store.lock(graph.name):
            publish_export(path, made.content, manifest.to_json())
    return Conversion(path, made.report.passed, manifest, made.report)


def publish_export(path: Path, onnx: bytes, manifest: bytes) -> None:
    """Put an export and its manifest in place; the caller holds the model's lock.

    The old manifest goes first and the new one comes last, so that a manifest never stands beside
    a file it does not describe. An export of the same bytes is not touched.

    Parameters
    ----------
    path : Path
        The ONNX file; the manifest is ``<path>.json``.
    onnx, manifest : bytes
        Their content.

    Raises
    ------
    StoreError
        They can't be written.
    """
    beside = manifest_path(path)
    with translated(path):
        remove_stale(path.parent, {path.name, beside.name})
        if not path.is_file() or path.read_bytes() != onnx:
            beside.unlink(missing_ok=True)
            write_atomically(path, onnx)
        write_atomically(beside, manifest)
