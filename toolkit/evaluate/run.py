"""The work: each variant's mask of each photo, held against the ground truth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.backends import find_backend
from toolkit.bench.prepared import PreparedVariant, prepare
from toolkit.bench.schema import Skipped
from toolkit.bench.variants import Variant
from toolkit.concurrency import Progress
from toolkit.errors import (
    BackendError,
    ExportError,
    GraphError,
    MissingDependencyError,
    UsageError,
)
from toolkit.evaluate.dataset import Dataset, LabeledPhoto, hash_of, voc_number
from toolkit.evaluate.metrics import TOLERANCE, boundary_f, confusion, count_pixels
from toolkit.evaluate.record import record_quality
from toolkit.evaluate.schema import (
    ClassQuality,
    DatasetFacts,
    Evaluation,
    EvaluationSettings,
    PhotoQuality,
    TruthFacts,
    VariantQuality,
)
from toolkit.host import available_cores, host_facts
from toolkit.hub.model import Model
from toolkit.hub.provenance import read_provenance
from toolkit.hub.store import Store
from toolkit.portrait import photo_mask, preprocess, subject_mask


@dataclass(frozen=True, eq=False)
class JudgedPhoto:
    """A photo that was just judged, for looking.

    Attributes
    ----------
    variant : str
        Its name.
    photo : LabeledPhoto
    subject, ignored, found : (H, W) bool
        The ground truth, and the variant's mask.
    quality : PhotoQuality
    """

    variant: str
    photo: LabeledPhoto
    subject: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    found: NDArray[np.bool_]
    quality: PhotoQuality


def run_evaluation(
    dataset: Dataset,
    model: Model,
    variants: Sequence[Variant] = (Variant("onnx"),),
    *,
    subject: str | int = "person",
    limit: int | None = None,
    threads: int | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
    record: bool = False,
) -> Evaluation:
    """Judge variants on a dataset.

    Parameters
    ----------
    dataset, model, variants, subject, limit, threads, store, progress, record
        As in `iterate_evaluation`, which yields what is done after each variant.

    Returns
    -------
    Evaluation
        Of all variants; one that fails is among the skipped.

    Raises
    ------
    ToolkitError
        As in `iterate_evaluation`.
    """
    *_, evaluation = iterate_evaluation(
        dataset,
        model,
        variants,
        subject=subject,
        limit=limit,
        threads=threads,
        store=store,
        progress=progress,
        record=record,
    )
    return evaluation


def iterate_evaluation(
    dataset: Dataset,
    model: Model,
    variants: Sequence[Variant] = (Variant("onnx"),),
    *,
    subject: str | int = "person",
    limit: int | None = None,
    threads: int | None = None,
    command: Sequence[str] = (),
    store: Store | None = None,
    checking: Progress | None = None,
    progress: Progress | None = None,
    seen: Callable[[JudgedPhoto], None] | None = None,
    record: bool = False,
) -> Iterator[Evaluation]:
    """Judge variants on a dataset, one after the other, in this process.

    Every photo and mask is read and checked before the first is judged, so that a bad file is found
    at once and not after an hour.

    Parameters
    ----------
    dataset : Dataset
    model : Model
        Of the variants that name none.
    variants : sequence of Variant
        Without ``python``: all run in this interpreter.
    subject : str or int
        Name or number of the label whose mask is judged.
    limit : int, optional
        Judge the first so many photos by name.
    threads : int, optional
        Of the variants that name none; by default the cores this process may use.
    command : sequence of str
        For the record.
    store : Store, optional
        By default the user's.
    checking, progress : callable, optional
        Called with (done, of how many) photos while they are checked, and over all variants while
        they are judged.
    seen : callable, optional
        Called after each photo.
    record : bool
        Write each export's figures into the manifest beside it.

    Yields
    ------
    Evaluation
        First one without a variant, when the dataset is checked; then one after each variant, with
        all so far. What was yielded stands whatever happens next. A variant that fails is among the
        skipped, and the next is judged.

    Raises
    ------
    UsageError
        A variant is of another interpreter, its backend in no registry, or there is no such label.
    InputFileError
        A photo or a mask is missing, broken, or does not fit.
    BackendError
        No variant can be run here.
    """
    for variant in variants:
        if variant.python is not None:
            raise UsageError(
                f"{variant}: photos are judged in this interpreter", "leave @python= out"
            )
    created = datetime.now(UTC).isoformat(timespec="seconds")
    chosen = dataset.first(limit)
    subject = str(subject)
    voc_label = voc_number(subject) if dataset.layout == "voc" else -1
    with tempfile.TemporaryDirectory(prefix="toolkit-evaluate-") as folder:
        prepared_variants, skipped = prepare(model, variants, folder=Path(folder), store=store)
        if not prepared_variants:
            raise BackendError(_said(skipped[0]) if skipped else "no variant to judge")
        settings = EvaluationSettings(subject, limit, threads or available_cores(), TOLERANCE)
        photos = _check(chosen, voc_label, checking)
        prepared_variants, seen_before = _apart(prepared_variants, photos)
        skipped = (*skipped, *seen_before)
        if not prepared_variants:
            raise BackendError(_said(skipped[0]))
        evaluation = Evaluation(
            created=created,
            command=tuple(command),
            host=host_facts(),
            dataset=DatasetFacts(
                name=dataset.path.resolve().name,
                path=str(dataset.path),
                layout=dataset.layout,
                sha256=hash_of([(one.name, one.sha256, one.mask_sha256) for one in photos]),
                photos=len(dataset.items),
            ),
            settings=settings,
            photos=photos,
            variants=(),
            skipped=skipped,
            complete=False,
        )
        yield evaluation
        total = len(prepared_variants) * len(photos)
        for place, prepared in enumerate(prepared_variants):

            def step(done: int, place: int = place) -> None:
                if progress:
                    progress(place * len(photos) + done, total)

            try:
                judged = _judge_variant(prepared, chosen, settings, voc_label, step, seen)
                evaluation = replace(evaluation, variants=(*evaluation.variants, judged))
                if record and prepared.model.onnx_sha256:
                    record_quality(prepared.artifact, judged, evaluation, store or Store.default())
            except (BackendError, MissingDependencyError, GraphError, ExportError) as error:
                refused = Skipped(prepared.name, str(error), asked=True)
                evaluation = replace(evaluation, skipped=(*evaluation.skipped, refused))
            evaluation = replace(evaluation, complete=place + 1 == len(prepared_variants))
            yield evaluation


def _apart(
    prepared_variants: Sequence[PreparedVariant], photos: Sequence[TruthFacts]
) -> tuple[tuple[PreparedVariant, ...], tuple[Skipped, ...]]:
    """Leave out what can not be read, or was calibrated on photos it would be judged on."""
    fit, refused = [], []
    for prepared in prepared_variants:
        path = prepared.artifact
        try:
            is_onnx = path.suffix == ".onnx"
            calibrated_on = read_provenance(path).calibrated_on if is_onnx else frozenset()
        except ExportError as error:
            refused.append(Skipped(prepared.name, str(error), asked=True))
            continue
        known = [photo.name for photo in photos if photo.sha256 in calibrated_on]
        if known:
            reason = (
                f"{path} was calibrated on {len(known)} of these photos, such as "
                f"{known[0]}; judge it on photos it has not seen"
            )
            refused.append(Skipped(prepared.name, reason, asked=True))
        else:
            fit.append(prepared)
    return tuple(fit), tuple(refused)


def _said(skipped: Skipped) -> str:
    return f"{skipped.variant}: {skipped.reason}"


def _check(dataset: Dataset, label: int, progress: Progress | None) -> tuple[TruthFacts, ...]:
    """Read every file once, for what is wrong with it and for its hash."""
    found = []
    for done, item in enumerate(dataset.items):
        if progress:
            progress(done, len(dataset.items))
        photo = dataset.read(item)
        truth = photo.truth(label)
        sha256, mask_sha256 = photo.hashes
        height, width = photo.mask.shape
        found.append(
            TruthFacts(
                name=photo.name,
                sha256=sha256,
                mask_sha256=mask_sha256,
                width=width,
                height=height,
                subject_pixels=int(truth.subject.sum()),
                ignored_pixels=int(truth.ignored.sum()),
            )
        )
    return tuple(found)


def _judge_variant(
    prepared: PreparedVariant,
    dataset: Dataset,
    settings: EvaluationSettings,
    voc_label: int,
    step: Callable[[int], None],
    seen: Callable[[JudgedPhoto], None] | None,
) -> VariantQuality:
    # a number means VOC's label where the masks are VOC's, whatever the network counts
    subject = dataset.labels[voc_label] if dataset.labels else settings.subject
    variant = prepared.variant
    opening = find_backend(variant.backend).open_file(
        prepared.artifact,
        name=prepared.model.name,
        labels=prepared.labels,
        trusted=prepared.trusted,
        threads=variant.threads or settings.threads,
        provider=variant.provider,
    )
    with opening as backend:
        label = backend.network.require_label(subject)
        names = backend.network.labels
        # mIOU needs every label, and the network's numbers to mean what the masks' do
        every_label = names == dataset.labels and not backend.capabilities.one_subject
        counts = np.zeros((len(names),) * 2, np.int64) if every_label else None
        qualities = []
        for number, item in enumerate(dataset.items):
            step(number)
            photo = dataset.read(item)
            network_input = preprocess(photo.bgr, backend.network.crop)
            labels = backend.infer(network_input, subject=label).label_map
            judged = _judge(prepared.name, number, photo, labels, label, voc_label)
            qualities.append(judged.quality)
            if counts is not None:
                enlarged = _enlarge(labels, *photo.mask.shape)
                counts += confusion(photo.mask, enlarged, judged.ignored, len(names))
            if seen:
                seen(judged)
        step(len(dataset.items))
        return VariantQuality(
            name=prepared.name,
            variant=variant,
            model=prepared.model,
            version=backend.version,
            provider=backend.provider,
            threads=backend.threads,
            label=label,
            photos=tuple(qualities),
            classes=() if counts is None else _classes(counts, names),
        )


def _judge(
    variant: str,
    number: int,
    photo: LabeledPhoto,
    labels: NDArray[np.integer[Any]],
    label: int,
    voc_label: int,
) -> JudgedPhoto:
    """Judge the mask that a portrait would be made with."""
    height, width = photo.mask.shape
    found = photo_mask(subject_mask(labels, label), height, width) != 0
    truth = photo.truth(voc_label)
    counts = count_pixels(truth.subject, found, truth.ignored)
    shown = bool(truth.subject.any())
    with_contours = shown and photo.layout == "folder"
    quality = PhotoQuality(
        photo=number,
        true_positives=counts.true_positives,
        false_positives=counts.false_positives,
        false_negatives=counts.false_negatives,
        true_negatives=counts.true_negatives,
        iou=counts.iou if shown else None,
        boundary_f=boundary_f(truth.subject, found, truth.ignored) if with_contours else None,
        false_positive_share=counts.false_positive_share,
    )
    return JudgedPhoto(variant, photo, truth.subject, truth.ignored, found, quality)


def _enlarge(labels: NDArray[np.integer[Any]], height: int, width: int) -> NDArray[np.integer[Any]]:
    """Enlarge a label map to the photo's size; labels are names, so nothing lies between two."""
    enlarged = cv2.resize(
        labels.astype(np.int32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return np.asarray(enlarged, np.int32)


def _classes(counts: NDArray[np.int64], names: Sequence[str]) -> tuple[ClassQuality, ...]:
    unions = counts.sum(0) + counts.sum(1) - counts.diagonal()
    return tuple(
        ClassQuality(label, name, int(counts[label, label]), int(unions[label]))
        for label, name in enumerate(names)
    )
