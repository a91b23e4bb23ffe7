"""Pictures: the tutorial's overlay, VOC's colors, every stage on the sheet, every difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import tutorial
from tests.support.samples import PaintedBackend, random_mask, random_photo, seeds, sides
from toolkit.portrait import make_portrait
from toolkit.report import pictures
from toolkit.report.canvas import Color, LegendItem, Tile, fit, sheet
from toolkit.report.pictures import (
    comparison,
    contact_sheet,
    difference_picture,
    label_colors,
    overlay,
    paint_labels,
)


def shows(picture: NDArray[np.uint8], color: Color) -> bool:
    """Whether any pixel has exactly that color (red, green, blue)."""
    return bool((picture == np.array(color[::-1], np.uint8)).all(axis=-1).any())


@given(seed=seeds, height=sides, width=sides)
def test_the_overlay_is_the_tutorials(seed: int, height: int, width: int) -> None:
    photo, mask = random_photo(seed, height, width), random_mask(seed, height, width)
    assert np.array_equal(overlay(photo, mask), tutorial.look(photo, mask))


def test_labels_have_the_voc_colors() -> None:
    colors = label_colors(21)[:, ::-1].tolist()
    assert colors[:4] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colors[15] == [192, 128, 128]
    assert colors[20] == [0, 64, 128]


def test_every_label_of_a_byte_has_a_color_of_its_own() -> None:
    assert len(np.unique(label_colors(256), axis=0)) == 256


def test_a_label_map_is_painted_label_by_label() -> None:
    painted = paint_labels(np.array([[0, 15], [2, 0]]))
    assert painted[..., ::-1].tolist() == [[[0, 0, 0], [192, 128, 128]], [[0, 128, 0], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("height", "width"), [(720, 1280), (900, 600), (3, 2000), (900, 2), (1, 1)]
)
def test_the_contact_sheet_has_a_sensible_size(height: int, width: int) -> None:
    made = make_portrait(random_photo(1, height, width), PaintedBackend(), stages=True)
    assert made.stages is not None
    picture = contact_sheet(made.stages, ("background",))
    assert picture.dtype == np.uint8
    assert 700 <= picture.shape[1] <= 2100
    assert 100 <= picture.shape[0] <= 1500


def test_the_contact_sheet_shows_every_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[Tile] = []
    legends: list[LegendItem] = []

    def catch(tiles: list[Tile], *, legend: list[LegendItem], **_: object) -> NDArray[np.uint8]:
        laid_out.extend(tiles)
        legends.extend(legend)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(pictures, "sheet", catch)
    made = make_portrait(random_photo(1, 90, 120), PaintedBackend(), stages=True)
    stages = made.stages
    assert stages is not None
    contact_sheet(stages, ("background",))
    expected = [
        stages.photo,
        overlay(stages.photo, stages.alpha),
        paint_labels(stages.label_map),
        stages.network_mask,
        stages.alpha,
        stages.background,
        stages.blurred,
        stages.portrait,
    ]
    assert len(laid_out) == len(expected)
    for tile, picture in zip(laid_out, expected, strict=True):
        assert np.array_equal(tile.picture, picture), tile.title
    assert sorted(item.text.split("  ")[0] for item in legends) == ["background", "label 15"]


def test_a_comparison_shows_photo_tutorial_and_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[Tile] = []

    def catch(tiles: list[Tile], **_: object) -> NDArray[np.uint8]:
        laid_out.extend(tiles)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(pictures, "sheet", catch)
    photo = random_photo(1, 90, 120)
    made = make_portrait(photo, PaintedBackend())
    comparison(photo, made, 15)
    expected = [photo, tutorial.portrait(photo, PaintedBackend().segment, crop=65), made.image]
    spots = [tile.picture for tile in laid_out[3:]]
    assert [tile.title for tile in laid_out[:3]] == ["Photo", "Tutorial", "This portrait"]
    height, width = spots[0].shape[:2]
    # the patch that is enlarged is the same place of each picture
    places = [
        (row, column)
        for row in range(90 - height + 1)
        for column in range(120 - width + 1)
        if np.array_equal(photo[row : row + height, column : column + width], spots[0])
    ]
    ((row, column),) = places
    for picture, spot in zip(expected, spots, strict=True):
        assert np.array_equal(picture[row : row + height, column : column + width], spot)


def test_the_contact_sheet_says_where_nothing_was_found() -> None:
    made = make_portrait(random_photo(1, 90, 120), PaintedBackend(label=3), stages=True)
    found = make_portrait(random_photo(1, 90, 120), PaintedBackend(label=15), stages=True)
    assert made.stages is not None
    assert found.stages is not None
    assert not np.array_equal(contact_sheet(made.stages), contact_sheet(found.stages))


@settings(max_examples=10, deadline=None)
@given(seed=seeds, height=st.integers(1, 1500), width=st.integers(1, 1500))
def test_a_single_differing_pixel_is_seen_on_any_photo(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    photo = np.full((height, width, 3), 90, np.uint8)
    mask = np.full((height, width), rng.choice([0, 255]), np.uint8)
    other = mask.copy()
    row, column = rng.integers(height), rng.integers(width)
    other[row, column] ^= 255
    before = photo.copy(), mask.copy(), other.copy()
    picture = difference_picture(photo, mask, other)
    expected = pictures.ONLY_A if mask[row, column] else pictures.ONLY_B
    other_color = pictures.ONLY_B if mask[row, column] else pictures.ONLY_A
    # The legend shows both colors; the pixel itself, enlarged, is far larger than a swatch.
    counts = [
        np.count_nonzero((picture == np.array(color[::-1], np.uint8)).all(axis=-1))
        for color in (expected, other_color)
    ]
    assert counts[0] > counts[1]
    for array, copy in zip((photo, mask, other), before, strict=True):
        assert np.array_equal(array, copy)


def test_equal_masks_have_no_inset() -> None:
    photo, mask = random_photo(1, 200, 200), random_mask(1, 200, 200)
    other = mask.copy()
    other[50:60, 50:60] ^= 255
    equal, differing = (difference_picture(photo, mask, against) for against in (mask, other))
    assert equal.shape[1] < differing.shape[1]


def test_the_inset_shows_the_spot_that_differs_most() -> None:
    mask = np.zeros((2000, 3000), np.uint8)
    other = mask.copy()
    other[10, 10] = 255
    other[1500:1600, 2500:2600] = 255
    rows, columns = pictures._worst_spot(mask != other)
    assert (other[rows, columns] == 255).all()


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), exact=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_picture_fits_its_box_and_keeps_a_pixel(height: int, width: int, exact: bool) -> None:
    fitted = fit(np.zeros((height, width), np.uint8), 480, 360, exact=exact)
    assert 1 <= fitted.shape[0] <= 360
    assert 1 <= fitted.shape[1] <= 480
    assert fitted.shape[0] == 360 or fitted.shape[1] == 480


def test_a_long_legend_wraps() -> None:
    tile = Tile("t", "", np.zeros((10, 10, 3), np.uint8))
    short, long = (
        sheet(
            [tile],
            columns=1,
            tile_size=(300, 300),
            legend=[LegendItem((10 * n, 1, 1), f"label {n}") for n in range(count)],
        )
        for count in (1, 21)
    )
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]
    assert all(shows(long, (10 * n, 1, 1)) for n in range(21))
