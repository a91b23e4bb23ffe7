"""Work that overlaps, in order."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from toolkit.concurrency import Prefetcher, ordered_map

Made = TypeVar("Made")

WAIT = 20
"""Seconds until a test that hangs fails."""

DEPTH = 8


def failing(count: int) -> Iterator[int]:
    yield from range(count)
    raise ZeroDivisionError("later")


def test_an_iterator_that_runs_ahead_gives_its_items_in_order_and_ends() -> None:
    with Prefetcher(range(100), 3) as ahead:
        assert list(ahead) == list(range(100))
        assert list(ahead) == []


def test_it_runs_ahead_by_its_depth_and_no_further() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with Prefetcher(items(), 4) as ahead:
        assert next(ahead) == 0
        time.sleep(0.2)
        assert len(made) == 6  # taken, 4 waiting, one in hand


def test_an_error_comes_after_the_items_before_it_and_once() -> None:
    got: list[int] = []
    with Prefetcher(failing(3), 2) as ahead:
        with pytest.raises(ZeroDivisionError):
            got.extend(ahead)
        assert list(ahead) == []
    with Prefetcher(failing(3), 2) as ahead:
        assert [next(ahead) for _ in range(3)] == [0, 1, 2]


def test_its_thread_ends_with_the_block_though_items_are_left() -> None:
    before = threading.active_count()
    with Prefetcher(iter(int, 1), 2) as ahead:
        next(ahead)
    assert threading.active_count() == before


def test_a_map_over_a_pool_keeps_the_order() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    with ThreadPoolExecutor(3) as pool:
        assert list(ordered_map(slow_first, range(20), pool, 4)) == [n * n for n in range(20)]
        assert list(ordered_map(slow_first, [], pool, 4)) == []


def test_a_map_works_on_so_many_at_once_and_no_more() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = ordered_map(abs, items(), pool, 5)
        assert next(results) == 0
        assert len(taken) <= 5
        assert list(results) == list(range(1, 20))


def test_a_maps_error_comes_where_its_result_would() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = ordered_map(lambda number: 1 // (number - 2), range(5), pool, 3)
        assert [next(results), next(results)] == [-1, -1]
        with pytest.raises(ZeroDivisionError):
            next(results)


def ordered(items: Iterable[int], work: Callable[[int], Made], *, workers: int) -> Iterator[Made]:
    """Map over a pool of its own, a few items deep for each worker."""
    with ThreadPoolExecutor(workers) as pool:
        yield from ordered_map(work, items, pool, DEPTH * workers)


def test_results_come_in_the_order_of_the_items() -> None:
    last = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert last.wait(WAIT)  # the first is the last to be done
        if item == 7:
            last.set()
        return -item

    assert list(ordered(range(8), work, workers=3)) == [-item for item in range(8)]


def test_as_many_items_as_workers_are_worked_on_at_once() -> None:
    together = threading.Barrier(3)
    assert list(ordered(range(3), lambda _: together.wait(WAIT) >= 0, workers=3)) == [True] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_only_a_few_items_are_taken_ahead(workers: int) -> None:
    taken: list[int] = []
    yielded = 0

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    for _ in ordered(items(), lambda item: item, workers=workers):
        yielded += 1
        assert len(taken) - yielded < DEPTH * workers
    assert yielded == 100


def test_a_bug_keeps_its_traceback_and_ends_the_run() -> None:
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug") as raised:
        list(ordered(range(1000), work, workers=1))
    assert raised.traceback[-1].name == "work"
    assert len(begun) <= DEPTH + 1


def test_an_interrupt_ends_with_what_is_done() -> None:
    first, go_on = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield from range(3)
        assert first.wait(WAIT)
        threading.Timer(0.05, go_on.set).start()
        raise KeyboardInterrupt

    def work(item: int) -> int:
        first.set()
        assert go_on.wait(WAIT)
        return item

    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        done.extend(ordered(items(), work, workers=1))
    assert done == [0]  # it was running; the others had not begun


def test_one_more_interrupt_while_it_ends_leaves_no_thread_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined: list[threading.Thread] = []
    join = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        joined.append(thread)
        if len(joined) == 1:
            raise KeyboardInterrupt
        join(thread, timeout)

    with pytest.raises(KeyboardInterrupt), Prefetcher(itertools.count(), 1):
        monkeypatch.setattr(threading.Thread, "join", interrupted)
    assert len(joined) == 2
    assert not joined[0].is_alive()
