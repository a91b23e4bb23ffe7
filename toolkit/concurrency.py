"""Work that overlaps: a prefetching iterator, and a map over a pool in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

Progress = Callable[[int, int | None], None]
"""Called with what is done and of how much, where that is known."""

POLL = 0.1
"""Seconds after which a thread that waits looks whether anyone still wants its work."""


class Prefetcher(Generic[Item]):
    """Iterates over something in a thread of its own, a bounded number of items ahead.

    A context manager: at its end the thread is. What the thread raises is raised here, after the
    items before it.

    Parameters
    ----------
    items : iterable
        Not touched by anyone else.
    depth : int
        How many items may wait.
    """

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self._waiting: queue.Queue[Item] = queue.Queue(depth)
        self._unwanted = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(items,), daemon=True)

    def _run(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                while not self._unwanted.is_set():
                    try:
                        self._waiting.put(item, timeout=POLL)
                        break
                    except queue.Full:
                        continue
                if self._unwanted.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the items are taken
            self._error = error

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        while True:
            ended = not self._thread.is_alive()  # before looking: nothing can come after it
            try:
                return self._waiting.get(block=not ended, timeout=POLL)
            except queue.Empty:
                if not ended:
                    continue
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            raise StopIteration

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unwanted.set()
        try:
            self._thread.join()
        except BaseException:  # one more interrupt: the thread still uses what is closed next
            self._thread.join()
            raise


def ordered_map(
    function: Callable[[Item], Made], items: Iterable[Item], pool: ThreadPoolExecutor, depth: int
) -> Iterator[Made]:
    """Map over a pool's threads; results come in the items' order, each as soon as it can.

    Parameters
    ----------
    function : callable
        May run in several threads at once. What it raises is raised here, in its place.
    items : iterable
        Taken one by one.
    pool : ThreadPoolExecutor
    depth : int
        How many items are in work or done and not taken.

    Yields
    ------
    object
        After an interrupt what was begun, in order, and then the `KeyboardInterrupt`.
    """
    working: deque[Future[Made]] = deque()
    try:
        for item in items:
            working.append(pool.submit(function, item))
            while working and (working[0].done() or len(working) >= depth):
                yield _first(working)
        while working:
            yield _first(working)
    except KeyboardInterrupt:
        for future in working:
            future.cancel()  # what is running comes to its end
        while working and not working[0].cancelled():
            yield _first(working)
        raise
    finally:
        for future in working:
            future.cancel()


def _first(working: deque[Future[Made]]) -> Made:
    result = working[0].result()  # stays in the queue where the wait is interrupted
    working.popleft()
    return result
