"""The whole job on one photo: fetch, verify, convert, portrait, parity and a short bench."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.tf import TfBackend
from toolkit.bench.photos import BenchPhoto
from toolkit.bench.run import run_bench
from toolkit.bench.schema import BenchSettings
from toolkit.bench.statistics import summarize
from toolkit.bench.variants import Variant
from toolkit.errors import BackendError, ToolkitError
from toolkit.files.atomic import write_atomically
from toolkit.graphs import FrozenGraph, import_tensorflow, load_graph
from toolkit.host import available_cores
from toolkit.hub.catalog import load_catalog
from toolkit.hub.fetch import fetch_model
from toolkit.hub.model import Model, resolve_model
from toolkit.hub.publish import convert_model
from toolkit.hub.store import Store
from toolkit.imaging import demo_photo, read_photo, write_photo
from toolkit.parity import Thresholds, check_parity
from toolkit.portrait import make_portrait, preprocess
from toolkit.report.pictures import contact_sheet, overlay
from toolkit.verify import verify_model

NETWORK_SECONDS = 5.0
"""The network gets this long before the demo goes on with the bundled model."""

SCHEMA = "toolkit-demo"
VERSION = 1


@dataclass(frozen=True)
class DemoStep:
    """One step's outcome: its name, one line with its figure, and the figures themselves."""

    name: str
    line: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class Demo:
    """What the demo did.

    Attributes
    ----------
    model : str
        The model used.
    photo : str
        The photo's path, or what it is.
    folder : Path
        Where the files are.
    passed : bool
        Whether verification, export and parity held.
    steps : tuple of DemoStep
        In order.
    """

    model: str
    photo: str
    folder: Path
    passed: bool
    steps: tuple[DemoStep, ...]


def run_demo(
    photo: Path | str | None = None,
    *,
    model: str | None = None,
    folder: Path | str | None = None,
    subject: str = "person",
    threads: int | None = None,
    trusted: bool = False,
    tell: Callable[[DemoStep], None] | None = None,
) -> Demo:
    """Do the whole job on one photo and leave the results in a folder.

    Parameters
    ----------
    photo : Path, optional
        By default scikit-image's astronaut.
    model : str, optional
        A MODEL argument. By default the official network, fetched if the network answers within
        `NETWORK_SECONDS`, else the bundled one.
    folder : Path, optional
        By default ``exported/demo`` in the store.
    subject : str
        Name or number of the label that stays sharp.
    threads : int, optional
        Threads for one photo; by default the cores this process may use.
    trusted : bool
        Allow graph operations outside the allowlist.
    tell : callable, optional
        Gets each step as soon as it is done.

    Returns
    -------
    Demo

    Raises
    ------
    MissingDependencyError
        The ``convert`` or, without a photo, the ``demo`` extra is not installed.
    ToolkitError
        Whatever stands in the way, named.
    """
    photo = None if photo is None else Path(photo)
    folder = None if folder is None else Path(folder)
    import_tensorflow()  # said now, not after a download
    store = Store.default()
    folder = folder or store.exported / "demo"
    pixels = demo_photo() if photo is None else read_photo(photo).bgr
    steps: list[DemoStep] = []

    def record(name: str, line: str, **figures: Any) -> None:
        steps.append(DemoStep(name, line, figures))
        if tell:
            tell(steps[-1])

    found = dataclasses.replace(_fetch(model, store, record), trusted=trusted)
    graph = load_graph(found.graph(store))
    threads = threads or available_cores()
    with TfBackend(graph, threads=threads) as reference:
        crop = reference.network.crop
        label = reference.network.require_label(subject)
        images = {"demo photo": preprocess(pixels, crop)}
        verified = _verify(graph, images, record)
        export = _convert(graph, images, folder, store, record)
        with OnnxBackend(export, threads=threads) as candidate:
            _portrait(pixels, candidate, label, folder, record)
            parity, _ = check_parity(pixels, reference, candidate, subject=label)
    failed = parity.failures(Thresholds())
    # the file just made is what is measured, not an older one in the store
    bench_model = dataclasses.replace(found, export=export)
    record(
        "parity",
        f"onnx against tf: {parity.labels.agreement:.4%} of the labels agree, "
        f"{subject} IoU {parity.mask.iou:.4f}"
        + (f"; FAILED: {', '.join(failed)}" if failed else ""),
        **dataclasses.asdict(parity),
    )
    _bench(bench_model, pixels, subject, threads, store, record)
    demo = Demo(
        model=found.name,
        photo=str(photo) if photo else "scikit-image's astronaut (NASA, public domain)",
        folder=folder,
        passed=verified and not failed,
        steps=tuple(steps),
    )
    write_atomically(folder / "summary.json", _document(demo))
    return demo


DemoRecord = Callable[..., None]


def _fetch(model: str | None, store: Store, record: DemoRecord) -> Model:
    """Find the model; without one named, give the network a few seconds for the official one."""
    if model is not None:
        found = resolve_model(model, store=store)
        record("fetch", f"{found.name}: here already", model=found.name, fresh=False)
        return found
    official = load_catalog().default.name
    if official in store.names():
        record("fetch", f"{official}: in the store already", model=official, fresh=False)
        return resolve_model(official, store=store)
    try:
        got = fetch_model(official, store=store, deadline=time.monotonic() + NETWORK_SECONDS)
    except ToolkitError as error:
        # Whatever the network did, the demo goes on with what needs none.
        found = resolve_model(load_catalog().bundled.name, store=store)
        line = f"Official model unavailable; using the bundled model {found.name}: {found.about}"
        record("fetch", line, model=found.name, fresh=False, reason=error.problem)
        return found
    size = got.source.archive_size / 1e6
    record(
        "fetch", f"{official}: {size:.1f} MB from {got.source.origin}", model=official, fresh=True
    )
    return resolve_model(official, store=store)


def _verify(graph: FrozenGraph, images: dict[str, NDArray[np.uint8]], record: DemoRecord) -> bool:
    report = verify_model(graph, images=images)
    sound = sum(found.passed for found in report.inputs)
    record(
        "verify",
        f"TF1-compat inference keeps the contract on {sound} of {len(report.inputs)} inputs, "
        "1x1 to 2000x3",
        passed=report.passed,
        inputs=len(report.inputs),
        graph_sha256=graph.sha256,
    )
    return report.passed


def _convert(
    graph: FrozenGraph,
    images: dict[str, NDArray[np.uint8]],
    folder: Path,
    store: Store,
    record: DemoRecord,
) -> Path:
    beside = Store(store.models, exported=folder)
    made = convert_model(graph, store=beside, images=images)
    if not made.published:
        raise BackendError(f"the export of {graph.name} does not agree with TF1")
    differing = sum(found.export.differing for found in made.report.inputs if found.export)
    record(
        "convert",
        f"{made.path.name}: {made.manifest.size / 1e6:.2f} MB, {differing} of all labels differ "
        f"from TF1 on {len(made.report.inputs)} inputs",
        path=str(made.path),
        sha256=made.manifest.sha256,
        differing=differing,
    )
    return made.path


def _portrait(
    pixels: NDArray[np.uint8], backend: OnnxBackend, label: int, folder: Path, record: DemoRecord
) -> None:
    made = make_portrait(pixels, backend, subject=label, stages=True)
    assert made.stages is not None  # noqa: S101 - asked for
    name = backend.network.labels[label]
    write_photo(folder / "portrait.png", made.image)
    write_photo(folder / "overlay.png", overlay(pixels, made.stages.alpha))
    write_photo(folder / "stages.png", contact_sheet(made.stages, backend.network.labels))
    share = made.shares.get(label, 0.0)
    record(
        "portrait",
        f"{name} on {share:.1%} of the photo; portrait.png, overlay.png, stages.png"
        if made.subject_found
        else f"no {name} found: portrait.png is the photo unchanged",
        subject_found=made.subject_found,
        share=share,
        network_size=made.network_size,
        photo_size=made.photo_size,
    )


def _bench(
    model: Model,
    pixels: NDArray[np.uint8],
    subject: str,
    threads: int,
    store: Store,
    record: DemoRecord,
) -> None:
    report = run_bench(
        model,
        [BenchPhoto("demo photo", pixels)],
        [Variant("tf"), Variant("onnx")],
        BenchSettings(rounds=2, iterations=5, warmup=2, threads=threads, subject=subject),
        store=store,
    )
    if report.failures:
        raise BackendError(report.failures[0].problem)
    if report.skipped:
        raise BackendError(f"{report.skipped[0].variant}: {report.skipped[0].reason}")
    summary = summarize(report)
    whole = {name: summary.time(name, "whole", 0).median_ns / 1e6 for name in ("tf", "onnx")}
    record(
        "bench",
        f"photo to portrait: onnx {whole['onnx']:.1f} ms, tf {whole['tf']:.1f} ms "
        "(2 short rounds; toolkit bench measures properly)",
        milliseconds=whole,
    )


def _document(demo: Demo) -> bytes:
    content = {"schema": SCHEMA, "version": VERSION, **dataclasses.asdict(demo)}
    return (json.dumps(content, indent=2, default=str) + "\n").encode()
