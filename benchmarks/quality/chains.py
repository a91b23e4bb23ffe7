"""The two chains on a scene: the tutorial's, and the natural style's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import tutorial
from benchmarks.quality.figures import Score, band, score
from benchmarks.quality.kernels import Kernel, blurred
from benchmarks.quality.scenes import Mask, Scene
from toolkit.portrait import Blur, Natural, make_portrait, natural_portrait
from toolkit.portrait.pipeline import Segmenter

Pixels = NDArray[np.uint8]
By = Literal["truth", "network"]
"""Who says where the person is."""


@dataclass(frozen=True)
class Case:
    """A blur.

    Attributes
    ----------
    kernel : {"box", "gaussian", "lens"}
    size : float
    """

    kernel: Kernel
    size: float

    @property
    def reach(self) -> float:
        """Two radii of a box of that size: the band's on each side of the edge."""
        return self.size - 1


CASES = (Case("box", 13), Case("gaussian", 13), Case("lens", 13), Case("lens", 25.6))
"""The tutorial's square, the others of its variance, and what the natural style does by itself to
a scene 1280 pixels wide."""


@dataclass(frozen=True)
class Compared:
    """Both chains on one scene.

    Attributes
    ----------
    scene : str
    kernel : {"box", "gaussian", "lens"}
    size : float
    by : {"truth", "network"}
        Whose mask both were given.
    tutorial, natural : Score
    """

    scene: str
    kernel: Kernel
    size: float
    by: By
    tutorial: Score
    natural: Score

    @property
    def gain(self) -> float:
        """By how much the natural style is nearer to the ideal, decibels."""
        return self.natural.psnr - self.tutorial.psnr


def by_the_tutorial(photo: Pixels, subject: Mask, case: Case) -> Pixels:
    """Black out, blur, paste: the tutorial's chain, with its square or another kernel."""
    mask = np.where(subject, np.uint8(255), np.uint8(0))
    if case.kernel == "box":
        behind = tutorial.blurred_background(photo, mask, int(case.size))
    else:
        black = np.where(subject[:, :, np.newaxis], np.uint8(0), photo)
        behind = np.rint(blurred(black, case.kernel, case.size)).astype(np.uint8)
    return tutorial.composite(photo, mask, behind)


def by_the_natural_style(photo: Pixels, subject: Mask, case: Case) -> Pixels:
    """Make the natural style's portrait of a mask that is known."""
    return natural_portrait(photo, subject, Blur(case.kernel, case.size))


def compare(scene: Scene, backend: Segmenter) -> Iterator[Compared]:
    """Hold both chains against a scene's ideals, given the true mask and the network's."""
    for case in CASES:
        ideal = scene.ideal(blurred(scene.background, case.kernel, case.size))
        where = band(scene.subject, case.reach)
        style = Natural(kernel=case.kernel, size=case.size)
        made = make_portrait(scene.photo, backend, style=style)
        found = tutorial.full_mask(made.label_map, *scene.subject.shape) > 0
        pairs: tuple[tuple[By, Pixels, Pixels], ...] = (
            (
                "truth",
                by_the_tutorial(scene.photo, scene.subject, case),
                by_the_natural_style(scene.photo, scene.subject, case),
            ),
            ("network", by_the_tutorial(scene.photo, found, case), made.image),
        )
        for by, theirs, ours in pairs:
            yield Compared(
                scene.name,
                case.kernel,
                case.size,
                by,
                score(theirs, ideal, where),
                score(ours, ideal, where),
            )
