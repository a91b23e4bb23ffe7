"""Alpha along the photo's edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.samples import random_photo, seeds, sides
from toolkit.errors import UsageError
from toolkit.portrait import EDGES, Edge, refine
from toolkit.portrait import alpha as alpha_module
from toolkit.portrait.alpha import GUIDE_SIDE, probability_of


def scene(height: int = 400, width: int = 500) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A bright figure before a dark background, with some noise."""
    rows, columns = np.mgrid[:height, :width]
    figure = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 3) ** 2
    photo = np.where(figure[..., np.newaxis], (60, 120, 200), (70, 60, 40)).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 4, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8), figure


def coarse(figure: NDArray[np.bool_], shift: int = 1) -> NDArray[np.float32]:
    """What a network might give: on a grid of 8."""
    moved = np.roll(figure, (shift, -shift), (0, 1))[::8, ::8]
    return np.kron(moved, np.ones((8, 8)))[: figure.shape[0], : figure.shape[1]].astype(np.float32)


@pytest.mark.parametrize("edge", ["guided", "watershed"])
def test_a_coarse_answer_moves_to_the_photos_edge(edge: Edge) -> None:
    photo, figure = scene()
    answer = coarse(figure)
    if edge == "watershed":  # it needs to be told what is not sure
        answer = np.asarray(cv2.blur(answer, (41, 41)), np.float32)
    alpha = refine(photo[..., ::-1], answer, edge).of(photo)
    wrong = (alpha > 127) != figure
    assert wrong.mean() < 0.4 * ((answer > 0.5) != figure).mean()


@given(
    seed=seeds,
    height=sides,
    width=sides,
    edge=st.sampled_from(EDGES),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float64]),
)
def test_every_pixel_is_the_function_of_its_color(
    seed: int, height: int, width: int, edge: Edge, dtype: type
) -> None:
    generator = np.random.default_rng(seed)
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    photo: NDArray[Any] = (generator.random((height, width, 3)) * top).astype(dtype)
    before = photo.copy()
    small = random_photo(seed, max(1, height // 2), max(1, width // 2))
    probability = generator.choice([0.0, 0.3, 1.0], small.shape[:2]).astype(np.float32)
    found = refine(small, probability, edge)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alpha_module, "TILE", 5)
        alpha = found.of(photo)
    rows, columns = (
        np.clip((np.arange(length) + 0.5) * (count / length) - 0.5, 0, count - 1)
        for length, count in ((height, found.function.shape[0]), (width, found.function.shape[1]))
    )
    across, down = (np.asarray(part, np.float32) for part in np.meshgrid(columns, rows))
    function = cv2.split(cv2.remap(found.function, across, down, cv2.INTER_LINEAR))
    total = function[3] + sum(function[n] * photo[..., n] / top for n in range(3))
    # OpenCV interpolates in steps of 1/32
    slack = 255 * np.abs(found.function).max() / 16 + 1
    assert np.abs(alpha - np.clip(total, 0, 1) * 255).max() <= slack
    assert np.array_equal(photo, before)


def test_far_from_the_edge_it_is_sure() -> None:
    photo, figure = scene()
    alpha = refine(photo[..., ::-1], coarse(figure), "guided").of(photo)
    assert (alpha[180:220, 230:270] == 255).all()
    assert (alpha[:20, :20] == 0).all()


def test_a_large_photo_is_refined_on_a_small_one() -> None:
    photo, figure = scene(1000, 1500)
    found = refine(photo[..., ::-1], coarse(figure), "guided")
    assert max(found.function.shape[:2]) == GUIDE_SIDE


@pytest.mark.parametrize(("stride", "crop"), [(8, 65), (16, 65), (1, 33)])
def test_a_score_lies_where_the_network_saw_it(stride: int, crop: int) -> None:
    height, width = crop, crop * 2 // 3
    count = (crop - 1) // stride + 1
    margin = np.tile(np.linspace(-4, 4, count, dtype=np.float32)[:, np.newaxis], (1, count))
    found = probability_of(margin[:, : (width - 1) // stride + 1], (height, width), (crop, crop))
    assert found.shape == (height, width)
    expected = 1 / (1 + np.exp(-np.linspace(-4, 4, height)))
    assert np.abs(found[:, 0] - expected).max() < 0.01


def test_an_edge_that_is_not_known_is_refused() -> None:
    photo, figure = scene()
    with pytest.raises(UsageError):
        refine(photo, coarse(figure), "scissors")  # type: ignore[arg-type]
