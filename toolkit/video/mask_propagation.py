"""Frames that the network did not see: their masks carried over from those before and after.

Dense optical flow (DIS: Kroeger et al., 2016) says where each pixel of a frame lies in the last
frame that was segmented and in the next one. Both answers are brought here and blended: the nearer
in time counts more, and the one whose picture fits better here.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.imaging.pixels import Float

Rest = TypeVar("Rest")

MISFIT = 4.0
"""Levels of 255; a picture that fits worse by this counts half as much."""


@dataclass(frozen=True, eq=False)
class Unseen(Generic[Rest]):
    """A frame that the network was not asked about.

    Attributes
    ----------
    guide : (h, w, 3) uint8, RGB
        The frame, reduced.
    rest : object
        Whatever goes with it.
    """

    guide: NDArray[np.uint8]
    rest: Rest


@dataclass(frozen=True, eq=False)
class Seen(Unseen[Rest]):
    """A frame and where the subject is in it.

    Attributes
    ----------
    probability : (h, w) float32, 0..1
        That a pixel is the subject.
    """

    probability: Float


def propagate_masks(frames: Iterable[Seen[Rest] | Unseen[Rest]]) -> Iterator[Seen[Rest]]:
    """Give each frame a probability, in order.

    Parameters
    ----------
    frames : iterable of Seen and Unseen
        The first is seen. As many are held as there are between two that are.

    Yields
    ------
    Seen
    """
    before: Seen[Rest] | None = None
    waiting: list[Unseen[Rest]] = []
    for frame in frames:
        if isinstance(frame, Seen):
            yield from _filled(before, waiting, frame)
            waiting.clear()
            before = frame
            yield frame
        else:
            waiting.append(frame)
    yield from _filled(before, waiting, None)


def _filled(
    before: Seen[Rest] | None, waiting: list[Unseen[Rest]], after: Seen[Rest] | None
) -> Iterator[Seen[Rest]]:
    for number, frame in enumerate(waiting, 1):
        if before is None:
            raise ValueError("the first frame was not seen")
        share = number / (len(waiting) + 1) if after else 0.0
        yield Seen(frame.guide, frame.rest, carried(frame.guide, before, after, share))


def carried(
    guide: NDArray[np.uint8],
    before: Seen[Rest],
    after: Seen[Rest] | None,
    share: float,
) -> Float:
    """Carry the probability of two frames over to one between them.

    Parameters
    ----------
    guide : (h, w, 3) uint8, RGB
        The frame, reduced.
    before, after : Seen
        The segmented frames around it; None where none came after it.
    share : float
        0..1: how far it is from the one before to the one after.

    Returns
    -------
    (h, w) float32, 0..1
    """
    probability, misfit = _warped(guide, before)
    if after is None:
        return probability
    other, other_misfit = _warped(guide, after)
    first, second = (1 - share) / (MISFIT + misfit), share / (MISFIT + other_misfit)
    return np.asarray((first * probability + second * other) / (first + second), np.float32)


def _warped(guide: NDArray[np.uint8], source: Seen[Rest]) -> tuple[Float, Float]:
    """Return a frame's probability moved to where its pixels are now, and how badly it fits."""
    if min(guide.shape[:2]) < 16:  # too small for the flow's patches
        moved, picture = source.probability, source.guide
    else:
        gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (guide, source.guide)]
        flow = np.asarray(_flow().calc(gray[0], gray[1], None), np.float32)  # type: ignore[call-overload]  # None: it allocates
        flow[..., 0] += np.arange(guide.shape[1], dtype=np.float32)
        flow[..., 1] += np.arange(guide.shape[0], dtype=np.float32)[:, np.newaxis]
        moved, picture = (
            cv2.remap(image, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]  # None: one map
            for image in (source.probability, source.guide)
        )
    difference = functools.reduce(np.maximum, cv2.split(cv2.absdiff(guide, picture)))
    misfit = np.asarray(cv2.blur(difference.astype(np.float32), (5, 5)), np.float32)
    return np.asarray(np.clip(moved, 0, 1), np.float32), misfit


_flows = threading.local()


def _flow() -> cv2.DISOpticalFlow:
    """Return this thread's flow: it keeps buffers, and is not to be shared."""
    if not hasattr(_flows, "dis"):
        _flows.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    found: cv2.DISOpticalFlow = _flows.dis
    return found
