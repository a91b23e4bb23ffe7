"""Photo + alpha → portrait: a soft edge before a background that has nothing of the subject in it.

The photo is done in bands of rows, and each band in runs of tiles: where nothing of the subject is
near, the blur is a plain one; where all is subject the photo is copied; only between them is alpha
looked at, and the subject weighed out of the blur.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Pixels, encode
from toolkit.portrait.composite import BAND_BYTES
from toolkit.portrait.downsampled import Background, DownsampledBackground
from toolkit.portrait.lens import Blur, blur_whole, blur_without
from toolkit.portrait.pyramid import PyramidBackground
from toolkit.portrait.timing import StageTimer, untimed

TILE = 48
"""Pixels; what is decided together along a row."""

TileKind = Literal["subject", "background", "beside", "edge"]
"""``beside``: background alone, but the subject is within the blur's reach."""


@dataclass(frozen=True)
class TileRun:
    """Neighboring tiles of one kind."""

    rows: slice
    columns: slice
    kind: TileKind


def natural_portrait(
    photo: Pixels,
    alpha: NDArray[Any],
    blur: Blur,
    *,
    depth: float = 0.0,
    ground: tuple[int, int] | None = None,
    timer: StageTimer = untimed,
) -> Pixels:
    """Keep the subject of a photo and blur what is behind it.

    Where alpha is 1 the result is the photo, where it is 0 the blurred background, exactly.

    Parameters
    ----------
    photo : (H, W, 3) BGR uint8, uint16, or float of 0..1
        Not changed.
    alpha : (H, W) uint8 of 0..255, bool, or float of 0..1
        The subject's share of each pixel; taken in 255 steps.
    blur : Blur
    depth : float
        0: all of the background is blurred alike. Up to 1: the ground nears the subject's sharpness
        toward its feet.
    ground : (int, int), optional
        The rows between which the ground comes nearer: the horizon and the subject's feet. Needed
        where `depth` is not 0.
    timer : StageTimer
        Gets the stages blur and composite.

    Returns
    -------
    (H, W, 3), of the photo's dtype
    """
    share = _in_steps(alpha)
    portrait = _at_one_depth(photo, share, blur, timer)
    if not depth or ground is None:
        return portrait
    return _with_ground(photo, share, blur, portrait, depth, ground, timer)


def _in_steps(alpha: NDArray[Any]) -> NDArray[np.uint8]:
    if alpha.dtype == np.uint8:
        return np.asarray(alpha)
    return np.asarray(np.clip(np.rint(alpha * 255.0), 0, 255), np.uint8)


def _at_one_depth(photo: Pixels, alpha: NDArray[np.uint8], blur: Blur, timer: StageTimer) -> Pixels:
    portrait = np.empty(photo.shape, photo.dtype)
    background = None
    if blur.factor > 1:
        with timer("blur"):
            background = background_alone(photo, alpha, blur)
    for run in runs(alpha, blur):
        place = (run.rows, run.columns)
        if run.kind == "subject":
            with timer("composite"):
                portrait[place] = photo[place]
            continue
        with timer("blur"):
            if background is None:
                behind = _blurred(photo, alpha, blur, run)
            else:
                behind = background.patch(*place)
        with timer("composite"):
            if run.kind == "edge":
                behind = _mixed(photo[place], behind, alpha[place])
            portrait[place] = behind
    return portrait


def _mixed(front: Pixels, behind: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    share = alpha.astype(np.float32) / 255
    if front.dtype == np.uint8:
        return np.asarray(cv2.blendLinear(front, behind, share, 1 - share), np.uint8)
    return encode(
        behind + share[:, :, np.newaxis] * (front - behind.astype(np.float32)), front.dtype
    )


def _blurred(photo: Pixels, alpha: NDArray[np.uint8], blur: Blur, run: TileRun) -> Pixels:
    """Blur a run: its surroundings are read, and cut off again."""
    read, kept = [], []
    for part, length in zip((run.rows, run.columns), alpha.shape, strict=True):
        start = max(part.start - blur.reach, 0)
        read.append(slice(start, min(part.stop + blur.reach, length)))
        kept.append(slice(part.start - start, part.stop - start))
    around, inner = tuple(read), tuple(kept)
    if run.kind == "background":
        return blur_whole(photo[around], blur)[inner]
    return blur_without(photo[around], 255 - alpha[around], blur)[inner]


def runs(alpha: NDArray[np.uint8], blur: Blur) -> Iterator[TileRun]:
    """Cut a photo into runs of tiles, from top to bottom, without gaps.

    Parameters
    ----------
    alpha : (H, W) uint8, 0..255
    blur : Blur
        How far it reaches decides what is background alone.

    Yields
    ------
    TileRun
    """
    height, width = alpha.shape
    reach = blur.reach
    # rows read twice cost twice: at most one in four
    step = max(BAND_BYTES // (3 * width), 8 * reach, 1)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        near = slice(max(top - reach, 0), rows.stop + reach)
        starts = np.arange(0, width, TILE)
        least = np.minimum.reduceat(alpha[rows].min(axis=0), starts)
        most = np.maximum.reduceat(alpha[rows].max(axis=0), starts)
        around = _spread(alpha[near].max(axis=0), reach)
        beside = np.maximum.reduceat(around, starts) > 0
        kinds = np.select(
            [least == 255, most > 0, beside], ["subject", "edge", "beside"], "background"
        )
        for kind, group in groupby(
            zip(kinds.tolist(), starts.tolist(), strict=True), itemgetter(0)
        ):
            members = [left for _, left in group]
            yield TileRun(rows, slice(members[0], min(members[-1] + TILE, width)), kind)


def _spread(line: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Return for each place of a line the largest value within reach."""
    if not reach:
        return line
    return np.asarray(cv2.dilate(line[np.newaxis], np.ones((1, 2 * reach + 1), np.uint8))[0])


def _with_ground(
    photo: Pixels,
    alpha: NDArray[np.uint8],
    blur: Blur,
    portrait: Pixels,
    depth: float,
    ground: tuple[int, int],
    timer: StageTimer,
) -> Pixels:
    """Blend toward a weaker blur and the photo itself, row by row down to the subject's feet."""
    near = nearness(np.arange(photo.shape[0]), depth, ground)
    weaker = _at_one_depth(photo, alpha, blur.weaker, timer)
    with timer("composite"):
        return come_nearer(portrait, weaker, photo, near)


def nearness(rows: NDArray[Any], depth: float, ground: tuple[int, int]) -> NDArray[np.float32]:
    """Return how near the ground is in each row.

    Parameters
    ----------
    rows : (n,)
        Ascending.
    depth : float
        0..1.
    ground : (int, int)
        The rows of the horizon and of the subject's feet.

    Returns
    -------
    (n,) float32
        0: as far as the background. 1: half as blurred. 2: sharp.
    """
    horizon, feet = ground
    down = (rows.astype(np.float32) - horizon) / max(feet - horizon, 1)
    return np.asarray(2 * depth * np.clip(down, 0, 1), np.float32)


def come_nearer(far: Pixels, middle: Pixels, sharp: Pixels, near: NDArray[np.float32]) -> Pixels:
    """Blend a blurred image with a weaker blur and the sharp image, row by row.

    Parameters
    ----------
    far, middle, sharp : (H, W) or (H, W, 3)
        Of one dtype.
    near : (H,) float32
        As of `nearness`.

    Returns
    -------
    The shape and dtype of `far`
        `far` itself, changed.
    """
    first = int(np.searchsorted(near, 0, side="right"))
    each = near.reshape(-1, *(1,) * (far.ndim - 1))
    for start in range(first, len(near), TILE):
        part = slice(start, start + TILE)
        share = each[part]
        behind, between, front = (image[part].astype(np.float32) for image in (far, middle, sharp))
        blended = np.where(
            share <= 1,
            behind + share * (between - behind),
            between + (share - 1) * (front - between),
        )
        far[part] = encode(blended, far.dtype)
    return far


def background_alone(photo: Pixels, alpha: NDArray[Any], blur: Blur) -> Background:
    """Return what is put behind the subject; of no meaning well inside it."""
    share = _in_steps(alpha)
    if blur.factor == 2:
        return PyramidBackground(photo, share, blur)
    if blur.factor > 1:
        return DownsampledBackground(photo, share, blur)
    height, width = share.shape
    return Background(blur_without(photo, 255 - share, blur), (height, width))
