"""What this process has used of the machine, and what others took from it, as the system counts."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Counters since the process began, or between two moments; fields as in `PhotoTimes`.

    Attributes
    ----------
    cpu_ns, wall_ns : int
    voluntary_switches, involuntary_switches : int
    minor_faults, major_faults : int
    steal_ns : int or None
        None where the system doesn't say.
    """

    cpu_ns: int
    wall_ns: int
    voluntary_switches: int
    involuntary_switches: int
    minor_faults: int
    major_faults: int
    steal_ns: int | None

    @classmethod
    def now(cls) -> Usage:
        """Read the counters; takes some ten microseconds."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(
            cpu_ns=time.process_time_ns(),
            wall_ns=time.perf_counter_ns(),
            voluntary_switches=used.ru_nvcsw,
            involuntary_switches=used.ru_nivcsw,
            minor_faults=used.ru_minflt,
            major_faults=used.ru_majflt,
            steal_ns=steal_ns(),
        )

    def since(self, before: Usage) -> Usage:
        """Return what was added since an earlier moment."""
        both_known = self.steal_ns is not None and before.steal_ns is not None
        return Usage(
            cpu_ns=self.cpu_ns - before.cpu_ns,
            wall_ns=self.wall_ns - before.wall_ns,
            voluntary_switches=self.voluntary_switches - before.voluntary_switches,
            involuntary_switches=self.involuntary_switches - before.involuntary_switches,
            minor_faults=self.minor_faults - before.minor_faults,
            major_faults=self.major_faults - before.major_faults,
            steal_ns=(self.steal_ns or 0) - (before.steal_ns or 0) if both_known else None,
        )

    def plus(self, other: Usage) -> Usage:
        """Return what was used in two spans together."""
        both_known = self.steal_ns is not None and other.steal_ns is not None
        return Usage(
            cpu_ns=self.cpu_ns + other.cpu_ns,
            wall_ns=self.wall_ns + other.wall_ns,
            voluntary_switches=self.voluntary_switches + other.voluntary_switches,
            involuntary_switches=self.involuntary_switches + other.involuntary_switches,
            minor_faults=self.minor_faults + other.minor_faults,
            major_faults=self.major_faults + other.major_faults,
            steal_ns=(self.steal_ns or 0) + (other.steal_ns or 0) if both_known else None,
        )


def steal_ns(*, proc: Path = PROC) -> int | None:
    """Return the time that a hypervisor gave to others since the host began, over all cores."""
    try:
        first = (proc / "stat").read_text(encoding="ascii", errors="replace").partition("\n")[0]
        # cpu user nice system idle iowait irq softirq steal guest guest_nice
        ticks = int(first.split()[8])
    except (OSError, IndexError, ValueError):  # no Linux, or a kernel that doesn't count it
        return None
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def max_rss_bytes(*, proc: Path = PROC) -> int | None:
    """Return the largest resident memory this process has had.

    Not from getrusage: its figure survives exec, so a child starts with its parent's.
    """
    return _status_bytes("VmHWM", proc)


def rss_bytes(*, proc: Path = PROC) -> int | None:
    """Return the resident memory of this process now."""
    return _status_bytes("VmRSS", proc)


def _status_bytes(field: str, proc: Path) -> int | None:
    try:
        status = (proc / "self" / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == field:
            return int(value.split()[0]) * 1024
    return None
