"""The benchmark from photo to portrait: both sides do the job, and the ratio is that of rounds."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from benchmarks.scenes import made_photo
from benchmarks.whole import VARIANTS, measure_one, report


def test_the_ratio_is_the_median_over_rounds() -> None:
    times = {"tutorial": [100.0, 300.0, 200.0], "toolkit": [10.0, 10.0, 40.0]}
    found = {variant: [{"ms": time, "mb": 50.0} for time in times[variant]] for variant in VARIANTS}
    assert report(found).splitlines() == [
        "tutorial: 200.0 ms, 50 MB",
        "toolkit: 10.0 ms, 50 MB",
        "10.00 times as fast",
    ]


@pytest.mark.tensorflow
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_side_makes_portraits(
    variant: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.whole.SECONDS", 0)
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), made_photo(90, 160))
    found = measure_one(variant, photo, "mnv2_dm05_person")
    assert found["ms"] > 0
    assert found["mb"] > 20
