"""What a measurement says, schema version 1: frozen dataclasses; `toolkit.bench.files` keeps them.

Field by field in docs/bench-schema.md. Every time is kept raw, in integer nanoseconds; medians and
ratios follow from them and are computed anew whenever a file is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.bench.variants import Variant
from toolkit.host import HostFacts

WHOLE = "whole"
MEASURED_STAGES = ("preprocess", "segment", "mask", "blur", "composite", WHOLE)
"""What is timed in each iteration; ``whole`` is timed around the call, not a sum."""


@dataclass(frozen=True)
class ModelFacts:
    """Which network a variant ran.

    Attributes
    ----------
    name : str
    graph_sha256 : str or None
        Of the frozen graph that it ran, or that the ONNX file it ran says it was made from; None
        where the file doesn't say.
    onnx_sha256 : str or None
        Of the ONNX file; None where it ran the frozen graph.
    """

    name: str
    graph_sha256: str | None
    onnx_sha256: str | None


@dataclass(frozen=True)
class PhotoFacts:
    """Which photo was measured.

    Attributes
    ----------
    name : str
        The file's name, or what it was made from.
    sha256 : str
        Of the decoded pixels: BGR, uint8, row by row from the top.
    width, height : int
        Pixels.
    """

    name: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class BenchSettings:
    """How it was measured.

    Attributes
    ----------
    rounds : int
        In each round every variant runs once, in a process of its own. The fewest, where `until`
        or `budget_seconds` is given.
    until : float or None
        Rounds are added until the whole's ratios to the baseline are known this well: half their
        interval over the ratio.
    budget_seconds : float or None
        Rounds are added as long as the next seems to end within these.
    iterations : int
        Timed passes over each photo in each process; at least, where `timed_seconds` is given.
    timed_seconds : float or None
        Passes go on until together they took so long: the few milliseconds of a fast network need
        more passes than the many of a slow one. None: so many as `iterations`.
    warmup : int
        The most passes before them; fewer where the process is steady before, see
        `toolkit.bench.warmup`.
    warmup_seconds : float or None
        No such pass is begun after these; None: no limit.
    threads : int
        Asked of the backend and of OpenCV where the variant doesn't say.
    seed : int
        Of the order of the variants within a round.
    interleaved : bool
        Whether the processes of a round are all there at once and take turns, pass by pass.
    workers : int
        Threads that share one session while throughput is measured; 1: it isn't.
    subject : str
        The label's name or number that is cut out.
    kernel : int
        Side of the blur in pixels.
    style : str
        The portrait's style.
    gc_disabled : bool
        Whether the garbage collector stood still during timed iterations.
    """

    rounds: int = 3
    until: float | None = None
    budget_seconds: float | None = None
    iterations: int = 20
    warmup: int = 30
    warmup_seconds: float | None = 10.0
    threads: int = 1
    workers: int = 1
    seed: int = 0
    subject: str = "person"
    kernel: int = 13
    style: str = "tutorial"
    gc_disabled: bool = True
    interleaved: bool = False
    timed_seconds: float | None = None


@dataclass(frozen=True)
class Throughput:
    """Several threads that shared one session, each with a photo of its own at a time.

    Attributes
    ----------
    workers : int
        How many.
    passes : int
        Photos they made in all.
    wall_ns : int
        From the beginning of the first to the end of the last.
    """

    workers: int
    passes: int
    wall_ns: int

    @property
    def photos_per_second(self) -> float:
        """What they made in a second together."""
        return self.passes / self.wall_ns * 1e9


@dataclass(frozen=True)
class PhotoTimes:
    """One process, one photo.

    Attributes
    ----------
    photo : int
        Place in the report's photos.
    subject : int
        The label that was cut out: the one asked for, or where that isn't in the photo the one
        that covers most of it, so that every stage does its whole work.
    subject_found : bool
        Whether the label asked for is in the photo.
    first_ns : int
        The first pass; cold where this is the process's first photo.
    warmup_ns : tuple of int
        The passes after it that don't count, whole.
    iterations : dict of str to tuple of int
        By stage: one time per timed pass.
    cpu_ns : int
        CPU time of all threads during the timed passes.
    wall_ns : int or None
        From the beginning of the first timed pass to the end of the last, without the waiting
        where processes take turns.
    voluntary_switches, involuntary_switches : int or None
        How often a thread of the process gave up its core during them, or had it taken away.
    minor_faults, major_faults : int or None
        Pages that had to be mapped during them, without and with reading a disk.
    steal_ns : int or None
        CPU time the host's cores wanted during them and a hypervisor gave to others, over all
        cores, in steps of a clock tick (often 10 ms).

    steady : bool or None
        Whether the warm-up ended because its passes no longer changed; None where it was too short
        to tell.
    throughput : Throughput or None
        After the timed passes; None where only one thread was asked for.

    What else is None is not known: the system doesn't say, or an older version measured.
    """

    photo: int
    subject: int
    subject_found: bool
    first_ns: int
    warmup_ns: tuple[int, ...]
    iterations: dict[str, tuple[int, ...]]
    cpu_ns: int
    wall_ns: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    steal_ns: int | None = None
    warmed_up: bool | None = None
    throughput: Throughput | None = None

    @property
    def cpu_ns_per_photo(self) -> float:
        """CPU time of one timed pass, on average."""
        return self.cpu_ns / len(self.iterations[WHOLE])


@dataclass(frozen=True)
class Round:
    """One process.

    Attributes
    ----------
    round : int
        From 0.
    order : int
        Its place within the round, from 0.
    import_ns, open_ns : int
        Importing the runtime; then reading the network and making a session. Together: load time.
    max_rss_bytes : int or None
        The process's largest resident memory; None where the system doesn't say.
    photos : tuple of PhotoTimes
    """

    round: int
    order: int
    import_ns: int
    open_ns: int
    max_rss_bytes: int | None
    photos: tuple[PhotoTimes, ...]

    @property
    def load_ns(self) -> int:
        """Import and session together."""
        return self.import_ns + self.open_ns


@dataclass(frozen=True)
class VariantTimes:
    """One variant.

    Attributes
    ----------
    name : str
        What it is called in this report, once only; the variant's text, unless a gate names it.
    variant : Variant
        What was asked for.
    model : ModelFacts
        What it ran.
    version, provider : str
        Of the runtime, as the backend says.
    threads : int
        Of the pool that really ran it.
    python : str
        Version of the worker's interpreter.
    versions : dict of str to (str or None)
        Of the packages in the worker's interpreter, as in `HostFacts.versions`.
    rounds : tuple of Round
        Those that ended well, at least one.
    """

    name: str
    variant: Variant
    model: ModelFacts
    version: str
    provider: str
    threads: int
    python: str
    versions: dict[str, str | None]
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Skipped:
    """A variant that was not measured at all.

    Attributes
    ----------
    variant : str
        Its name.
    reason : str
        One line.
    asked : bool
        Whether it was asked for by name, rather than among all there are.
    """

    variant: str
    reason: str
    asked: bool


@dataclass(frozen=True)
class Failure:
    """A process that did not end well.

    Attributes
    ----------
    variant : str
        The name of what it ran.
    round : int
    problem : str
        One line.
    stderr : str
        The end of what the process said.
    """

    variant: str
    round: int
    problem: str
    stderr: str


@dataclass(frozen=True)
class BenchReport:
    """A measurement.

    Attributes
    ----------
    created : str
        When it began: ISO 8601, UTC.
    command : tuple of str
        The command line, or empty where it was called from Python.
    host : HostFacts
    photos : tuple of PhotoFacts
    settings : BenchSettings
    baseline : str
        Name of the variant that ratios are to.
    variants : tuple of VariantTimes
        Those with at least one round.
    skipped : tuple of Skipped
    failures : tuple of Failure
    ended : str
        What ended it: ``rounds`` (their number), ``precision`` (`BenchSettings.until`) or
        ``budget``.
    """

    created: str
    command: tuple[str, ...]
    host: HostFacts
    photos: tuple[PhotoFacts, ...]
    settings: BenchSettings
    baseline: str
    variants: tuple[VariantTimes, ...]
    skipped: tuple[Skipped, ...] = ()
    failures: tuple[Failure, ...] = ()
    ended: str = "rounds"

    def variant(self, name: str) -> VariantTimes:
        """Return the variant of a name; KeyError where it wasn't measured."""
        for times in self.variants:
            if times.name == name:
                return times
        raise KeyError(name)


def default_baseline(variants: Sequence[VariantTimes]) -> str:
    """Return what ratios are to where nobody chose: the first on ``tf``, else the first."""
    on_tf = (times.name for times in variants if times.variant.backend == "tf")
    return next(on_tf, variants[0].name)
