"""A teacher's logits become probabilities at the photo's own pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training.teacher import PERSON, Teacher

CROP, SIDE = 65, 9


class Steps:
    """A session whose person's logit grows to the right and down over the crop."""

    def run(self, _outputs: list[str], feed: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        assert feed["ImageTensor:0"].shape[0] == 1
        logits = np.zeros((1, 21, SIDE, SIDE), np.float32)
        grid = np.arange(SIDE, dtype=np.float32)
        logits[0, PERSON] = grid[:, np.newaxis] + grid[np.newaxis] + np.log(20)
        return [logits]


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Teacher:
    """One that runs `Steps`."""
    monkeypatch.setattr("toolkit.backends.onnx.open_session", lambda *_, **__: Steps())
    return Teacher(__file__, CROP)  # type: ignore[arg-type]  # nothing is read from it


def test_corners_are_aligned(teacher: Teacher) -> None:
    odds = teacher._odds(np.zeros((65, 33, 3), np.uint8), PERSON)
    assert odds.shape == (65, 33)
    np.testing.assert_allclose([odds[0, 0], odds[64, 0], odds[0, 32]], [0, 8, 4], atol=1e-4)


def test_both_views_are_averaged(teacher: Teacher) -> None:
    chance = teacher.chance(np.zeros((65, 33, 3), np.uint8), PERSON)
    np.testing.assert_allclose(chance, chance[:, ::-1], atol=1e-5)
    assert chance[0, 0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    assert 0 <= chance.min() < chance.max() <= 1
