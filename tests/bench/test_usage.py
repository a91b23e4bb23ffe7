"""Counters of the system: what is read, and what isn't there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolkit.bench.usage import Usage, max_rss_bytes, rss_bytes, steal_ns


def test_steal_is_the_eighth_counter_of_all_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    (tmp_path / "stat").write_text("cpu  1 2 3 4 5 6 7 81 9 10\ncpu0 1 2 3 4 5 6 7 99 9 10\n")
    assert steal_ns(proc=tmp_path) == 810_000_000


@pytest.mark.parametrize("content", [None, "", "cpu 1 2 3\n", "cpu a b c d e f g h i\n"])
def test_where_the_system_does_not_say_it_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "stat").write_text(content)
    assert steal_ns(proc=tmp_path) is None
    assert max_rss_bytes(proc=tmp_path) is None


def test_the_largest_resident_memory_is_the_high_water_mark(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "status").write_text("VmRSS:\t 5 kB\nVmHWM:\t  2048 kB\n")
    assert max_rss_bytes(proc=tmp_path) == 2 * 2**20
    assert rss_bytes(proc=tmp_path) == 5 * 2**10


def test_what_was_added_is_counter_by_counter() -> None:
    before = Usage(1, 2, 3, 4, 5, 6, 7)
    after = Usage(11, 22, 33, 44, 55, 66, 77)
    assert after.since(before) == Usage(10, 20, 30, 40, 50, 60, 70)
    unknown = Usage(1, 2, 3, 4, 5, 6, None)
    assert after.since(unknown).steal_ns is None
    assert unknown.since(before).steal_ns is None
