"""Where the subject is, softly: the network's coarse answer brought to the photo's own edges.

A network answers on a coarse grid: one score for each 8x8 pixels of a reduced photo. The guided
filter (He, Sun and Tang, 2010; on a reduced photo 2015) finds, around each pixel, the linear
function of the color that explains the coarse answer best, and applies it to the photo's own
pixels: where colors change, alpha changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.errors import UsageError
from toolkit.imaging.pixels import Float, Pixels, encode, top_level

Edge = Literal["guided", "watershed", "none"]
EDGES: tuple[Edge, ...] = ("guided", "watershed", "none")

AlphaPlane = NDArray[np.uint8]
Plane = NDArray[np.floating[Any]]

TILE = 48
"""Pixels; what is decided together whether an edge runs through it."""

GUIDE_SIDE = 257
"""Pixels; the longer side of the reduced photo that edges are looked for on. A larger one found no
better edges on 40 portraits."""

RADIUS = 4
"""Of the guided filter's window on the reduced photo, pixels: about the grid of the logits."""

EPSILON = 1e-3
"""How much variance of color, of 0..1, is an edge."""

CONTRAST = 2.0
"""The filter's answer is spread about 1/2 by this and cut at 0 and 1: it leaves haze otherwise."""

SURE = 0.9
"""Probability that seeds the watershed."""


@dataclass(frozen=True, eq=False)
class RefinedAlpha:
    """Alpha as a linear function of a pixel's color, which changes slowly over the photo.

    Attributes
    ----------
    function : (h, w, 4) float32
        On a reduced photo: factors of blue, green and red of 0..1, and what is added.
    inside, outside : (h, w) bool
        Where alpha is 1, and 0, whatever the color.
    """

    function: Float
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]

    def of(self, photo: Pixels) -> AlphaPlane:
        """Return alpha of the photo, (H, W) uint8 of 0..255."""
        height, width = photo.shape[:2]
        alpha = np.empty((height, width), np.uint8)
        rows, columns = _tiles(height), _tiles(width)
        inside, outside = (
            _throughout(where, rows, columns, (height, width))
            for where in (self.inside, self.outside)
        )
        for part, within, without in zip(rows, inside, outside, strict=True):
            kinds = zip(within.tolist(), without.tolist(), columns, strict=True)
            for (sure, nothing), group in groupby(kinds, key=lambda tile: tile[:2]):
                tiles = [tile[2] for tile in group]
                place = (part, slice(tiles[0].start, tiles[-1].stop))
                alpha[place] = 255 * sure if sure or nothing else self._patch(photo, *place)
        return alpha

    def _patch(self, photo: Pixels, rows: slice, columns: slice) -> AlphaPlane:
        """Return alpha of a part of the photo, the function interpolated bilinearly."""
        down, across = (
            count / length
            for count, length in zip(self.function.shape[:2], photo.shape[:2], strict=True)
        )
        back = np.array(
            [
                [across, 0, (columns.start + 0.5) * across - 0.5],
                [0, down, (rows.start + 0.5) * down - 0.5],
            ]
        )
        function = cv2.warpAffine(
            self.function,
            back,
            (columns.stop - columns.start, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        part = photo[rows, columns]
        if part.dtype == np.float64:
            part = part.astype(np.float32)
        # with a fourth channel that is white all four are weighed at once
        white = cv2.cvtColor(part, cv2.COLOR_BGR2BGRA)
        scale = 255 / top_level(photo.dtype)
        weighed = cv2.multiply(function, white, dst=function, scale=scale, dtype=cv2.CV_32F)
        total = np.asarray(weighed[..., 0] + weighed[..., 1], np.float32)
        total += weighed[..., 2]
        total += weighed[..., 3]
        return encode(total, np.uint8)


def refine(network_input: NDArray[np.uint8], probability: Float, edge: Edge) -> RefinedAlpha:
    """Bring the subject's probability to the photo's edges.

    Parameters
    ----------
    network_input : (h, w, 3) uint8, RGB
        The photo as the network saw it.
    probability : float32, 0..1
        That a pixel is the subject; of any size, over the same area.
    edge : {"guided", "watershed", "none"}
        ``guided``: the guided filter. ``watershed``: between what is surely inside and surely
        outside the edge runs along the ridges of the gradient, and is hard. ``none``: the
        probability as it is.

    Returns
    -------
    RefinedAlpha

    Raises
    ------
    UsageError
        There is no such edge.
    """
    if edge not in EDGES:
        raise UsageError(f"no edge {edge!r}", f"choose from: {', '.join(EDGES)}")
    size = guide_size(*network_input.shape[:2])[::-1]
    guide = np.asarray(cv2.resize(network_input, size, interpolation=cv2.INTER_AREA), np.uint8)
    coarse = np.asarray(cv2.resize(probability, size, interpolation=cv2.INTER_AREA), np.float32)
    if edge == "guided":
        return _guided(guide, coarse)
    if edge == "watershed":
        seeds = np.where(coarse > SURE, 2, np.where(coarse < 1 - SURE, 1, 0)).astype(np.int32)
        coarse = (cv2.watershed(guide, seeds) == 2).astype(np.float32)
    nothing = np.zeros_like(coarse)
    return RefinedAlpha(_merged([nothing] * 3, coarse), coarse >= 1, coarse <= 0)


def guide_size(height: int, width: int) -> tuple[int, int]:
    """Return the height and width on which edges are looked for, of a network's input."""
    ratio = min(1.0, GUIDE_SIDE / max(height, width))
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def _guided(guide: NDArray[np.uint8], coarse: Float) -> RefinedAlpha:
    window = (2 * RADIUS + 1,) * 2

    def mean(plane: Plane) -> Float:
        return np.asarray(cv2.blur(plane, window), np.float32)

    color = [np.ascontiguousarray(guide[..., place], np.float32) / 255 for place in (2, 1, 0)]
    means, answer = [mean(plane) for plane in color], mean(coarse)
    covariance = [
        mean(plane * coarse) - average * answer for plane, average in zip(color, means, strict=True)
    ]
    spread = [
        mean(color[one] * color[other])
        - means[one] * means[other]
        + np.float32(EPSILON * (one == other))
        for one, other in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    ]
    slope = _solve(spread, covariance)
    offset = answer - sum(factor * plane for factor, plane in zip(slope, means, strict=True))
    slope = [CONTRAST * mean(factor) for factor in slope]
    offset = CONTRAST * mean(offset) + (1 - CONTRAST) / 2
    return _cut(slope, offset, color)


def _cut(slope: Sequence[Plane], offset: Plane, color: Sequence[Plane]) -> RefinedAlpha:
    """Make the function 0 or 1 where it is beyond them all around: most of a photo is."""
    here = sum((factor * plane for factor, plane in zip(slope, color, strict=True)), offset)
    around = np.ones((5, 5), np.uint8)
    inside = np.asarray(cv2.erode(here, around)) >= 1
    outside = np.asarray(cv2.dilate(here, around)) <= 0
    unsure = (~(inside | outside)).astype(np.float32)
    return RefinedAlpha(
        _merged([factor * unsure for factor in slope], offset * unsure + inside), inside, outside
    )


def _merged(slope: Sequence[Plane], offset: Plane) -> Float:
    return np.asarray(cv2.merge([*slope, offset]), np.float32)


def _solve(spread: list[Plane], right: list[Plane]) -> list[Plane]:
    """Solve a symmetric 3x3 system for each pixel, by its cofactors."""
    bb, bg, br, gg, gr, rr = spread
    first, second, third = gg * rr - gr * gr, br * gr - bg * rr, bg * gr - br * gg
    fourth, fifth, sixth = bb * rr - br * br, br * bg - bb * gr, bb * gg - bg * bg
    over = 1 / (bb * first + bg * second + br * third)
    blue, green, red = (plane * over for plane in right)
    return [
        first * blue + second * green + third * red,
        second * blue + fourth * green + fifth * red,
        third * blue + fifth * green + sixth * red,
    ]


def _tiles(length: int) -> list[slice]:
    return [slice(start, min(start + TILE, length)) for start in range(0, length, TILE)]


def _throughout(
    where: NDArray[np.bool_], rows: list[slice], columns: list[slice], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return of each tile of a photo whether something is so on all it is interpolated from."""
    for axis, (parts, length) in enumerate(zip((rows, columns), size, strict=True)):
        spans = [_covering(part, length, where.shape[axis]) for part in parts]
        places = [place for span in spans for place in (span.start, span.stop)]
        # one more row or column, never read: a stop may lie behind the last
        wider = np.concatenate([where, where.take([-1], axis=axis)], axis=axis)
        where = np.logical_and.reduceat(wider, places, axis=axis).take(
            range(0, len(places), 2), axis=axis
        )
    return where


def _covering(part: slice, length: int, count: int) -> slice:
    """Return the span of a reduced axis that a part of the photo's is interpolated from."""
    ratio = count / length
    first = int(max((part.start + 0.5) * ratio - 0.5, 0))
    return slice(first, min(int((part.stop - 0.5) * ratio - 0.5) + 2, count))


def probability_of(margin: Float, size: tuple[int, int], crop: tuple[int, int]) -> Float:
    """Turn the subject's margin on the network's grid into probabilities of its input.

    Parameters
    ----------
    margin : (rows, columns) float32
        The subject's logit less the others' log-sum-exp; pixel (i, j) lies on pixel
        (stride * i, stride * j) of the photo resized to fit the crop.
    size : (int, int)
        Height and width of the network's input.
    crop : (int, int)
        The network's.

    Returns
    -------
    (h, w) float32, 0..1
        Of `guide_size`.
    """
    stride = min(
        (side - 1) / (count - 1) if count > 1 else np.inf
        for side, count in zip(crop, margin.shape, strict=True)
    )
    # the graph resizes its input to fit the crop; the corner pixels stay on each other
    ratio = min(side / length for side, length in zip(crop, size, strict=True))
    wanted = guide_size(*size)
    back = np.zeros((2, 3))
    for axis, (length, count) in enumerate(zip(size[::-1], wanted[::-1], strict=True)):
        scale = (round(length * ratio) - 1) / (length - 1) / stride if length > 1 else 0.0
        step = length / count
        back[axis, axis], back[axis, 2] = scale * step, scale * (step / 2 - 0.5)
    large = cv2.warpAffine(
        margin,
        back,
        wanted[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(1 / (1 + np.exp(-np.clip(large, -30, 30))), np.float32)
