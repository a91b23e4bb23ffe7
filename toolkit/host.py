"""What this machine is: the cores this process may really use, the processor, the versions.

Thread pools of runtimes ask the host how many cores there are; inside a container that is the wrong
number. What counts is the smaller of the process's CPU affinity and the quota of its control group.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

RELEVANT_FLAGS = frozenset(
    {
        *("sse4_1", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw"),
        *("avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"),
        *("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2"),  # ARM
    }
)
"""Instruction sets that decide how fast convolutions run."""

PACKAGES = (
    "toolkit",
    "numpy",
    "opencv-python",
    "onnxruntime",
    "openvino",
    "pillow",
    "typer",
    "tensorflow",
    "tf2onnx",
    "onnx",
    "scikit-image",
)
"""Distributions whose versions change what is computed or how fast."""

ROOT = Path("/")


@dataclass(frozen=True)
class HostFacts:
    """What to know of a machine to read a bug report or a measurement.

    Attributes
    ----------
    system, kernel, machine : str
        Such as ``Debian GNU/Linux 12 (bookworm)``, ``6.1.0`` and ``x86_64``.
    cpu : str
        The processor's name.
    cpu_flags : tuple of str
        Instruction sets it has, of those that matter for convolutions; sorted.
    logical_cores : int
        Of the host, whether this process may use them or not.
    affinity : int
        Cores this process may be scheduled on.
    cpu_quota : float or None
        Cores' worth of time its control groups allow; None: no limit.
    available_cores : int
        What a thread pool should use, see `available_cores`.
    memory_bytes : int or None
        Physical memory.
    python : str
        Version of the interpreter.
    versions : dict of str to (str or None)
        Version of each package in `PACKAGES`; None where it isn't installed.
    """

    system: str
    kernel: str
    machine: str
    cpu: str
    cpu_flags: tuple[str, ...]
    logical_cores: int
    affinity: int
    cpu_quota: float | None
    available_cores: int
    memory_bytes: int | None
    python: str
    versions: dict[str, str | None]


def limit_opencv(threads: int | None = None) -> None:
    """Give OpenCV as many threads as a photo may have: its own count knows not every quota.

    Parameters
    ----------
    threads : int, optional
        By default the cores this process may use.
    """
    import cv2

    cv2.setNumThreads(threads or available_cores())


def available_cores(*, root: Path = ROOT) -> int:
    """Return how many cores a thread pool of this process should use.

    The smaller of affinity and quota. A quota between two whole numbers is rounded down, at least
    to 1: a pool larger than its quota spends it before the period (0.1 s) ends, and then all its
    threads stand still until the next one begins, worker threads that spin while they wait
    included; a pool that fits is never throttled, and its times are steady.

    Parameters
    ----------
    root : Path
        Where ``/proc`` and ``/sys`` lie.

    Returns
    -------
    int
        1 or more.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    quota = cpu_quota(root=root)
    cores = affinity()
    return max(1, cores if quota is None else min(cores, math.floor(quota)))


def affinity() -> int:
    """Return how many cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(*, root: Path = ROOT) -> float | None:
    """Return the CPU time the control groups of this process allow, in cores.

    A group's limit holds for everything below it, so the smallest of the group's own and all its
    ancestors' counts. Version 2 (``cpu.max``), version 1 (``cpu.cfs_quota_us``) and the two side by
    side are read; what is missing or unreadable sets no limit.

    Parameters
    ----------
    root : Path
        Where ``/proc`` and ``/sys`` lie.

    Returns
    -------
    float or None
        None: no limit.
    """
    quotas = [quota for folder in _cpu_groups(root) if (quota := _group_quota(folder)) is not None]
    return min(quotas, default=None)


def _cpu_groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's CPU groups and their ancestors, up to the mounts.

    Inside a container the path may be the host's and the mount the container's own group: folders
    that don't exist are passed over, and the mount itself always comes last.
    """
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, separator, path = rest.partition(":")
        if not separator:
            continue
        if not controllers:  # version 2: alone, or beside version 1 in a folder of its own
            hierarchies = [mount, mount / "unified"]
        elif "cpu" in controllers.split(","):
            hierarchies = [mount / controllers, mount / "cpu"]
        else:
            continue
        # a path outside the group's namespace starts with "/.."; nothing there is visible
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for hierarchy in hierarchies:
            for depth in range(len(parts), -1, -1):
                yield hierarchy.joinpath(*parts[:depth])


def _group_quota(folder: Path) -> float | None:
    """Return the limit one group sets, in cores."""
    fields = _read(folder / "cpu.max").split() or [
        *_read(folder / "cpu.cfs_quota_us").split(),
        *_read(folder / "cpu.cfs_period_us").split(),
    ]
    try:
        quota, period = (int(field) for field in fields)
    except ValueError:  # "max", nothing, or nothing sensible
        return None
    return quota / period if quota > 0 and period > 0 else None


def host_facts(*, root: Path = ROOT) -> HostFacts:
    """Collect the facts; imports no package and takes milliseconds.

    Parameters
    ----------
    root : Path
        Where ``/proc``, ``/sys`` and ``/etc`` lie.

    Returns
    -------
    HostFacts
    """
    cpu = _cpu_fields(root)
    flags = (cpu.get("flags") or cpu.get("Features") or "").split()
    return HostFacts(
        system=_system_name(root),
        kernel=platform.release(),
        machine=platform.machine(),
        cpu=cpu.get("model name") or platform.processor() or "unknown",
        cpu_flags=tuple(sorted(RELEVANT_FLAGS.intersection(flags))),
        logical_cores=os.cpu_count() or 1,
        affinity=affinity(),
        cpu_quota=cpu_quota(root=root),
        available_cores=available_cores(root=root),
        memory_bytes=_memory_bytes(),
        python=platform.python_version(),
        versions={package: package_version(package) for package in PACKAGES},
    )


def package_version(package: str) -> str | None:
    """Return the version of an installed distribution without importing it, None where absent.

    >>> package_version("no-such-package") is None
    True
    """
    if package == "toolkit":
        from toolkit import __version__

        return __version__  # also where it runs from a source tree and isn't installed
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_fields(root: Path) -> dict[str, str]:
    """Return the first processor's fields of ``/proc/cpuinfo``."""
    first, _, _ = _read(root / "proc/cpuinfo").partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _system_name(root: Path) -> str:
    for line in _read(root / "etc/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip('"')
    return platform.system()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):  # a system without these names
        return None


def _read(path: Path) -> str:
    """Return a file's text, empty where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
