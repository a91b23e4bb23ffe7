"""The benchmark from video to video: both sides do the job, and the ratio is that of rounds."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("av", reason="videos need the video extra")

from benchmarks.video import VARIANTS, WARM_UP, measure_one, measure_stages, report, write_clip
from toolkit.video import VideoReader


def test_the_ratio_is_the_median_over_rounds() -> None:
    rates = {"tutorial": [4.0, 2.0, 5.0], "toolkit": [40.0, 40.0, 20.0]}
    found = {
        variant: [{"fps": rate, "cpu": 70.0, "mb": 50.0} for rate in rates[variant]]
        for variant in VARIANTS
    }
    assert report(found).splitlines() == [
        "tutorial: 4.00 frames per second, 70 ms of CPU for each, 50 MB",
        "toolkit: 40.00 frames per second, 70 ms of CPU for each, 50 MB",
        "10.00 times as fast",
    ]


def test_the_clip_has_its_size_and_its_frames(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 3)
    with VideoReader(tmp_path / "clip.mp4") as reader:
        assert [frame.bgr.shape for frame in reader.frames()] == [(720, 1280, 3)] * 3


@pytest.mark.tensorflow
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_side_does_a_clip(variant: str, home: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 2, 90, 160)
    found = measure_one(variant, tmp_path / "clip.mp4", "mnv2_dm05_person")
    assert found["fps"] > 0
    assert found["cpu"] > 0
    assert found["mb"] > 20


@pytest.mark.tensorflow
def test_each_stage_takes_time(home: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", WARM_UP + 2, 90, 160)
    found = measure_stages(tmp_path / "clip.mp4", "mnv2_dm05_person")
    assert list(found) == ["decode", "network", "alpha", "steady", "blur", "encode"]
    assert all(took > 0 for took in found.values())
