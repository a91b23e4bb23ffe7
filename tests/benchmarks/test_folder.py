"""The benchmark of a folder: its photos are the same each time, and each side measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import folder as benchmark
from benchmarks.folder import VARIANTS, make_photos, measure_one, report
from tests.support.samples import random_photo
from toolkit.imaging import read_photo, write_photo
from toolkit.serving.batch import WorkerPlan


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Photos that the benchmark made of others."""
    for number, size in enumerate(((300, 400), (500, 280), (100, 100))):
        write_photo(tmp_path / "sources" / f"{number}.png", random_photo(number, *size))
    make_photos(tmp_path / "sources", tmp_path / "made", 4)
    return tmp_path / "made"


def test_photos_are_of_many_sizes_and_the_same_each_time(made: Path, tmp_path: Path) -> None:
    make_photos(tmp_path / "sources", tmp_path / "again", 4)
    names = [path.name for path in sorted(made.iterdir())]
    assert names == ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg"]
    for name in names:
        assert (made / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    sizes = {read_photo(made / name).bgr.shape for name in names}
    assert len(sizes) > 1
    assert all(700 < height < 1600 and 700 < width < 1600 for height, width, _ in sizes)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_side_measures(
    variant: str, made: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = WorkerPlan(2, 1)
    monkeypatch.setattr(benchmark, "share_cores", lambda *_: two)  # where there is one core, too
    part = measure_one(variant, made, "mnv2_dm05_person", 1, 2)
    assert part.rate > 0
    assert sorted(part.peaks) == ([1, 2] if variant in ("tutorial", "natural") else [])


def test_each_style_is_held_against_what_promises_it() -> None:
    rates = {"tutorial": [9.0], "natural": [6.0], "bench": [10.0], "decoded": [8.0]}
    assert report(rates, {"500": 300_000_000}).splitlines() == [
        "tutorial: 9.0 photos/s, 90% of 10.0, bench",
        "natural: 6.0 photos/s, 75% of 8.0, decoded",
        "after 500 photos: 300 MB",
    ]
