"""Photos that show the same are found, and others are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.training.photos import scene
from training.duplicates import BITS, fingerprint, near


@pytest.mark.parametrize("size", [(60, 45), (120, 90), (640, 480)])
@pytest.mark.parametrize("quality", [30, 95])
def test_a_photo_of_another_size_and_compression_is_near(
    size: tuple[int, int], quality: int
) -> None:
    photo = scene(1, 240, 320)
    resized = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    _, stored = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
    assert near(fingerprint(again), fingerprint(photo)[np.newaxis])


def test_other_photos_are_not_near() -> None:
    hashes = np.stack([fingerprint(scene(seed)) for seed in range(20)])
    assert hashes.shape == (20, BITS)
    for place, one in enumerate(hashes):
        assert not near(one, np.delete(hashes, place, axis=0))


def test_nothing_is_near_to_no_photos() -> None:
    assert not near(fingerprint(scene(0)), np.zeros((0, BITS), bool))
