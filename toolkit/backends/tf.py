"""TF1-compat inference, ``tf.compat.v1.Session``: the reference every export is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.backends.base import Closing, check_provider
from toolkit.backends.export import check_size, margin_of
from toolkit.errors import BackendError, GraphError
from toolkit.graphs import FrozenGraph, import_tensorflow, load_graph
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.inference import Capabilities, Segmentation


@dataclass(frozen=True)
class Reference:
    """What the TF1 run says of one image, enough to judge another runtime by.

    Attributes
    ----------
    labels : (h, w) integer
        The label map.
    margins : (h, w) float32
        Best logit less second best at the ArgMax pixel that each label was taken from, >= 0.
    logits : (crop height, crop width, labels) float32
        The ArgMax's input.
    """

    labels: NDArray[np.integer[Any]]
    margins: NDArray[np.float32]
    logits: NDArray[np.float32]


class TfBackend(Closing):
    """A TF1 session on the CPU; see `toolkit.inference.Backend`.

    Parameters
    ----------
    artifact : FrozenGraph
        Checked for its contract and operations before it is run; one that is loaded already, see
        `toolkit.graphs.load_graph`, is not loaded again.
    threads : int
        Size of TensorFlow's intra-op pool. Operations run one after the other, as the graph is a
        chain.
    provider : {"CPU"}, optional

    Raises
    ------
    BackendError
        Another provider is asked for.
    GraphError
        The graph breaks the contract.
    MissingDependencyError
        TensorFlow is not installed.
    """

    name = "tf"
    provider = "CPU"
    capabilities = Capabilities(margin=True)

    def __init__(
        self, artifact: FrozenGraph | Path, *, threads: int, provider: str | None = None
    ) -> None:
        if isinstance(artifact, Path):
            raise TypeError("the tf backend runs a frozen graph, not a path")
        check_provider(self.name, provider, [self.provider])
        tf = import_tensorflow()
        graph = load_graph(artifact)
        self.source = graph.source
        self.contract = graph.contract
        self.network = self.contract.network
        self.version: str = tf.__version__
        self.threads = threads
        self._errors: type[Exception] = tf.errors.OpError
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads,
            inter_op_parallelism_threads=1,
            device_count={"GPU": 0},  # by default it takes one where it finds one
        )
        self._session = tf.compat.v1.Session(graph=graph.tf_graph, config=config)

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        """Label every pixel; see `toolkit.inference.Backend.infer`."""
        if not margin:
            return Segmentation(self._run(OUTPUT.name, image)[0])
        labels, logits = self._run([OUTPUT.name, self.contract.logits], image)
        return Segmentation(labels[0], margin_of(np.moveaxis(logits[0], -1, 0), subject))

    def refer(self, image: NDArray[np.uint8]) -> Reference:
        """Run the image and keep what the near-tie rule needs.

        The graph itself says which ArgMax pixel each output pixel is taken from: its ArgMax is fed
        with the number of each pixel, and what comes out is the map.

        Parameters
        ----------
        image : (h, w, 3) uint8, RGB

        Raises
        ------
        GraphError
            What follows the ArgMax does more than pick pixels.
        """
        labels, logits = self._run([OUTPUT.name, self.contract.logits], image)
        logits = logits[0]
        numbers = np.arange(logits.shape[0] * logits.shape[1]).reshape(1, *logits.shape[:2])
        origin = self._run(OUTPUT.name, image, {self.contract.argmax: numbers})[0]
        flat = logits.reshape(-1, logits.shape[2])
        if (
            origin.min() < 0
            or origin.max() >= len(flat)
            or not np.array_equal(flat.argmax(axis=1)[origin], labels[0])
        ):
            raise GraphError(
                self.source,
                "what follows its ArgMax changes labels, so near-ties can't be told",
            )
        best = np.partition(flat, -2, axis=1)[:, -2:]
        margins = (best[:, 1] - best[:, 0])[origin]
        return Reference(labels[0], margins, logits)

    def _run(
        self, fetches: str | list[str], image: NDArray[np.uint8], feed: dict[str, Any] | None = None
    ) -> Any:
        check_size(self.source, image, self.network)
        try:
            return self._session.run(fetches, {INPUT.name: image[np.newaxis], **(feed or {})})
        except self._errors as error:
            reason = str(error).splitlines()[0]
            raise BackendError(f"TensorFlow failed on {self.source}: {reason}") from error

    def close(self) -> None:
        """Free the session."""
        self._session.close()
