"""What an evaluation says: frozen dataclasses of numbers; `toolkit.evaluate.files` keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from toolkit.bench.schema import ModelFacts, Skipped
from toolkit.bench.variants import Variant
from toolkit.host import HostFacts


@dataclass(frozen=True)
class DatasetFacts:
    """Which dataset was judged.

    Attributes
    ----------
    name : str
        Its folder's name.
    path : str
        As it was given.
    layout : str
        ``folder`` or ``voc``.
    sha256 : str
        Over the names and hashes of the photos that were judged and of their masks.
    photos : int
        How many it holds, judged or not.
    """

    name: str
    path: str
    layout: str
    sha256: str
    photos: int


@dataclass(frozen=True)
class TruthFacts:
    """A photo that was judged.

    Attributes
    ----------
    name : str
        Its file's name.
    sha256 : str
        Of the decoded pixels, as in a bench report: BGR, uint8, row by row from the top.
    mask_sha256 : str
        Of the mask's values, uint8, row by row from the top.
    width, height : int
        Pixels.
    subject_pixels, ignored_pixels : int
        Of the ground truth.
    """

    name: str
    sha256: str
    mask_sha256: str
    width: int
    height: int
    subject_pixels: int
    ignored_pixels: int


@dataclass(frozen=True)
class PhotoQuality:
    """A variant's mask of a photo against the ground truth.

    Attributes
    ----------
    photo : int
        Place in the evaluation's photos.
    true_positives, false_positives, false_negatives, true_negatives : int
        JudgedPhoto pixels.
    iou : float or None
        0..1; None where the photo doesn't show the subject.
    boundary_f : float or None
        0..1; None there too, and in VOC's layout, whose masks leave the contours out.
    false_positive_share : float
        Of the judged pixels that aren't the subject, those that were called it.
    """

    photo: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    iou: float | None
    boundary_f: float | None
    false_positive_share: float

    @property
    def goodness(self) -> float:
        """What photos are ranked by: the IoU, or without the subject the share left alone."""
        return 1 - self.false_positive_share if self.iou is None else self.iou


@dataclass(frozen=True)
class ClassQuality:
    """A label over all photos.

    Attributes
    ----------
    label : int
    name : str
    intersection, union : int
        JudgedPhoto pixels with this label in ground truth and label map; in either.
    """

    label: int
    name: str
    intersection: int
    union: int


@dataclass(frozen=True)
class VariantQuality:
    """A variant on every photo.

    Attributes
    ----------
    name : str
        The variant's text, as in a bench report.
    variant : Variant
    model : ModelFacts
    version, provider : str
        Of the runtime.
    threads : int
    label : int
        The subject's, in the label maps.
    photos : tuple of PhotoQuality
        One for each of the evaluation's.
    classes : tuple of ClassQuality
        Empty where not every pixel is labeled, or the network has other labels.
    """

    name: str
    variant: Variant
    model: ModelFacts
    version: str
    provider: str
    threads: int
    label: int
    photos: tuple[PhotoQuality, ...]
    classes: tuple[ClassQuality, ...] = ()


@dataclass(frozen=True)
class EvaluationSettings:
    """How it was judged.

    Attributes
    ----------
    subject : str
        The label asked for.
    limit : int or None
        At most so many photos, the first by name.
    threads : int
        Of the variants that name none.
    tolerance : float
        Of the boundary F-score, as a share of the picture's diagonal.
    """

    subject: str
    limit: int | None
    threads: int
    tolerance: float


@dataclass(frozen=True)
class Evaluation:
    """Variants judged on a dataset.

    Attributes
    ----------
    created : str
        When it began: ISO 8601, UTC.
    command : tuple of str
        The command line, empty where it was called from Python.
    host : HostFacts
    dataset : DatasetFacts
    settings : EvaluationSettings
    photos : tuple of TruthFacts
        Those that were judged, by name.
    variants : tuple of VariantQuality
        Those that went through every photo.
    skipped : tuple of Skipped
        Those that can't be run here.
    complete : bool
        False where it was interrupted: variants are missing.
    """

    created: str
    command: tuple[str, ...]
    host: HostFacts
    dataset: DatasetFacts
    settings: EvaluationSettings
    photos: tuple[TruthFacts, ...]
    variants: tuple[VariantQuality, ...]
    skipped: tuple[Skipped, ...] = ()
    complete: bool = True


@dataclass(frozen=True)
class QualitySummary:
    """A variant in a few numbers; None where there is nothing to take them from.

    Attributes
    ----------
    variant : str
        Its name.
    shown, absent : int
        Photos that show the subject, and that don't.
    mean_iou, median_iou, p5_iou : float or None
        Over the photos that show it; the 5th percentile by linear interpolation.
    pooled_iou : float or None
        Of the pixels of all photos taken together, those without the subject too: large subjects
        count for more, and false positives anywhere.
    boundary_f : float or None
        Mean over them.
    false_positive_share : float or None
        Of the judged pixels of a photo that doesn't show it, those that were called it: the mean
        over these photos.
    worst_false_positive_share : float or None
        Of the worst of those photos.
    mean_class_iou : float or None
        mIOU: the mean of every label's IoU over all photos, labels that occur nowhere left out.
    """

    variant: str
    shown: int
    absent: int
    mean_iou: float | None
    median_iou: float | None
    p5_iou: float | None
    pooled_iou: float | None
    boundary_f: float | None
    false_positive_share: float | None
    worst_false_positive_share: float | None
    mean_class_iou: float | None


def summarize(variant: VariantQuality) -> QualitySummary:
    """Put a variant's photos into a few numbers."""
    ious = [photo.iou for photo in variant.photos if photo.iou is not None]
    edges = [photo.boundary_f for photo in variant.photos if photo.boundary_f is not None]
    hits = sum(photo.true_positives for photo in variant.photos)
    union = hits + sum(photo.false_positives + photo.false_negatives for photo in variant.photos)
    alarms = [photo.false_positive_share for photo in variant.photos if photo.iou is None]
    classes = [one.intersection / one.union for one in variant.classes if one.union]
    return QualitySummary(
        variant=variant.name,
        shown=len(ious),
        absent=len(alarms),
        mean_iou=fmean(ious) if ious else None,
        median_iou=median(ious) if ious else None,
        p5_iou=float(np.percentile(ious, 5)) if ious else None,
        pooled_iou=hits / union if ious else None,
        boundary_f=fmean(edges) if edges else None,
        false_positive_share=fmean(alarms) if alarms else None,
        worst_false_positive_share=max(alarms, default=None),
        mean_class_iou=fmean(classes) if classes else None,
    )


def worst(variant: VariantQuality, count: int) -> tuple[PhotoQuality, ...]:
    """Return a variant's worst photos, the worst first."""
    return tuple(sorted(variant.photos, key=lambda photo: photo.goodness)[:count])
