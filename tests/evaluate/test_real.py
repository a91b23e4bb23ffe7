"""The real network on real datasets: figures that another implementation measured before."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.bench.variants import Variant
from toolkit.evaluate.dataset import open_dataset
from toolkit.evaluate.run import run_evaluation
from toolkit.evaluate.schema import QualitySummary, summarize
from toolkit.hub.model import resolve_model

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]


def judged(shared: Path, dataset: str) -> QualitySummary:
    model = resolve_model(str(shared / "mirror" / "deeplabv3_mnv2_pascal_coral.tar.gz"))
    found = open_dataset(shared / "dataset" / dataset)
    (variant,) = run_evaluation(found, model, [Variant("tf")]).variants
    return summarize(variant)


def test_portraits_have_the_iou_that_is_known(shared: Path) -> None:
    summary = judged(shared, "nprportrait")
    assert (summary.shown, summary.absent) == (40, 0)
    assert summary.mean_iou == pytest.approx(0.945, abs=0.001)


def test_street_photos_have_the_iou_and_the_false_positives_that_are_known(shared: Path) -> None:
    summary = judged(shared, "coco_permissive")
    assert (summary.shown, summary.absent) == (26, 23)
    assert summary.mean_iou == pytest.approx(0.752, abs=0.001)
    assert summary.pooled_iou == pytest.approx(0.787, abs=0.001)
    assert summary.false_positive_share is not None
    assert 0.0004 < summary.false_positive_share < 0.0007
