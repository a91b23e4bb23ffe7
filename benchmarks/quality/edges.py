"""The natural style's edge against ground truth, by each way to find it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import tutorial
from benchmarks.quality.figures import Mask, boundary_f_within
from benchmarks.quality.scenes import PEOPLE
from toolkit.evaluate.dataset import LabeledPhoto, open_dataset
from toolkit.evaluate.metrics import count_pixels
from toolkit.portrait import EDGES, PERSON, Natural, make_portrait
from toolkit.portrait.pipeline import Segmenter

TOLERANCES = (1, 2, 3, 4, 5)
RAW = "tutorial"


@dataclass(frozen=True)
class EdgeQuality:
    """One mask of one photo.

    Attributes
    ----------
    photo : str
    edge : str
        ``tutorial``, or the natural style's way.
    iou : float
    boundary_f : tuple of float
        At each of `TOLERANCES`, pixels.
    """

    photo: str
    edge: str
    iou: float
    boundary_f: tuple[float, ...]


def masks(photo: LabeledPhoto, backend: Segmenter) -> Iterator[tuple[str, Mask]]:
    """Find the person in every way: pixels with an alpha of one half at least."""
    for edge in EDGES:
        style = Natural(edge=edge, kernel="box", size=1)
        made = make_portrait(photo.bgr, backend, style=style, stages=True)
        if edge == EDGES[0]:
            yield RAW, tutorial.full_mask(made.label_map, *made.photo_size) > 0
        assert made.stages is not None  # asked for
        yield edge, made.stages.alpha >= 128


def judge(folder: Path, backend: Segmenter) -> Iterator[EdgeQuality]:
    """Judge every portrait of a dataset."""
    dataset = open_dataset(folder / PEOPLE)
    for item in dataset.items:
        photo = dataset.read(item)
        truth = photo.truth(PERSON)
        for edge, found in masks(photo, backend):
            close = tuple(
                boundary_f_within(truth.subject, np.asarray(found), pixels) for pixels in TOLERANCES
            )
            yield EdgeQuality(item.name, edge, count_pixels(truth.subject, found).iou, close)
