"""Where the time of one photo goes, stage by stage, without the stages knowing who asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, Protocol

Stage = Literal["preprocess", "segment", "mask", "blur", "composite"]
"""The stages of `make_portrait`, in order; blur and composite alternate, band by band."""

STAGES: tuple[Stage, ...] = ("preprocess", "segment", "mask", "blur", "composite")


class StageTimer(Protocol):
    """Called with a stage's name; the block under the context manager is that stage's work."""

    def __call__(self, stage: Stage, /) -> AbstractContextManager[None]:
        """Start the stage; it ends with the block."""
        ...


_NOTHING = nullcontext()


def untimed(stage: Stage, /) -> AbstractContextManager[None]:  # noqa: ARG001 - a StageTimer by shape
    """Measure nothing; the clock where none is given."""
    return _NOTHING


class Stopwatch:
    """A clock that adds up what each stage took.

    Attributes
    ----------
    seconds : dict of str to float
        Per stage, since the stopwatch was made.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> with watch("blur"):
    ...     pass
    >>> list(watch.seconds)
    ['preprocess', 'segment', 'mask', 'blur', 'composite']
    """

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def __call__(self, stage: Stage, /) -> Iterator[None]:
        """Add the time of the block to `stage`, also where the block raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start
