"""Training goes on after an interrupt as if there had been none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training import train as training
from models.training.data import Samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for part in ("images", "masks"):
        (tmp_path / "set" / part).mkdir(parents=True)
    for name, person in (("a", 255), ("b", 0)):
        image = generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        mask = np.zeros((40, 60), np.uint8)
        mask[10:, 20:40] = person
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{name}.png"), image)
        cv2.imwrite(str(tmp_path / "set" / "masks" / f"{name}.png"), mask)
    return tmp_path


@pytest.mark.slow
@pytest.mark.tensorflow
def test_an_interrupt_changes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setattr(training, "BATCH", 2)
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    training.train(folder, whole, 4)

    class Interrupted(Samples):
        def batch(self, count: int) -> tuple[np.ndarray, np.ndarray]:
            if parts.exists():
                raise KeyboardInterrupt
            return super().batch(count)

    with monkeypatch.context() as patch:
        patch.setattr(training, "Samples", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.train(folder, parts, 4)
    training.train(folder, parts, 4)
    with np.load(whole) as one, np.load(parts) as other:
        assert int(one["done"]) == int(other["done"]) == 4
        assert one.files == other.files
        for name in one.files:
            if name not in ("done", "curve"):
                np.testing.assert_allclose(one[name], other[name], rtol=1e-3, atol=1e-4)
