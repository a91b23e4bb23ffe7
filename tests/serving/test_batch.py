"""Workers: in order, bounded, and stopped by nothing but a bug."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.serving.runs import SETTINGS, make_jobs, run
from tests.support.holding import held_up
from tests.support.samples import PaintedBackend
from toolkit.backends import find_backend
from toolkit.errors import BackendError
from toolkit.imaging import decode_image, read_photo
from toolkit.portrait import make_portrait
from toolkit.serving import batch
from toolkit.serving.batch import WorkerPlan, run_jobs, share_cores
from toolkit.serving.predictor import Predictor

WAIT = 20
"""Seconds until a test that hangs fails."""


@pytest.mark.parametrize(
    ("photos", "backend", "asked", "expected"),
    [
        (1, "onnx", {}, (1, 8)),
        (1, "opencv", {}, (1, 8)),
        (2, "onnx", {}, (2, 4)),
        (3, "onnx", {}, (3, 2)),
        (1000, "onnx", {}, (8, 1)),
        (1000, "onnx", {"threads": 4}, (2, 4)),
        (1000, "onnx", {"threads": 16}, (1, 16)),
        (1000, "onnx", {"workers": 4}, (4, 2)),
        (1000, "onnx", {"workers": 20}, (20, 1)),
        (3, "onnx", {"workers": 20, "threads": 5}, (3, 5)),
        (1000, "opencv", {}, (2, 8)),
        (1000, "opencv", {"workers": 3, "threads": 1}, (3, 1)),
    ],
)
def test_workers_and_threads_share_the_cores(
    monkeypatch: pytest.MonkeyPatch,
    photos: int,
    backend: str,
    asked: dict[str, int],
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr(batch, "available_cores", lambda: 8)
    assert share_cores(photos, find_backend(backend), **asked) == WorkerPlan(*expected)


@pytest.mark.parametrize("workers", [1, 4])
def test_each_portrait_is_that_of_its_photo(tmp_path: Path, workers: int) -> None:
    jobs, backend = make_jobs(tmp_path, 12), PaintedBackend()
    reports = list(run_jobs(jobs, Predictor(backend, SETTINGS), workers=workers))
    assert [report.photo for report in reports] == [job.photo for job in jobs]
    for job in jobs:
        expected = make_portrait(read_photo(job.photo).bgr, backend, style=SETTINGS.style).image
        assert np.array_equal(read_photo(job.output).bgr, expected)


def test_a_run_without_a_record_leaves_none(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    list(run_jobs(jobs, Predictor(PaintedBackend(), SETTINGS)))
    assert sorted(jobs[0].output.parent.iterdir()) == [job.output for job in jobs]


class Failing(PaintedBackend):
    """Fails on the second photo it sees."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def segment(self, image: Any, *, subject: int | None = None) -> Any:
        found = super().segment(image, subject=subject)
        if len(self.seen) == 2:
            raise self.error
        return found


def no_memory() -> cv2.error:
    """What OpenCV raises where it gets no memory."""
    error = cv2.error("Insufficient memory")
    error.code = cv2.Error.StsNoMem
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BackendError("the runtime\nfailed"), "the runtime failed"),
        (MemoryError(), "takes more memory than there is; try --workers 1"),
        (no_memory(), "takes more memory than there is; try --workers 1"),
    ],
)
def test_a_photo_that_fails_is_a_report_and_stops_no_other(
    tmp_path: Path, error: Exception, said: str
) -> None:
    jobs = make_jobs(tmp_path)
    reports = run(jobs, backend=Failing(error))
    assert [report.error for report in reports] == [None, f"{jobs[1].photo}: {said}", None]
    assert [job.output.exists() for job in jobs] == [True, False, True]


def test_another_error_of_opencv_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(cv2.error, match="assertion"):
        run(make_jobs(tmp_path), backend=Failing(cv2.error("assertion")))


def test_bad_files_in_between_stop_nothing(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, 20)
    jobs[3].photo.write_bytes(b"no photo")
    jobs[7].photo.unlink()
    jobs[9].photo.write_bytes(b"")
    jobs[11].output.mkdir(parents=True)  # can't be written over
    reports = run(jobs, workers=4)
    bad = [number for number, report in enumerate(reports) if report.error]
    assert bad == [3, 7, 9, 11]
    assert all(str(jobs[number].photo) in str(reports[number].error) for number in bad)


def test_no_more_photos_are_held_than_there_are_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[Any]] = []
    most = 0

    def watched(data: bytes, **options: Any) -> Any:
        nonlocal most
        photo = decode_image(data, **options)
        held.append(weakref.ref(photo.bgr))
        most = max(most, sum(one() is not None for one in held))
        return photo

    monkeypatch.setattr("toolkit.serving.predictor.decode_image", watched)
    reports = run(make_jobs(tmp_path, 60), workers=3)  # the reports are kept
    assert len(reports) == len(held) == 60
    assert most <= 3
    assert not any(one() is not None for one in held)


def test_what_a_killed_run_left_is_swept_and_nothing_of_others(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    folder = jobs[0].output.parent
    folder.mkdir()
    ours = folder / f".{jobs[1].output.name}.{'0' * 16}.partial"
    others = [folder / f".another.png.{'0' * 16}.partial", folder / f".{jobs[1].output.name}"]
    for path in (ours, *others):
        path.touch()
    run(jobs)
    assert not ours.exists()
    assert all(path.exists() for path in others)


ANOTHER_RUN = """
from tests.serving.runs import make_jobs, run
print([report.error for report in run(make_jobs(Path(sys.argv[1])))])
"""


@pytest.mark.parametrize("killed", [False, True])
def test_what_another_run_is_writing_is_left_alone_until_that_one_is_dead(
    tmp_path: Path, killed: bool
) -> None:
    jobs = make_jobs(tmp_path)
    with held_up(ANOTHER_RUN, tmp_path, jobs[0].output.parent) as (other, unfinished):
        run(jobs)
        assert unfinished.exists()
        if killed:
            other.kill()
            other.wait()
            run(jobs)
        else:
            assert other.communicate()[0].splitlines()[-1] == "[None, None, None]"
    assert not unfinished.exists()
