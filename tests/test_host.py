"""Host facts: cores really available, read from faked control groups; facts without imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import __version__
from toolkit.host import available_cores, cpu_quota, host_facts, package_version


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def fake_tree(root: Path, own_groups: str, **files: str) -> Path:
    """Write ``/proc/self/cgroup`` and files below ``/sys/fs/cgroup``; ``__`` in a name is ``/``."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(own_groups)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "quota", "cores"),
    [
        ("max 100000", None, 8),
        ("150000 100000\n", 1.5, 1),
        ("200000 100000\n", 2.0, 2),
        ("50000 100000\n", 0.5, 1),
        ("390000 100000\n", 3.9, 3),
        ("1600000 100000\n", 16.0, 8),
        ("", None, 8),
        ("garbage", None, 8),
        ("one two", None, 8),
        ("100000 0", None, 8),
        ("100000 100000 100000", None, 8),
        ("-1 100000", None, 8),
    ],
)
def test_a_quota_of_version_2_limits_the_cores_rounded_down(
    tmp_path: Path, text: str, quota: float | None, cores: int
) -> None:
    root = fake_tree(tmp_path, "0::/\n", **{"cpu.max": text})
    assert cpu_quota(root=root) == quota
    assert available_cores(root=root) == cores


def test_affinity_limits_where_the_quota_is_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    root = fake_tree(tmp_path, "0::/\n", **{"cpu.max": "400000 100000"})
    assert available_cores(root=root) == 2


def test_without_affinity_the_hosts_count_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores(root=tmp_path) == 6


@pytest.mark.parametrize(
    ("own", "parent", "top", "cores"),
    [
        ("max 100000", "300000 100000", "max 100000", 3),
        ("200000 100000", "300000 100000", "500000 100000", 2),
        ("500000 100000", "max 100000", "400000 100000", 4),
    ],
)
def test_the_smallest_limit_of_a_group_and_its_ancestors_counts(
    tmp_path: Path, own: str, parent: str, top: str, cores: int
) -> None:
    root = fake_tree(
        tmp_path,
        "0::/user.slice/job\n",
        **{"cpu.max": top, "user.slice__cpu.max": parent, "user.slice__job__cpu.max": own},
    )
    assert available_cores(root=root) == cores


def test_the_limit_of_another_group_is_not_taken(tmp_path: Path) -> None:
    root = fake_tree(tmp_path, "0::/mine\n", **{"other__cpu.max": "100000 100000"})
    assert available_cores(root=root) == 8


def test_a_hosts_path_inside_a_container_falls_back_to_the_mount(tmp_path: Path) -> None:
    root = fake_tree(tmp_path, "0::/docker/abc\n", **{"cpu.max": "200000 100000"})
    assert available_cores(root=root) == 2


def test_a_path_outside_the_namespace_never_leaves_the_mount(tmp_path: Path) -> None:
    root = fake_tree(tmp_path, "0::/../../evil\n", **{"cpu.max": "300000 100000"})
    (tmp_path / "sys/evil").mkdir()
    (tmp_path / "sys/evil/cpu.max").write_text("100000 100000")
    assert available_cores(root=root) == 3


@pytest.mark.parametrize("folder", ["cpu,cpuacct", "cpu"])
def test_a_quota_of_version_1_limits_the_cores(tmp_path: Path, folder: str) -> None:
    root = fake_tree(
        tmp_path,
        "4:cpu,cpuacct:/job\n3:memory:/job\n",
        **{
            f"{folder}__cpu.cfs_quota_us": "-1\n",
            f"{folder}__cpu.cfs_period_us": "100000\n",
            f"{folder}__job__cpu.cfs_quota_us": "250000\n",
            f"{folder}__job__cpu.cfs_period_us": "100000\n",
        },
    )
    assert cpu_quota(root=root) == 2.5
    assert available_cores(root=root) == 2


def test_a_cpuset_is_not_taken_for_the_cpu_controller(tmp_path: Path) -> None:
    root = fake_tree(
        tmp_path,
        "3:cpuset:/\n",
        **{"cpuset__cpu.cfs_quota_us": "100000", "cpuset__cpu.cfs_period_us": "100000"},
    )
    assert available_cores(root=root) == 8


def test_both_versions_side_by_side_are_read(tmp_path: Path) -> None:
    root = fake_tree(
        tmp_path,
        "1:cpu:/\n0::/job\n",
        **{
            "cpu__cpu.cfs_quota_us": "500000",
            "cpu__cpu.cfs_period_us": "100000",
            "unified__job__cpu.max": "300000 100000",
        },
    )
    assert available_cores(root=root) == 3


@pytest.mark.parametrize("own_groups", ["", "garbage\n", "1:cpu\n"])
def test_unreadable_control_groups_set_no_limit(tmp_path: Path, own_groups: str) -> None:
    root = fake_tree(tmp_path / "fake", own_groups)
    assert available_cores(root=root) == 8
    assert available_cores(root=tmp_path / "nothing here") == 8


@given(text=st.text(max_size=40))
def test_no_text_in_the_files_breaks_the_count(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    root = fake_tree(tmp_path_factory.mktemp("any"), text.replace("\x00", ""))
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/cpu.max").write_text(text, encoding="utf-8", errors="replace")
    assert 1 <= available_cores(root=root) <= 8


def test_the_processor_is_read_from_cpuinfo(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(
        "model name\t: Fast CPU\nflags\t\t: fpu avx2 amx_tile avx512_vnni\n\n"
        "model name\t: Another\nflags\t\t: avx512f\n"
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('NAME=x\nPRETTY_NAME="Some Linux 1"\n')
    facts = host_facts(root=tmp_path)
    assert facts.cpu == "Fast CPU"
    assert facts.cpu_flags == ("amx_tile", "avx2", "avx512_vnni")
    assert facts.system == "Some Linux 1"


def test_facts_of_an_unknown_system_are_still_facts(tmp_path: Path) -> None:
    facts = host_facts(root=tmp_path)
    assert facts.cpu
    assert facts.system
    assert facts.cpu_flags == ()


def test_this_machine_has_facts() -> None:
    facts = host_facts()
    assert facts.memory_bytes is None or facts.memory_bytes > 2**20
    assert facts.versions["toolkit"] == __version__
    assert facts.versions["numpy"]
    assert package_version("no-such-package") is None


def test_collecting_facts_imports_no_runtime() -> None:
    heavy = "{'tensorflow', 'onnxruntime', 'cv2', 'numpy', 'onnx', 'PIL'}"
    code = f"import sys, toolkit.host as h; h.host_facts(); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
