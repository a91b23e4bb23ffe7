"""Evaluations with figures that tests choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.bench.schema import ModelFacts
from toolkit.bench.variants import parse_variant
from toolkit.evaluate.schema import (
    DatasetFacts,
    Evaluation,
    EvaluationSettings,
    PhotoQuality,
    TruthFacts,
    VariantQuality,
)
from toolkit.host import host_facts

PIXELS = 1000


def make_evaluation(
    ious: Mapping[str, Sequence[float | None]], *, name: str = "street", onnx: str = "c" * 64
) -> Evaluation:
    """Return an evaluation by variants: the IoU of each photo, None without the subject.

    The models are those of `tests.bench.reports.make_report`.
    """
    photos = len(next(iter(ious.values())))
    return Evaluation(
        created="2026-01-02T03:04:05+00:00",
        command=("toolkit", "evaluate", name),
        host=host_facts(),
        dataset=DatasetFacts(name, name, "folder", "d" * 64, photos),
        settings=EvaluationSettings("person", None, 2, 0.0075),
        photos=tuple(
            TruthFacts(f"p{n}.jpg", "b" * 64, "e" * 64, 40, 50, 900, 0) for n in range(photos)
        ),
        variants=tuple(
            VariantQuality(
                name=variant,
                variant=parse_variant(variant),
                model=ModelFacts("net", "a" * 64, None if variant == "tf" else onnx),
                version="1.0",
                provider="CPU",
                threads=2,
                label=15,
                photos=tuple(_photo(number, iou) for number, iou in enumerate(values)),
            )
            for variant, values in ious.items()
        ),
    )


def _photo(number: int, iou: float | None) -> PhotoQuality:
    hits = round((iou or 0) * PIXELS)
    missed = 0 if iou is None else PIXELS - hits
    alarms = 10 if iou is None else 0
    return PhotoQuality(
        photo=number,
        true_positives=hits,
        false_positives=alarms,
        false_negatives=missed,
        true_negatives=1000 - alarms,
        iou=iou,
        boundary_f=None if iou is None else iou / 2,
        false_positive_share=alarms / 1000,
    )
