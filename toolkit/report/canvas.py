"""What every picture of a report is drawn with: titled tiles, text and a legend."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
"""Red, green, blue, 0..255."""

PAPER: Color = (250, 250, 248)
INK: Color = (32, 34, 38)
FAINT: Color = (118, 122, 128)
EDGE: Color = (205, 207, 210)

MARGIN = 24
GAP = 16
TEXT = 17
TITLE_HEIGHT = 30
LINE = 28
SWATCH = 14
NOTE_GAP = 10


@dataclass(frozen=True)
class Tile:
    """One picture with its title.

    Attributes
    ----------
    title, note : str
        The title; and what stands after it, fainter.
    picture : (H, W, 3) or (H, W) uint8, BGR or gray
    exact : bool
        Enlarge by repeating pixels, and shrink by leaving some out: for masks and label maps.
    """

    title: str
    note: str
    picture: NDArray[np.uint8]
    exact: bool = False


@dataclass(frozen=True)
class LegendItem:
    """A color and what it means."""

    color: Color
    text: str


def fit(picture: NDArray[np.uint8], width: int, height: int, *, exact: bool) -> NDArray[np.uint8]:
    """Resize a picture so that it just fits a box; no side becomes 0.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
    width, height : int
        The box, in pixels.
    exact : bool
        As in `Tile`.

    Returns
    -------
    (h, w, 3) or (h, w) uint8
    """
    ratio = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(round(picture.shape[1] * ratio), 1), max(round(picture.shape[0] * ratio), 1))
    smooth = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST if exact else smooth)
    return np.asarray(resized, np.uint8)


def to_image(picture: NDArray[np.uint8]) -> Image.Image:
    """Turn BGR or gray pixels into a Pillow image."""
    code = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
    return Image.fromarray(cv2.cvtColor(picture, code))


def to_bgr(image: Image.Image) -> NDArray[np.uint8]:
    """Turn a Pillow image into (H, W, 3) uint8 BGR."""
    return np.asarray(cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR), np.uint8)


def sheet(
    tiles: Sequence[Tile],
    *,
    columns: int,
    tile_size: tuple[int, int],
    legend: Sequence[LegendItem],
) -> NDArray[np.uint8]:
    """Lay out titled tiles in a grid with one legend below.

    Parameters
    ----------
    tiles : sequence of Tile
        Row by row.
    columns : int
        Tiles per row.
    tile_size : (int, int)
        Width and height in pixels of the box that each picture fits.
    legend : sequence of LegendItem

    Returns
    -------
    (H, W, 3) uint8, BGR
    """
    drawn = [(tile, to_image(fit(tile.picture, *tile_size, exact=tile.exact))) for tile in tiles]
    grid = [drawn[first : first + columns] for first in range(0, len(drawn), columns)]
    widths = [max(map(_drawn_width, drawn[first::columns])) for first in range(columns)]
    heights = [max(picture.height for _, picture in row) for row in grid]
    width = 2 * MARGIN + sum(widths) + GAP * (columns - 1)
    lines = _wrap(legend, width - 2 * MARGIN)
    height = 2 * MARGIN + sum(heights) + len(heights) * (TITLE_HEIGHT + GAP) + len(lines) * LINE
    image = Image.new("RGB", (width, height - GAP), PAPER)
    draw = ImageDraw.Draw(image)
    y = MARGIN
    for row, row_height in zip(grid, heights, strict=True):
        x = MARGIN
        for (tile, picture), column_width in zip(row, widths, strict=False):
            _draw_tile(image, draw, (x, y), tile, picture)
            x += column_width + GAP
        y += TITLE_HEIGHT + row_height + GAP
    for line in lines:
        _draw_legend(draw, (MARGIN, y), line)
        y += LINE
    return to_bgr(image)


def _draw_tile(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    tile: Tile,
    picture: Image.Image,
) -> None:
    x, y = at
    draw.text((x, y), tile.title, fill=INK, font=_font())
    draw.text((x + _text_width(tile.title) + NOTE_GAP, y), tile.note, fill=FAINT, font=_font())
    y += TITLE_HEIGHT
    image.paste(picture, (x, y))
    draw.rectangle((x - 1, y - 1, x + picture.width, y + picture.height), outline=EDGE)


def _drawn_width(drawn: tuple[Tile, Image.Image]) -> int:
    tile, picture = drawn
    return max(picture.width, _text_width(tile.title) + NOTE_GAP + _text_width(tile.note))


def _draw_legend(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], items: Sequence[LegendItem]
) -> None:
    x, y = at
    for item in items:
        top = y + (TEXT - SWATCH) // 2 + 3
        draw.rectangle((x, top, x + SWATCH, top + SWATCH), fill=item.color, outline=EDGE)
        draw.text((x + SWATCH + 8, y), item.text, fill=INK, font=_font())
        x += _item_width(item)


def _wrap(items: Sequence[LegendItem], width: int) -> list[list[LegendItem]]:
    lines: list[list[LegendItem]] = []
    space = 0
    for item in items:
        needed = _item_width(item)
        if not lines or needed > space:
            lines.append([])
            space = width
        lines[-1].append(item)
        space -= needed
    return lines


def _item_width(item: LegendItem) -> int:
    return SWATCH + 8 + _text_width(item.text) + 2 * GAP


def _text_width(text: str) -> int:
    return round(_font().getlength(text))


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)
