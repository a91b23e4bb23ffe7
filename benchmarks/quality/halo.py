"""The halo as numbers, and how much of it no method can help.

The blur of a background pixel near the edge is `(1 - s) * v + s * h`: `v` the mean of what is seen
of its surroundings, `h` that of what the person hides, `s` the hidden share. Only `v` and `s` are
in the photo. Whoever puts `v` there is off by `s * (v - h)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.chains import Case, by_the_natural_style, by_the_tutorial
from benchmarks.quality.figures import VISIBLE, Halo, band, halo
from benchmarks.quality.kernels import convolve, weights
from benchmarks.quality.scenes import Float, Mask, Scene

BOX = Case("box", 13)
EDGES = (0, 4, 8, 16, 32, 64, 256)
"""Levels; bins of how different the hidden and the seen half are."""
ALLOWED = 0.001
"""Share of pixels that may be visibly too dark."""
HIDDEN_LEAST = 1e-9
OTHERS = ("continued", "inverted", "turned")
"""Fields of `Behind`."""


@dataclass(frozen=True, eq=False)
class Behind:
    """The background pixels of a scene's band, of which one number each: the channels' mean.

    Attributes
    ----------
    true : (n,) float64
        The blur of the background alone.
    tutorial, natural : (n,) float64
        What each chain put there, given the true mask.
    seen, hidden : (n,) float64
        Mean of the seen and of the hidden part of the kernel.
    share : (n,) float64
        The hidden part of the kernel, 0..1.
    spread : (n,) float64
        Standard deviation of the background within the kernel.
    continued, inverted, turned : (n,) float64
        What the blur would be of three other backgrounds, all the same where they are seen: behind
        the person it goes on smoothly; it differs from that as the true one does, but bright for
        dark; it is that of the scene turned by 180 degrees.
    fills : dict of str to (n,) float64
        What other ways to fill in the hidden part would put there.
    """

    true: Float
    tutorial: Float
    natural: Float
    seen: Float
    hidden: Float
    share: Float
    spread: Float
    continued: Float
    inverted: Float
    turned: Float
    fills: dict[str, Float]


def look_behind(scene: Scene) -> Behind:
    """Take a scene's band apart."""
    subject, size = scene.subject, BOX.size
    where = band(subject, BOX.reach) & ~subject
    box = weights("box", size)
    level = scene.background.mean(axis=2)
    share = convolve(subject, box)
    seen = convolve(level * ~subject, box) / np.maximum(1 - share, HIDDEN_LEAST)
    hidden = convolve(level * subject, box) / np.maximum(share, HIDDEN_LEAST)
    true = convolve(level, box)
    variance = np.maximum(convolve(level**2, box) - true**2, 0)
    go_on = inpaint(scene.background, subject).mean(axis=2)
    turned = np.where(subject, level[::-1, ::-1], level)
    pictures = {
        "true": true,
        "tutorial": by_the_tutorial(scene.photo, subject, BOX).mean(axis=2),
        "natural": by_the_natural_style(scene.photo, subject, BOX).mean(axis=2),
        "seen": seen,
        "hidden": hidden,
        "share": share,
        "spread": np.sqrt(variance),
        "continued": convolve(go_on, box),
        "inverted": convolve(np.clip(2 * go_on - level, 0, 255), box),
        "turned": convolve(turned, box),
    }
    fills = {name: fill(scene.photo, subject)[where] for name, fill in FILLS.items()}
    return Behind(**{name: picture[where] for name, picture in pictures.items()}, fills=fills)


def normalized(photo: NDArray[np.uint8], subject: Mask, size: float = BOX.size) -> Float:
    """Fill with the mean of what is seen: a normalized convolution of order 0."""
    box, seen = weights("box", size), ~subject
    mean = convolve(photo.mean(axis=2) * seen, box)
    return np.asarray(mean / np.maximum(convolve(seen, box), HIDDEN_LEAST), np.float64)


def plane(photo: NDArray[np.uint8], subject: Mask, size: float = BOX.size) -> Float:
    """Fill with the plane that fits best what is seen: a normalized convolution of order 1.

    The plane's mean over the whole kernel is its height in the middle.
    """
    box, seen, level = weights("box", size), (~subject).astype(np.float64), photo.mean(axis=2)
    rows, columns = (np.asarray(axis, np.float64) for axis in np.indices(subject.shape))
    total = np.maximum(convolve(seen, box), HIDDEN_LEAST)

    def mean(picture: Float) -> Float:
        return np.asarray(convolve(picture * seen, box) / total, np.float64)

    middle, down, across = mean(level), mean(rows), mean(columns)
    # a pixel's variance is added, so that a thin rest of background says nothing of a slope
    dd, aa = mean(rows**2) - down**2 + 1, mean(columns**2) - across**2 + 1
    da = mean(rows * columns) - down * across
    dl, al = mean(rows * level) - down * middle, mean(columns * level) - across * middle
    determinant = dd * aa - da**2
    by_row, by_column = (aa * dl - da * al) / determinant, (dd * al - da * dl) / determinant
    height = middle + by_row * (rows - down) + by_column * (columns - across)
    return np.asarray(np.clip(height, 0, 255), np.float64)


def nearest(photo: NDArray[np.uint8], subject: Mask) -> Float:
    """Fill each hidden pixel with the nearest that is seen, so that edges go on; then blur."""
    _, labels = cv2.distanceTransformWithLabels(
        subject.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    level = photo.mean(axis=2)
    of_label = np.zeros(int(labels.max()) + 1)
    of_label[labels[~subject]] = level[~subject]
    return convolve(of_label[labels], weights("box", BOX.size))


def continued(photo: NDArray[np.uint8], subject: Mask) -> Float:
    """Fill by the equations of fluids (Bertalmio, Bertozzi, Sapiro, 2001); then blur."""
    return convolve(inpaint(photo, subject).mean(axis=2), weights("box", BOX.size))


def marched(photo: NDArray[np.uint8], subject: Mask) -> Float:
    """Fill inwards along the edges (Telea, 2004); then blur."""
    filled = inpaint(photo, subject, cv2.INPAINT_TELEA)
    return convolve(filled.mean(axis=2), weights("box", BOX.size))


def inpaint(
    photo: NDArray[np.uint8], subject: Mask, way: int = cv2.INPAINT_NS
) -> NDArray[np.uint8]:
    """Fill in what of the hidden a kernel reaches, and as much again; the rest becomes gray."""
    depth = cv2.distanceTransform(subject.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    deep = depth > 2 * BOX.size
    rim = (subject & ~deep).astype(np.uint8)
    hollow = np.where(deep[:, :, np.newaxis], np.uint8(127), photo)
    return np.asarray(cv2.inpaint(hollow, rim, 3, way), np.uint8)


FILLS: dict[str, Callable[[NDArray[np.uint8], Mask], Float]] = {
    "mean of what is seen": normalized,
    "plane through it": plane,
    "plane, window twice as wide": lambda photo, subject: plane(photo, subject, 25),
    "nearest pixel": nearest,
    "Navier-Stokes": continued,
    "Telea": marched,
}
FITTED = "best mixture, fitted to the truth"


def best_mixture(scene: Behind) -> Float:
    """Mix every fill so that the scene's own truth is met best, by least squares.

    It may know the answer, so nothing that mixes these linearly is nearer.
    """
    away = [fill - scene.seen for fill in scene.fills.values()]
    parts = [*away, *(scene.share * one for one in away), scene.share, np.ones_like(scene.share)]
    known = np.stack(parts, axis=1)
    best, *_ = np.linalg.lstsq(known, scene.true - scene.seen, rcond=None)
    return np.asarray(scene.seen + known @ best, np.float64)


@dataclass(frozen=True)
class Bin:
    """Pixels whose hidden and seen halves differ by so much.

    Attributes
    ----------
    low, high : float
        Levels.
    share : float
        Of all pixels.
    natural : Halo
    """

    low: float
    high: float
    share: float
    natural: Halo


@dataclass(frozen=True)
class HaloReport:
    """The halo on every scene together.

    Attributes
    ----------
    pixels : int
    tutorial, natural : Halo
    bins : tuple of Bin
    smooth_share : float
        Of the pixels: those with a background of a deviation of at most `VISIBLE` in the kernel.
    smooth : Halo
        The natural style's on them.
    fills : dict of str to Halo
        Those of other ways, blurred in float64, not rounded.
    least : dict of str to float
        The share of pixels that any method gets visibly wrong, taken over the true background and
        another of `OTHERS`, between which nothing in the photo decides.
    raised : float
        Levels that all would have to be brighter for `ALLOWED` to be too dark.
    raised_halo : Halo
        What came of it.
    """

    pixels: int
    tutorial: Halo
    natural: Halo
    bins: tuple[Bin, ...]
    smooth_share: float
    smooth: Halo
    fills: dict[str, Halo]
    least: dict[str, float]
    raised: float
    raised_halo: Halo


def undecidable(one: Float, other: Float) -> float:
    """Return the share of pixels that any one answer gets visibly wrong, over two truths.

    Where they are more than twice `VISIBLE` apart, an answer can be right in one of them only.

    >>> undecidable(np.array([0.0, 0.0]), np.array([16.0, 17.0]))
    0.25
    """
    return float((np.abs(one - other) > 2 * VISIBLE).mean()) / 2


def report_halo(scenes: Sequence[Behind]) -> HaloReport:
    """Put the scenes' pixels together and count."""

    def all_of(name: str) -> Float:
        return np.concatenate([getattr(scene, name) for scene in scenes])

    true, error = all_of("true"), all_of("natural") - all_of("true")
    apart, smooth = np.abs(all_of("seen") - all_of("hidden")), all_of("spread") <= VISIBLE
    apart[all_of("share") < HIDDEN_LEAST] = 0
    filled = {
        name: halo(np.concatenate([scene.fills[name] for scene in scenes]) - true)
        for name in scenes[0].fills
    }
    fitted = np.concatenate([best_mixture(scene) for scene in scenes]) - true
    raised = max(0.0, -VISIBLE - float(np.quantile(error, ALLOWED)))
    return HaloReport(
        pixels=true.size,
        tutorial=halo(all_of("tutorial") - true),
        natural=halo(error),
        bins=tuple(
            Bin(low, high, float(chosen.mean()), halo(error[chosen]))
            for low, high in pairwise(EDGES)
            if (chosen := (apart >= low) & (apart < high)).any()
        ),
        smooth_share=float(smooth.mean()),
        smooth=halo(error[smooth]) if smooth.any() else Halo(0.0, 0.0, 0.0),
        fills={**filled, FITTED: halo(fitted)},
        least={name: undecidable(true, all_of(name)) for name in OTHERS},
        raised=raised,
        raised_halo=halo(error + raised),
    )
