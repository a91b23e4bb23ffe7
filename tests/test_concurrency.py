"""Work that overlaps, in order."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from toolkit.concurrency import Prefetcher, ordered_map


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
        assert len(taken) == 5
        assert list(results) == list(range(1, 20))


def test_a_maps_error_comes_where_its_result_would() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = ordered_map(lambda number: 1 // (number - 2), range(5), pool, 3)
        assert [next(results), next(results)] == [-1, -1]
        with pytest.raises(ZeroDivisionError):
            next(results)


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
