"""An alpha that does not shimmer: averaged over time where nothing moves, and only there.

A network's answer, and the guided filter's after it, change a little with the noise of each frame,
and edges shimmer. Where the picture stands still, alpha therefore moves only a part of the way
toward its new value; where it moves, all of it. What stands still is judged on a reduced frame,
against the average of what was there before.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float
from toolkit.portrait.alpha import AlphaPlane

GAIN = 0.2
"""How far alpha goes toward its new value where nothing moves. Noise that is new in each frame
then changes it from frame to frame by gain / sqrt(2 - gain) of what it did: by 0.15."""

NOISE_LIMIT = 3.0
"""Levels of 255 on the reduced frame; more than this is never taken for noise. Where the whole
picture moves the typical difference is large, and says nothing of the noise."""

LEAST_MOTION = 0.5
"""Levels of 255 above twice the noise; from here on a difference is motion."""

NOTHING = 1e-3
"""Levels of 255 that are none. What shrinks by a part of itself in each frame would else come to
where floats lose their digits, after some 400 frames, and sums take ten times as long."""

BAND = 64
"""Rows that are done together: what is made on the way stays in the cache."""


class TemporalSmoother:
    """Steadies the alpha of one frame after the other; a new one for each video.

    Parameters
    ----------
    gain : float
        0..1: see `GAIN`. 1: nothing is steadied.
    """

    def __init__(self, gain: float = GAIN) -> None:
        self._gain = gain
        self._usual: list[Float] | None = None
        # in floats: what changes by less than a level adds up
        self._alpha: Float | None = None
        self._steadied: AlphaPlane | None = None

    def steady(self, guide: NDArray[np.uint8], alpha: AlphaPlane) -> AlphaPlane:
        """Steady the next frame's alpha.

        Parameters
        ----------
        guide : (h, w, 3) uint8
            The frame, reduced; the same size each time.
        alpha : (H, W) uint8, 0..255
            Not changed. The same size each time.

        Returns
        -------
        (H, W) uint8, 0..255
        """
        if self._gain == 1:
            return alpha
        gain = self.gain(guide)
        if self._alpha is None or self._steadied is None:
            self._alpha, self._steadied = alpha.astype(np.float32), alpha.copy()
            return alpha
        share = cv2.resize(gain, alpha.shape[::-1])
        steadied = np.zeros_like(alpha)
        for top in range(0, len(alpha), BAND):
            rows = slice(top, top + BAND)
            columns = np.flatnonzero(
                np.maximum(alpha[rows].max(axis=0), self._steadied[rows].max(axis=0))
            )
            if columns.size:
                place = rows, slice(columns[0], columns[-1] + 1)
                last = self._alpha[place]
                change = cv2.subtract(alpha[place], last, dtype=cv2.CV_32F)
                cv2.multiply(change, share[place], dst=change)
                cv2.add(last, change, dst=change)
                _without_rest(np.asarray(change, np.float32), out=last)
                steadied[place] = cv2.convertScaleAbs(last)
        self._steadied = steadied
        return steadied

    def gain(self, guide: NDArray[np.uint8]) -> Float:
        """Return how far alpha may go, and take the frame as seen.

        Parameters
        ----------
        guide : (h, w, 3) uint8

        Returns
        -------
        (h / 2, w / 2) float32, gain..1
            Rounded up. Means of four pixels have half their noise.
        """
        height, width = (-(-side // 2) for side in guide.shape[:2])
        means = cv2.resize(guide.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        now = [np.asarray(channel, np.float32) for channel in cv2.split(means)]
        if self._usual is None:
            self._usual = now
            return np.ones((height, width), np.float32)
        changes = [channel - usual for channel, usual in zip(now, self._usual, strict=True)]
        largest = functools.reduce(np.maximum, map(np.abs, changes))
        difference = np.asarray(cv2.blur(largest, (3, 3)))
        noise = min(float(np.median(difference)), NOISE_LIMIT)
        still = 2 * noise + LEAST_MOTION
        motion = np.clip((difference - still) / (still + 1), 0, 1)
        gain = np.asarray(self._gain + (1 - self._gain) * motion, np.float32)
        # an edge is soft: what moves there reaches further than the difference shows
        gain = np.asarray(cv2.dilate(gain, np.ones((3, 3), np.uint8)), np.float32)
        self._usual = [
            _without_rest(usual + gain * change)
            for usual, change in zip(self._usual, changes, strict=True)
        ]
        return gain


def _without_rest(levels: Float, out: Float | None = None) -> Float:
    """Return levels without what is next to nothing: see `NOTHING`."""
    return np.asarray(cv2.threshold(levels, NOTHING, 0, cv2.THRESH_TOZERO, dst=out)[1], np.float32)
