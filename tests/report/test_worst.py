"""The worst photos: which ones are kept, in which order, and what their pictures show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from toolkit.evaluate.dataset import LabeledPhoto
from toolkit.evaluate.run import JudgedPhoto
from toolkit.evaluate.schema import PhotoQuality
from toolkit.report.pictures import ONLY_A, ONLY_B
from toolkit.report.worst import UNJUDGED, WorstPhotos

HEIGHT, WIDTH = 60, 80


def judged(number: int, *, iou: float | None = None, alarms: float = 0.0) -> JudgedPhoto:
    """A photo of one color of its own; its left half is the subject, its upper half was found."""
    bgr = np.full((HEIGHT, WIDTH, 3), (10 * number, 255 - 10 * number, 200), np.uint8)
    subject, found, ignored = (np.zeros((HEIGHT, WIDTH), bool) for _ in range(3))
    subject[:, : WIDTH // 2] = True
    found[: HEIGHT // 2] = True
    ignored[-10:] = True
    subject &= ~ignored
    quality = PhotoQuality(number, 0, 0, 0, 0, iou, None, alarms)
    photo = LabeledPhoto(f"{number}.png", bgr, np.zeros((HEIGHT, WIDTH), np.uint8), "folder")
    return JudgedPhoto("onnx", photo, subject, ignored, found, quality)


def rows_of(sheet: NDArray[np.uint8], color: Sequence[int]) -> NDArray[np.intp]:
    """The rows in which a color is found, BGR."""
    return np.flatnonzero((sheet == color).all(axis=2).any(axis=1))


def test_the_worst_are_kept_whenever_they_come_and_stand_in_order() -> None:
    worst = WorstPhotos(2)
    photos = [
        judged(1, iou=0.5),
        judged(2, iou=0.9),
        judged(3, iou=0.1),
        judged(4, alarms=0.7),  # without the subject: 0.3 was left alone rightly
        judged(5, iou=0.4),
    ]
    for photo in photos:
        worst.see(photo)
    sheet = worst.sheet("onnx")
    places = {
        photo.quality.photo: rows[0]
        for photo in photos
        if (rows := rows_of(sheet, photo.photo.bgr[0, 0])).size
    }
    assert sorted(places, key=places.__getitem__) == [3, 4]


def test_what_is_missed_found_wrongly_and_ignored_has_its_color_in_its_place() -> None:
    worst = WorstPhotos(1)
    worst.see(judged(1, iou=0.2))
    sheet = worst.sheet("onnx")
    missed, alarms, ignored = (
        np.argwhere((sheet == color[::-1]).all(axis=2)) for color in (ONLY_A, ONLY_B, UNJUDGED)
    )
    # the legend's swatches are below and of 15 pixels a side; the tile is enlarged fourfold
    area = HEIGHT * WIDTH * 16
    assert len(missed) == pytest.approx(area * 20 / HEIGHT / 2, abs=300)
    assert len(alarms) == pytest.approx(area / 4, abs=300)
    assert len(ignored) == pytest.approx(area * 10 / HEIGHT, abs=300)
    assert np.median(missed[:, 1]) < np.median(alarms[:, 1])
    assert np.median(alarms[:, 0]) < np.median(missed[:, 0]) < np.median(ignored[:, 0])


def test_variants_are_kept_apart() -> None:
    worst = WorstPhotos(1)
    worst.see(judged(1, iou=0.2))
    with pytest.raises(KeyError):
        worst.sheet("tf")
