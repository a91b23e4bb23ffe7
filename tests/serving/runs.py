"""Runs over small photos that tests make, on a painted backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.samples import PaintedBackend, random_photo
from toolkit.imaging import write_photo
from toolkit.portrait import PERSON, Tutorial
from toolkit.serving.batch import run_jobs
from toolkit.serving.job import Job, PhotoReport
from toolkit.serving.predictor import PortraitSettings, Predictor
from toolkit.serving.record import PortraitRecord, settings_of

SETTINGS = PortraitSettings(PERSON, Tutorial())
NETWORK = "0" * 64


def make_jobs(folder: Path, count: int = 3, suffix: str = ".png") -> list[Job]:
    """Photos in a folder, made where they are missing, and portraits in another."""
    jobs = []
    for number in range(count):
        photo = folder / "photos" / f"{number}.png"
        if not photo.exists():
            write_photo(photo, random_photo(number, 30, 40))
        jobs.append(Job(photo, folder / "made" / f"{number}.portrait{suffix}"))
    return jobs


def run(
    jobs: Sequence[Job],
    settings: PortraitSettings = SETTINGS,
    *,
    network: str = NETWORK,
    everywhere: bool = True,
    resume: bool = False,
    workers: int = 1,
    backend: PaintedBackend | None = None,
) -> list[PhotoReport]:
    """Run with a record."""
    predictor = Predictor(backend or PaintedBackend(), settings, artifact_sha256=network)
    record = PortraitRecord(settings_of(predictor), everywhere=everywhere)
    return list(run_jobs(jobs, predictor, workers=workers, record=record, resume=resume))
