"""Pictures of a portrait's stages, and of where two masks differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Pixels, eight_bits
from toolkit.portrait import (
    Portrait,
    Stages,
    blur_background,
    label_shares,
    photo_mask,
    subject_mask,
)
from toolkit.report.canvas import Color, LegendItem, Tile, fit, sheet

TILE_WIDTH = 480
APART = 16
"""Levels; two portraits differ visibly there."""

ONLY_A: Color = (255, 140, 0)
ONLY_B: Color = (0, 170, 255)
SHARED: Color = (165, 165, 165)


def overlay(photo: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a mask over a photo for looking: 0.6 of the photo and 0.35 of the mask's JET colors.

    Parameters
    ----------
    photo : (H, W, 3) uint8, BGR
    mask : (H, W) uint8

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    colored = cv2.applyColorMap(mask, cv2.COLORMAP_JET)
    return np.asarray(cv2.addWeighted(photo, 0.6, colored, 0.35, 0), np.uint8)


def label_colors(count: int = 256) -> NDArray[np.uint8]:
    """Return the PASCAL VOC colors of the labels.

    Parameters
    ----------
    count : int
        How many labels; up to 256 have a color of their own.

    Returns
    -------
    (count, 3) uint8, BGR

    Examples
    --------
    >>> label_colors(21)[15].tolist()  # a person
    [128, 128, 192]
    """
    labels = np.arange(count)
    colors = np.zeros((count, 3), np.int64)
    # Bit 3k + c of the label becomes bit 7 - k of channel c, counted red, green, blue.
    for k in range(3):
        for channel, shift in ((2, 0), (1, 1), (0, 2)):
            colors[:, channel] |= (labels >> (3 * k + shift) & 1) << (7 - k)
    return colors.astype(np.uint8)


def paint_labels(labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Paint a label map in the labels' colors.

    Parameters
    ----------
    labels : (h, w) integer, 0 or more

    Returns
    -------
    (h, w, 3) uint8, BGR
    """
    return np.asarray(label_colors(int(labels.max()) + 1)[labels], np.uint8)


def contact_sheet(stages: Stages, labels: Sequence[str] = ()) -> NDArray[np.uint8]:
    """Put every stage of a portrait into one picture.

    Parameters
    ----------
    stages : Stages
        From ``make_portrait(..., stages=True)``.
    labels : sequence of str
        Label names by number; numbers stand where names are missing.

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    photo = eight_bits(stages.photo)
    height, width = photo.shape[:2]
    at_photo = f"{width} x {height}"
    at_network = f"{stages.label_map.shape[1]} x {stages.label_map.shape[0]}"
    found = stages.network_mask.any()
    tiles = [
        Tile("Photo", at_photo, photo),
        Tile("Overlay", "", overlay(photo, stages.alpha)),
        Tile("Label map", at_network, paint_labels(stages.label_map), exact=True),
        Tile("Mask from the network", at_network, stages.network_mask, exact=True),
        Tile("Mask at the photo's size", at_photo, stages.alpha),
        Tile("Background", "", eight_bits(stages.background)),
        Tile("Blurred background", "", eight_bits(stages.blurred)),
        Tile(
            "Portrait",
            at_photo if found else "unchanged: no subject found",
            eight_bits(stages.portrait),
        ),
    ]
    return sheet(
        tiles,
        columns=4,
        tile_size=(TILE_WIDTH, _tile_height(TILE_WIDTH, height, width)),
        legend=_label_legend(stages.label_map, labels),
    )


def comparison(photo: Pixels, made: Portrait, subject: int) -> NDArray[np.uint8]:
    """Put photo, the tutorial's portrait and this one side by side, with an edge enlarged.

    Parameters
    ----------
    photo : (H, W, 3) BGR
    made : Portrait
        Of it.
    subject : int
        The label that stayed sharp.

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    photo, ours = eight_bits(photo), eight_bits(made.image)
    height, width = photo.shape[:2]
    mask = photo_mask(subject_mask(made.label_map, subject), height, width)
    pictures = {"Photo": photo, "Tutorial": photo, "This portrait": ours}
    if made.subject_found:
        pictures["Tutorial"] = blur_background(photo, mask)
    apart = np.abs(pictures["Tutorial"].astype(np.int16) - ours).max(axis=2)
    # the tutorial's edge and the blur's reach around it, where the two are furthest apart
    edge = cv2.dilate(
        cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3))), np.ones((13, 13))
    )
    rows, columns = _worst_spot((apart > APART) & (edge > 0))
    tile_height = _tile_height(TILE_WIDTH, height, width)
    tiles, spots = [], []
    for name, picture in pictures.items():
        shown = fit(picture, TILE_WIDTH, tile_height, exact=False).copy()
        _frame(shown, rows, columns, scale=shown.shape[1] / width)
        tiles.append(Tile(name, "", shown))
        spots.append(Tile("", "the frame, enlarged", picture[rows, columns], exact=True))
    return sheet([*tiles, *spots], columns=3, tile_size=(TILE_WIDTH, tile_height), legend=())


def _label_legend(labels: NDArray[np.integer[Any]], names: Sequence[str]) -> list[LegendItem]:
    shares = label_shares(labels)
    colors = label_colors(max(shares) + 1)
    items = []
    for label, share in sorted(shares.items(), key=lambda found: -found[1]):
        name = names[label] if label < len(names) else f"label {label}"
        blue, green, red = colors[label].tolist()
        items.append(LegendItem((red, green, blue), f"{name}  {share:.1%}"))
    return items


def difference_picture(
    photo: NDArray[np.uint8],
    mask_a: NDArray[np.uint8],
    mask_b: NDArray[np.uint8],
    *,
    names: tuple[str, str] = ("A", "B"),
) -> NDArray[np.uint8]:
    """Show where two masks of a photo differ: the whole, and the worst spot enlarged.

    Parameters
    ----------
    photo : (H, W, 3) uint8, BGR
    mask_a, mask_b : (H, W) uint8, 0 or 255
        At the photo's size.
    names : (str, str)
        What the masks are called in the legend.

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    inside_a, inside_b = mask_a > 0, mask_b > 0
    layers = [
        (f"only {names[0]}", ONLY_A, inside_a & ~inside_b),
        (f"only {names[1]}", ONLY_B, inside_b & ~inside_a),
    ]
    both = inside_a & inside_b
    height, width = photo.shape[:2]
    box = (2 * TILE_WIDTH, _tile_height(2 * TILE_WIDTH, height, width))
    dimmed = dim(photo, both)
    whole = dimmed if height <= box[1] and width <= box[0] else fit(dimmed, *box, exact=False)
    tiles = [Tile("Where the masks differ", f"{width} x {height}", whole, exact=True)]
    paint(whole, layers)
    if (inside_a != inside_b).any():
        rows, columns = _worst_spot(inside_a != inside_b)
        paint(dimmed, layers)
        size = f"{columns.stop - columns.start} x {rows.stop - rows.start} pixels, in the frame"
        _frame(whole, rows, columns, scale=whole.shape[0] / height)
        tiles.append(Tile("Where they differ most", size, dimmed[rows, columns], exact=True))
    legend = [
        LegendItem(color, f"{name}: {np.count_nonzero(layer):,} pixels")
        for name, color, layer in [*layers, ("both", SHARED, both)]
    ]
    return sheet(tiles, columns=len(tiles), tile_size=box, legend=legend)


def _tile_height(tile_width: int, height: int, width: int) -> int:
    """Return the height of a tile for photos of that shape; long and thin ones are bounded."""
    return min(max(round(tile_width * height / width), tile_width // 3), round(tile_width * 1.25))


def dim(photo: NDArray[np.uint8], lit: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the photo gray and dark, lighter where lit.

    Parameters
    ----------
    photo : (H, W, 3) uint8, BGR
    lit : (H, W) bool

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    gray = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
    shaded = np.where(lit, gray // 2 + 100, gray // 3).astype(np.uint8)
    return np.asarray(cv2.cvtColor(shaded, cv2.COLOR_GRAY2BGR), np.uint8)


def paint(
    picture: NDArray[np.uint8], layers: Sequence[tuple[str, Color, NDArray[np.bool_]]]
) -> None:
    """Color each layer's pixels in the picture; where it is smaller, none of them is lost.

    Parameters
    ----------
    picture : (h, w, 3) uint8, BGR
        Painted on.
    layers : sequence of (str, Color, (H, W) bool)
        Their names are not drawn.
    """
    for _, (red, green, blue), layer in layers:
        rows, columns = np.nonzero(layer)
        rows = rows * picture.shape[0] // layer.shape[0]
        columns = columns * picture.shape[1] // layer.shape[1]
        picture[rows, columns] = (blue, green, red)


def _worst_spot(differing: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns of the square that holds the most differing pixels."""
    height, width = differing.shape
    side = min(max(min(height, width) // 8, 32), 96)
    tall, wide = min(side, height), min(side, width)
    counts = cv2.boxFilter(
        differing.astype(np.float32),
        -1,
        (wide, tall),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )
    y, x = np.unravel_index(int(counts.argmax()), counts.shape)
    top = min(max(int(y) - tall // 2, 0), height - tall)
    left = min(max(int(x) - wide // 2, 0), width - wide)
    return slice(top, top + tall), slice(left, left + wide)


def _frame(picture: NDArray[np.uint8], rows: slice, columns: slice, *, scale: float) -> None:
    """Draw a rectangle around rows and columns that are counted before scaling."""
    first = (round(columns.start * scale) - 2, round(rows.start * scale) - 2)
    last = (round(columns.stop * scale) + 1, round(rows.stop * scale) + 1)
    cv2.rectangle(picture, first, last, (255, 255, 255), 1)
