"""What a recommendation says: frozen dataclasses of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.bench.schema import BenchReport, ModelFacts, PhotoFacts
from toolkit.evaluate.schema import DatasetFacts, Evaluation
from toolkit.host import HostFacts
from toolkit.recommend.choose import Choice


@dataclass(frozen=True)
class Limits:
    """What is asked for.

    Attributes
    ----------
    max_iou_drop : float
        How far the mean IoU may lie below the reference's.
    max_latency_ms : float or None
        The most the median from decoded photo to portrait may take.
    """

    max_iou_drop: float = 0.005
    max_latency_ms: float | None = None


@dataclass(frozen=True)
class ParetoPoint:
    """A candidate on the Pareto front.

    Attributes
    ----------
    name : str
        The variant's text, as in bench and evaluate.
    backend, version : str
        The runtime.
    profile : str or None
        None where it runs the frozen graph, or the model is an ONNX file.
    threads : int
    model : ModelFacts
        What it ran, by its hashes.
    rounds : int
        Fresh processes it was timed in.
    whole_ns, segment_ns : float
        Medians, from decoded photo to portrait and of the segmentation alone.
    low_ns, high_ns : float or None
        The 95 % interval of `whole_ns`; None where there are too few rounds.
    mean_iou : float
        Over the photos that show the subject.
    memory_bytes : float or None
        Median of the processes' largest resident memory.
    """

    name: str
    backend: str
    version: str
    profile: str | None
    threads: int
    model: ModelFacts
    rounds: int
    whole_ns: float
    segment_ns: float
    low_ns: float | None
    high_ns: float | None
    mean_iou: float
    memory_bytes: float | None


@dataclass(frozen=True)
class Pruned:
    """What is not on the Pareto front.

    Attributes
    ----------
    name : str
        A candidate, a runtime or a profile.
    reason : str
        One line.
    by : str or None
        The candidate that dominates it; None where it could not be tried.
    """

    name: str
    reason: str
    by: str | None = None


@dataclass(frozen=True)
class Recommendation:
    """The Pareto front of this machine and what to ship.

    Attributes
    ----------
    created : str
        When it began: ISO 8601, UTC.
    command : tuple of str
        The command line, empty where it was called from Python.
    host : HostFacts
    model : str
        The MODEL argument that means the network.
    model_sha256 : str
        Of its frozen graph, or of the ONNX file where it is one.
    subject : str
    photo : PhotoFacts
        What latency was measured on.
    dataset : DatasetFacts
        What quality was judged on.
    limits : Limits
    reference : str
        The variant whose IoU others are held against.
    reference_iou : float
    pareto_front : tuple of ParetoPoint
        Fastest first.
    pruned : tuple of Pruned
    choice : Choice
    bench : BenchReport
        The last timing, of the candidates that were left.
    evaluation : Evaluation
        Of the same, under the same names.
    """

    created: str
    command: tuple[str, ...]
    host: HostFacts
    model: str
    model_sha256: str
    subject: str
    photo: PhotoFacts
    dataset: DatasetFacts
    limits: Limits
    reference: str
    reference_iou: float
    pareto_front: tuple[ParetoPoint, ...]
    pruned: tuple[Pruned, ...]
    choice: Choice
    bench: BenchReport
    evaluation: Evaluation

    @property
    def chosen(self) -> ParetoPoint | None:
        """The point chosen; None where there is none."""
        if self.choice.outcome != "chosen":
            return None
        return next(point for point in self.pareto_front if point.name == self.choice.name)
