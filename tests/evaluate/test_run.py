"""Variants judged: what an export of one subject's mask is asked for, and what it can't give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.evaluate.datasets import nobody, write_voc
from toolkit.backends import BACKENDS
from toolkit.backends.base import Closing
from toolkit.errors import BackendError
from toolkit.evaluate.dataset import open_dataset, voc_labels
from toolkit.evaluate.run import iterate_evaluation, run_evaluation
from toolkit.graphs.network import Network
from toolkit.hub.model import resolve_model
from toolkit.hub.provenance import Provenance
from toolkit.imaging import pixels_sha256
from toolkit.inference import Capabilities, Segmentation

PERSON = 15


class OneSubject(Closing):
    """A backend whose file gives the mask of the subject it is asked for: here the left half."""

    name = version = provider = "stub"
    threads = 1
    capabilities = Capabilities(one_subject=True)
    network = Network((64, 64), voc_labels())

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        assert not margin
        assert subject is not None
        labels = np.zeros(image.shape[:2], np.int64)
        labels[:, : image.shape[1] // 2] = subject
        return Segmentation(labels)

    def close(self) -> None:
        pass


def test_an_export_of_one_subject_is_asked_for_it_and_has_no_miou(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = replace(BACKENDS["onnx"], load=lambda: lambda *_, **__: OneSubject())
    monkeypatch.setitem(BACKENDS, "onnx", stub)
    truth = np.zeros((60, 80), np.uint8)
    truth[:, :40] = PERSON
    dataset = open_dataset(write_voc(tmp_path / "voc", {"a": (nobody(), truth)}))
    evaluation = run_evaluation(dataset, resolve_model("mnv2_dm05_person"))
    (variant,) = evaluation.variants
    (photo,) = variant.photos
    assert photo.iou == 1
    assert variant.classes == ()


def test_an_export_calibrated_on_a_photo_of_the_dataset_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = np.zeros((60, 80), np.uint8)
    dataset = open_dataset(write_voc(tmp_path / "voc", {"a": (nobody(), truth)}))
    seen = pixels_sha256(dataset.read(dataset.items[0]).bgr)
    known = Provenance(Path("net.onnx"), {"calibration": json.dumps([seen])})
    monkeypatch.setattr("toolkit.evaluate.run.read_provenance", lambda _: known)
    with pytest.raises(BackendError, match=r"was calibrated on 1 of these photos, such as a"):
        list(iterate_evaluation(dataset, resolve_model("mnv2_dm05_person")))
