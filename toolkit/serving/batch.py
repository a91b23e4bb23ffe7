"""A run over photos' files: worker threads that share one predictor, each on a photo of its own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2

from toolkit.backends import BackendSpec
from toolkit.concurrency import ordered_map
from toolkit.errors import BackendError, PhotoError, StoreError
from toolkit.files.atomic import remove_stale, write_atomically
from toolkit.host import available_cores
from toolkit.imaging import FORMATS, Photo, encode_image, read_image_file
from toolkit.imaging.pixels import eight_bits
from toolkit.portrait import Portrait
from toolkit.serving.job import Job, LabelShare, PhotoReport
from toolkit.serving.predictor import Predictor
from toolkit.serving.record import PortraitRecord

log = logging.getLogger(__name__)

PREFETCH = 8
"""Photos per worker that are begun before the results of earlier ones are taken: a large photo
holds up nobody. Only reports wait, never pixels."""


@dataclass(frozen=True)
class WorkerPlan:
    """How a run shares the cores.

    Attributes
    ----------
    workers : int
        Photos at a time.
    threads : int
        Of the runtime, for one photo.
    """

    workers: int
    threads: int


def share_cores(
    photos: int, spec: BackendSpec, *, workers: int | None = None, threads: int | None = None
) -> WorkerPlan:
    """Decide how many photos are done at a time, and with how many threads each.

    Several photos take a worker for each core, of one thread: no thread waits for another then.
    What runs one photo at a time gets every core for it, and a second worker that reads and writes
    meanwhile. What is given is kept, and the other follows from it.

    Parameters
    ----------
    photos : int
        How many there are; no more workers than that.
    spec : BackendSpec
    workers, threads : int, optional
        What is asked for.

    Examples
    --------
    >>> from toolkit.backends import find_backend
    >>> share_cores(1, find_backend("onnx"), workers=8, threads=4)
    WorkerPlan(workers=1, threads=4)
    """
    cores = available_cores()
    if workers is None:
        workers = 2 if spec.one_at_a_time else max(1, cores // (threads or 1))
    workers = max(1, min(workers, photos))
    if threads is None:
        threads = cores if spec.one_at_a_time else max(1, cores // workers)
    return WorkerPlan(workers, threads)


def run_jobs(
    jobs: Sequence[Job],
    predictor: Predictor,
    *,
    workers: int = 1,
    record: PortraitRecord | None = None,
    resume: bool = False,
) -> Iterator[PhotoReport]:
    """Make the portraits of many photos.

    A photo that can't be done is a report with its error and stops no other. However many there
    are, the pixels of no more than `workers` photos are held.

    Parameters
    ----------
    jobs : sequence of Job
        No two of which write the same file.
    predictor : Predictor
        Shared by all workers.
    workers : int
        Photos at a time.
    record : PortraitRecord, optional
        Where it is written down what is done; by default nowhere.
    resume : bool
        Skip what the record says is done.

    Yields
    ------
    PhotoReport
        In the order of the jobs, each as soon as it and all before it are done. After an interrupt
        those that are done, and then the `KeyboardInterrupt`.

    Raises
    ------
    StoreError
        A record can't be used; nothing is done then.
    """
    folders = {job.output.parent: set[str]() for job in jobs}
    for job in jobs:
        folders[job.output.parent].update(path.name for path in job.outputs)
    if record:
        record.check(folders)
    for folder, names in folders.items():
        remove_stale(folder, names)
    subject = predictor.backend.network.labels[predictor.subject]

    def do(job: Job) -> PhotoReport:
        try:
            return _done(job, predictor, record, resume=resume)
        except (PhotoError, StoreError, BackendError, MemoryError, cv2.error) as error:
            return PhotoReport(job.photo, subject=subject, error=_line(job, error))

    with ThreadPoolExecutor(workers, thread_name_prefix="photo") as pool:
        yield from ordered_map(do, jobs, pool, PREFETCH * workers)


def make_files(job: Job, photo: Photo[Any], predictor: Predictor) -> PhotoReport:
    """Make the portrait of a photo and write every file of it.

    Parameters
    ----------
    job : Job
    photo : Photo
    predictor : Predictor
        May serve other threads at the same time.

    Returns
    -------
    PhotoReport

    Raises
    ------
    PhotoError
        The portrait can't be encoded.
    StoreError
        A file can't be written.
    BackendError
        The runtime failed.
    """
    made = predictor.predict(photo, stages=bool(job.stages or job.overlay))
    encoded = predictor.encode_image(made, photo, job.output.suffix, name=job.output)
    write_atomically(job.output, encoded)
    if photo.alpha is not None and not FORMATS[job.output.suffix.lower()].alpha:
        log.warning("%s: JPEG has no transparency; the photo's was left out", job.output)
    labels = predictor.backend.network.labels
    _write_pictures(job, photo, made, labels)
    shares = sorted(made.shares.items(), key=lambda found: -found[1])
    return PhotoReport(
        photo=job.photo,
        output=job.output,
        photo_size=made.photo_size,
        network_size=made.network_size,
        subject=labels[made.subject],
        subject_found=made.subject_found,
        labels=tuple(LabelShare(label, labels[label], share) for label, share in shares),
    )


def _write_pictures(job: Job, photo: Photo[Any], made: Portrait, labels: Sequence[str]) -> None:
    from toolkit.report.pictures import comparison, contact_sheet, overlay

    if made.stages and job.stages:
        write_atomically(job.stages, encode_image(contact_sheet(made.stages, labels)))
    if made.stages and job.overlay:
        shown = overlay(eight_bits(made.stages.photo), made.stages.alpha)
        alpha = None if photo.alpha is None else eight_bits(photo.alpha)
        write_atomically(job.overlay, encode_image(shown, alpha=alpha))
    if job.compare:
        write_atomically(job.compare, encode_image(comparison(photo.bgr, made, made.subject)))


def _done(
    job: Job, predictor: Predictor, record: PortraitRecord | None, *, resume: bool
) -> PhotoReport:
    """Make a photo's files, or find in the record that they are made."""
    data = read_image_file(job.photo)
    kept = record if record and record.keeps(job) else None
    input_sha256 = hashlib.sha256(data).hexdigest() if kept else ""
    done = kept.find(job, input_sha256) if kept and resume else None
    if done:
        return done
    photo = predictor.decode_image(data, name=job.photo)
    del data  # an uncompressed file is as large as its pixels
    if kept:
        kept.forget(job)
    report = make_files(job, photo, predictor)
    if kept:
        kept.add(job, input_sha256, report)
    return report


def _line(job: Job, error: Exception) -> str:
    """Say in one line what is wrong with a photo; a bug goes on."""
    if isinstance(error, MemoryError) or getattr(error, "code", None) == cv2.Error.StsNoMem:
        error = PhotoError(job.photo, "takes more memory than there is", "try --workers 1")
    elif isinstance(error, cv2.error):
        raise error
    text = " ".join(str(error).split())
    return text if isinstance(error, PhotoError) else f"{job.photo}: {text}"
