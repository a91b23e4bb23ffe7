"""The real network on a clip of a real person, cut out and moved: what steadying is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.video.clips import framed
from tests.video.judging import alphas, fits, flicker, lag, overlap
from toolkit.evaluate.dataset import LabeledPhoto, open_dataset
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.inference import Backend
from toolkit.portrait import PERSON, Natural
from toolkit.video.frames import alpha_of, probability_in
from toolkit.video.temporal_smoothing import GAIN

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

SIZE = (360, 640)
NOISE = 4
"""Levels of 255, of each frame anew."""

Place = tuple[float, float]
"""Where a photo's middle is, and how high it is: pixels. It stands on the lower edge."""


@pytest.fixture(scope="module")
def backend(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The real network as `toolkit portrait` opens it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_HOME", str(tmp_path_factory.mktemp("home")))
        model = resolve_model(str(shared / "mirror" / "deeplabv3_mnv2_pascal_coral.tar.gz"))
        with open_backend(model, "onnx", threads=2, logits=True) as opened:
            yield opened


def read_first(folder: Path) -> LabeledPhoto:
    dataset = open_dataset(folder)
    return dataset.read(dataset.items[0])


def clip(shared: Path, places: list[Place]) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """A person of one photo at these places in another photo, and the masks."""
    person = read_first(shared / "dataset" / "nprportrait")
    scene = read_first(shared / "dataset" / "coco_permissive").bgr
    scene = np.asarray(cv2.resize(scene, SIZE[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    share = np.where(person.mask == 255, np.float32(1), np.float32(0))[..., np.newaxis]
    layers = np.dstack([person.bgr * share, share])
    rng = np.random.default_rng(0)
    frames = []
    for x, height in places:
        scale = height / share.shape[0]
        move = np.array([[scale, 0, x - scale * share.shape[1] / 2], [0, scale, SIZE[0] - height]])
        drawn = cv2.warpAffine(layers, move, SIZE[::-1])
        clean = drawn[..., :3] + (1 - drawn[..., 3:]) * scene
        noisy = clean + rng.normal(0, NOISE, clean.shape)
        frames.append((np.clip(np.rint(noisy), 0, 255).astype(np.uint8), drawn[..., 3] > 0.5))
    return frames


def test_a_still_scene_with_noise_flickers_a_third_at_most(shared: Path, backend: Backend) -> None:
    steadied, as_it_is = alphas(clip(shared, [(320, 330)] * 12), backend, GAIN, 1)
    assert flicker(as_it_is) > 0.1  # levels: there is something to steady
    assert flicker(steadied) < flicker(as_it_is) / 3


@pytest.mark.parametrize("step", [2, 24])
def test_a_moving_person_lags_by_a_frame_at_most(
    shared: Path, backend: Backend, step: float
) -> None:
    frames = clip(shared, [(150 + step * number, 290 + number) for number in range(12)])
    steadied, as_it_is = alphas(frames, backend, GAIN, 1)
    assert lag(steadied, frames) in (0, 1)
    assert fits(steadied, frames)[0] > fits(as_it_is, frames)[0] - 0.005


@pytest.mark.parametrize(("longer", "more"), [(320, 0.0015), (640, 0.0005), (1280, 0.0002)])
def test_alpha_of_the_colors_resolution_is_nearly_as_good_as_of_the_frames(
    shared: Path, backend: Backend, longer: int, more: float
) -> None:
    """The mean error is some 0.04."""
    dataset, errors, overlaps = open_dataset(shared / "dataset" / "nprportrait"), [], []
    for item in dataset.items:
        photo = dataset.read(item)
        scale = min(1, longer / max(photo.mask.shape))
        height, width = (int(side * scale) // 2 * 2 for side in photo.mask.shape)
        bgr, mask = (
            np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            for image in (photo.bgr, photo.mask)
        )
        truth, frame = mask > 127, framed(bgr)
        luma, *colors = frame.planes
        blue, red = (np.asarray(cv2.resize(plane, (width, height)), np.uint8) for plane in colors)
        fine = dataclasses.replace(frame, planes=(luma, blue, red))
        guide, probability, _found = probability_in(frame.bgr, backend, PERSON)
        half, whole = (
            alpha_of(each, guide, probability, Natural()).astype(np.float32) / 255
            for each in (frame, fine)
        )
        assert half.shape == (height // 2, width // 2)
        assert whole.shape == truth.shape
        both = np.asarray(cv2.resize(half, (width, height)), np.float32), whole
        errors.append([np.abs(found - truth).mean() for found in both])
        overlaps.append([overlap(np.asarray(255 * found, np.uint8), truth) for found in both])
    of_half, of_whole = np.mean(errors, axis=0)
    assert of_half < of_whole + more
    half_fits, whole_fits = np.mean(overlaps, axis=0)
    assert half_fits >= whole_fits - 0.0005
