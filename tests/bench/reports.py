"""Reports with times that tests choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.bench.schema import (
    MEASURED_STAGES,
    BenchReport,
    BenchSettings,
    Failure,
    ModelFacts,
    PhotoFacts,
    PhotoTimes,
    Round,
    Skipped,
    VariantTimes,
    default_baseline,
)
from toolkit.bench.variants import parse_variant
from toolkit.host import host_facts

Processes = Sequence[Sequence[int]]
"""The times of every stage, per process."""


def make_report(processes: Mapping[str, Processes], *, photos: int = 1) -> BenchReport:
    """Return a report by variants: every stage of a process takes the same given times."""
    iterations = {len(times) for runs in processes.values() for times in runs}
    variants = tuple(
        VariantTimes(
            name=name,
            variant=parse_variant(name),
            model=ModelFacts("net", "a" * 64, None if name == "tf" else "c" * 64),
            version="1.0",
            provider="CPU",
            threads=2,
            python="3.11.9",
            versions={"numpy": "2.0", "tensorflow": None},
            rounds=tuple(make_round(number, times, photos) for number, times in enumerate(runs)),
        )
        for name, runs in processes.items()
    )
    return BenchReport(
        created="2026-01-02T03:04:05+00:00",
        command=("toolkit", "bench"),
        host=host_facts(),
        photos=tuple(PhotoFacts(f"p{n}.jpg", "b" * 64, 1280, 720) for n in range(photos)),
        settings=BenchSettings(
            rounds=max(len(runs) for runs in processes.values()),
            iterations=iterations.pop() if iterations else 1,
            warmup=1,
            threads=2,
        ),
        baseline=default_baseline(variants),
        variants=variants,
        skipped=(Skipped("onnx:other.onnx", "no such file", asked=True),),
        failures=(Failure("onnx", 9, "onnx, round 9: died", "so it said"),),
    )


def make_round(number: int, times: Sequence[int], photos: int = 1) -> Round:
    """Return one process of the given times."""
    return Round(
        round=number,
        order=0,
        import_ns=1000,
        open_ns=100 * (number + 1),
        max_rss_bytes=None,
        photos=tuple(
            PhotoTimes(
                photo=photo,
                subject=15,
                subject_found=True,
                first_ns=50,
                warmup_ns=(40,),
                iterations=dict.fromkeys(MEASURED_STAGES, tuple(times)),
                cpu_ns=70,
            )
            for photo in range(photos)
        ),
    )
