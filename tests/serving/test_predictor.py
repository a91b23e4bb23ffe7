"""A predictor: bytes in, bytes out, and settings that any process can be given."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.serving.runs import SETTINGS, make_jobs
from tests.support.samples import PaintedBackend, random_photo
from toolkit.errors import PhotoError, UsageError
from toolkit.imaging import encode_image
from toolkit.portrait import Natural
from toolkit.serving.batch import run_jobs
from toolkit.serving.job import Job, PhotoReport
from toolkit.serving.predictor import PortraitSettings, Predictor


def test_the_bytes_are_those_that_a_run_writes(tmp_path: Path) -> None:
    (job,) = make_jobs(tmp_path, 1, suffix=".jpg")
    predictor = Predictor(PaintedBackend(), PortraitSettings(15, Natural(), quality=80))
    list(run_jobs([job], predictor))
    photo = predictor.decode_image(job.photo.read_bytes())
    encoded = predictor.encode_image(predictor.predict(photo), photo, ".jpg")
    assert encoded == job.output.read_bytes()


def test_a_run_opens_a_photo_once(tmp_path: Path) -> None:
    (job,) = make_jobs(tmp_path, 1)
    opened: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and str(arguments[0]) == str(job.photo):
            opened.append(event)

    sys.addaudithook(hook)
    list(run_jobs([job], Predictor(PaintedBackend(), SETTINGS)))
    watching.clear()
    assert len(opened) == 1


def done_elsewhere(job: Job, settings: PortraitSettings) -> PhotoReport:
    (report,) = run_jobs([job], Predictor(PaintedBackend(), settings))
    return report


def test_another_process_can_do_a_job_and_report_it(tmp_path: Path) -> None:
    (job,) = make_jobs(tmp_path, 1)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        report = pool.submit(done_elsewhere, job, SETTINGS).result()
    assert report == done_elsewhere(job, SETTINGS)
    assert job.output.exists()


def test_a_subject_that_the_network_lacks_closes_the_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Closable(PaintedBackend):
        closed = False

        def close(self) -> None:
            Closable.closed = True

    monkeypatch.setattr("toolkit.backends.base.BackendSpec.open", lambda *_, **__: Closable())
    with pytest.raises(UsageError, match="no label 'unicorn'"):
        Predictor.open(settings=PortraitSettings("unicorn"))
    assert Closable.closed


def test_messages_have_the_name_that_is_given() -> None:
    predictor = Predictor(PaintedBackend())
    with pytest.raises(PhotoError, match="upload 7: is not a photo"):
        predictor.decode_image(b"no photo", name="upload 7")
    photo = predictor.decode_image(encode_image(random_photo(1, 20, 30)))
    with pytest.raises(UsageError, match=r"upload 7: can't write \.xyz"):
        predictor.encode_image(predictor.predict(photo), photo, ".xyz", name="upload 7")
