"""A frozen graph, and an export of it, against TF1-compat inference."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.backends.onnx import OnnxBackend
from toolkit.backends.onnx_logits import OnnxLogits
from toolkit.backends.tf import TfBackend
from toolkit.errors import BackendError, ExportError, MissingDependencyError
from toolkit.graphs import FrozenGraph, GraphContract
from toolkit.graphs.network import Network
from toolkit.host import available_cores
from toolkit.imaging import demo_photo, read_photo
from toolkit.parity import LabelComparison, compare_label_maps, expected_labels
from toolkit.portrait import PERSON, preprocess

log = logging.getLogger(__name__)

SIZES = ((1, 1), (1, 513), (513, 513), (288, 513), (513, 288), (3, 2000), (2000, 3))
"""Heights and widths the graph must take: a pixel, a line, its crop, 16:9 and its turn, slivers."""

SEED = 513


@dataclass(frozen=True)
class InputReport:
    """What was found on one input.

    Attributes
    ----------
    name : str
        The photo's name, or the size of a synthetic image.
    size : (int, int)
        Height and width given to the network, pixels.
    shape_kept : bool
        The label map has that height and width.
    in_range : bool
        Every label is one of the network's.
    repeatable : bool
        The same label map twice in a row.
    labels : tuple of int
        Labels found.
    export : LabelComparison or None
        The export's label map against TF1's, of one that gives one subject's mask both maps with
        that label alone; None where there is no export.
    logit_difference : float or None
        Largest absolute difference of the logits; None where they can't be compared.
    refusal : str or None
        Why the graph itself does not take the image, as one that pads to its crop and was given a
        larger one; nothing else was looked at then.
    """

    name: str
    size: tuple[int, int]
    shape_kept: bool
    in_range: bool
    repeatable: bool
    labels: tuple[int, ...]
    export: LabelComparison | None
    logit_difference: float | None
    refusal: str | None = None

    @property
    def kept(self) -> bool:
        """Whether the contract holds."""
        return self.shape_kept and self.in_range and self.repeatable

    @property
    def passed(self) -> bool:
        """Whether the contract holds, and the near-tie rule for the export."""
        return self.kept and (self.export is None or self.export.passed)


@dataclass(frozen=True)
class VerifyReport:
    """What was found of a graph on every input.

    Attributes
    ----------
    model : str
        The model's name.
    graph_sha256 : str
        Of the frozen graph.
    contract : GraphContract
        Its tensors, crop and labels.
    export : str or None
        The export compared, where there was one.
    inputs : tuple of InputReport
        One per image.
    least_agreement : float or None
        What the export's profile asks of the mean share of equal labels, 0..1; None: the near-tie
        rule decides.
    """

    model: str
    graph_sha256: str
    contract: GraphContract
    export: str | None
    inputs: tuple[InputReport, ...]
    least_agreement: float | None = None

    @property
    def agreement(self) -> float | None:
        """The share of equal labels, 0..1, mean over the inputs; None without an export."""
        shares = [found.export.agreement for found in self.inputs if found.export]
        return sum(shares) / len(shares) if shares else None

    @property
    def passed(self) -> bool:
        """Whether every input passed; of an export that may change labels, all of them together."""
        taken = [found for found in self.inputs if found.refusal is None]
        if not taken:
            return False
        if self.least_agreement is None or self.agreement is None:
            return all(found.passed for found in taken)
        kept = all(found.kept for found in taken)
        return kept and self.agreement >= self.least_agreement


def synthetic_images(network: Network | None = None) -> dict[str, NDArray[np.uint8]]:
    """Make one smooth colorful image per size in `SIZES`, the same ones every time.

    Parameters
    ----------
    network : Network, optional
        One that does not resize is given no image larger than its crop.

    Returns
    -------
    dict of str to (h, w, 3) uint8 RGB
        By the size as width x height.
    """
    import cv2

    generator = np.random.default_rng(SEED)
    images = {}
    sizes = list(SIZES)
    if network is not None and not network.resizes:
        rows, columns = network.crop
        sizes = [(min(height, rows), min(width, columns)) for height, width in SIZES]
    for height, width in dict.fromkeys(sizes):
        coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        images[f"{width}x{height}"] = np.asarray(smooth, np.uint8).reshape(height, width, 3)
    return images


def photo_inputs(paths: Iterable[Path], crop: tuple[int, int]) -> dict[str, NDArray[np.uint8]]:
    """Read photos, and the demo's where its extra is installed, as the network would see them.

    Parameters
    ----------
    paths : iterable of Path
    crop : (int, int)
        Height and width of the network's crop.

    Returns
    -------
    dict of str to (h, w, 3) uint8 RGB
        By the path as given; the demo's as ``demo photo``.

    Raises
    ------
    PhotoError
        A photo can't be read.
    """
    images = {str(path): preprocess(read_photo(path).bgr, crop) for path in paths}
    try:
        images["demo photo"] = preprocess(demo_photo(), crop)
    except MissingDependencyError as error:
        log.info("verifying without the demo's photo: %s", error.problem)
    return images


def verify_model(
    graph: FrozenGraph,
    *,
    images: Mapping[str, NDArray[np.uint8]] | None = None,
    export: Path | bytes | None = None,
    threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> VerifyReport:
    """Run a graph by TF1-compat inference over images and a spread of sizes, and check it.

    Parameters
    ----------
    graph : FrozenGraph
    images : mapping of str to (h, w, 3) uint8 RGB, optional
        Preprocessed photos by name; run besides `synthetic_images`.
    export : Path or bytes, optional
        An ONNX export of this graph; the same inputs go through ONNX Runtime.
    threads : int, optional
        Threads for one image; by default the cores this process may use.
    progress : callable, optional
        Called with (images done, images in all).

    Returns
    -------
    VerifyReport

    Raises
    ------
    GraphError
        The graph breaks the contract.
    ExportError
        The export can't be loaded or was made from another graph.
    MissingDependencyError
        TensorFlow, or with an export the onnx package, is not installed.
    """
    threads = threads or available_cores()
    with TfBackend(graph, threads=threads) as reference:
        inputs = {**(images or {}), **synthetic_images(reference.network)}
        candidate = None if export is None else _Candidate(graph, export, threads)
        found = []
        for done, (name, image) in enumerate(inputs.items()):
            if progress:
                progress(done, len(inputs))
            found.append(_check(name, image, reference, candidate))
    return VerifyReport(
        model=graph.name,
        graph_sha256=graph.sha256,
        contract=reference.contract,
        export=None if export is None else str(export) if isinstance(export, Path) else "(new)",
        inputs=tuple(found),
        least_agreement=None if candidate is None else candidate.least_agreement,
    )


def _check(
    name: str, image: NDArray[np.uint8], reference: TfBackend, candidate: _Candidate | None
) -> InputReport:
    size = image.shape[0], image.shape[1]
    try:
        first = reference.refer(image)
    except BackendError as error:
        return InputReport(name, size, False, False, False, (), None, None, error.problem)
    labels = [int(number) for number in np.unique(first.labels)]
    export, difference = None, None
    if candidate is not None:
        subject = _commonest(first.labels, len(reference.network.labels))
        found = candidate.backend.infer(image, subject=subject).label_map
        export = compare_label_maps(
            expected_labels(candidate.backend, first.labels, subject), found, first.margins
        )
        difference = candidate.logit_difference(image, first.logits)
    return InputReport(
        name=name,
        size=size,
        shape_kept=first.labels.shape == image.shape[:2],
        in_range=labels[0] >= 0 and labels[-1] < len(reference.network.labels),
        repeatable=bool(np.array_equal(first.labels, reference.infer(image).label_map)),
        labels=tuple(labels),
        export=export,
        logit_difference=difference,
    )


def _commonest(labels: NDArray[np.integer[Any]], count: int) -> int:
    """Return the commonest label but 0; where there is none, `PERSON` or the last label."""
    counts = np.bincount(labels.ravel(), minlength=2)
    counts[0] = 0
    return int(counts.argmax()) if counts.any() else min(PERSON, count - 1)


class _Candidate:
    """An export as it is, and its logits."""

    def __init__(self, graph: FrozenGraph, export: Path | bytes, threads: int) -> None:
        self.backend = OnnxBackend(export, threads=threads)
        made_from = self.backend.metadata.get("source_graph_sha256")
        if made_from not in (None, graph.sha256):
            raise ExportError(
                self.backend.path,
                f"was made from graph {made_from[:12]}…, not from {graph.source} "
                f"({graph.sha256[:12]}…)",
                "toolkit convert makes a new export",
            )
        least = self.backend.metadata.get("least_agreement")
        self.least_agreement = None if least is None else float(least)
        self._logits = OnnxLogits.open(export, threads=threads)

    def logit_difference(
        self, image: NDArray[np.uint8], reference: NDArray[np.float32]
    ) -> float | None:
        """Return the largest difference to TF1's logits, None where the export keeps none."""
        if self._logits is None:
            return None
        logits = self._logits.infer(image)
        rows, columns, count = logits.shape  # some profiles leave the padding out
        if rows > reference.shape[0] or columns > reference.shape[1] or count != len(
            self.backend.network.labels
        ):  # fmt: skip
            return None
        return float(np.abs(logits - reference[:rows, :columns]).max())
