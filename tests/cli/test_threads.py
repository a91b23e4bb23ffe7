"""Thread pools fit the cores this process may really use: real processes, real pools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import pytest

from tests.conftest import ROOT
from tests.support.samples import random_photo
from toolkit.bench.files import read_report

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="affinity and control groups are Linux's"
)

LIMITED = """
import json, os, pathlib

faked = json.loads(os.environ["FAKED_GROUPS"])
read_text = pathlib.Path.read_text

def read_faked(path, *arguments, **options):
    if str(path) in faked:
        return faked[str(path)]
    if str(path).startswith("/sys/fs/cgroup/"):
        raise FileNotFoundError(path)
    return read_text(path, *arguments, **options)

pathlib.Path.read_text = read_faked
allowed = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, allowed[:int(os.environ["CORES"])])  # as taskset does
"""
"""Run by every interpreter that is started, workers included: this machine's groups are others."""

COUNTING = """
import json, os, sys
import cv2
import numpy as np
import onnxruntime
import toolkit.backends.onnx
from toolkit.cli import main
from toolkit.serving import batch

Session, asked, added = onnxruntime.InferenceSession, [], []

def opening(model, sess_options=None, **options):
    asked.append(sess_options.intra_op_num_threads)
    start = count()
    session = Session(model, sess_options, **options)
    added.append(count() - start)
    return session

onnxruntime.InferenceSession = opening

def count():
    return len(os.listdir("/proc/self/task"))

before = count()
write = batch.write_atomically

def counting(*arguments, **options):
    write(*arguments, **options)
    # the pool of OpenCV begins with its first work that is large enough
    cv2.blur(np.zeros((2000, 2000, 3), np.uint8), (9, 9))
    found = {"opened": added[-1], "all": count() - before, "opencv": cv2.getNumThreads()}
    sys.stdout.write(json.dumps({**found, "asked": asked}) + chr(10))  # whole, whoever else writes

batch.write_atomically = counting
main()
"""
"""The command line, that says of its pools while a session is open."""


@dataclass(frozen=True)
class Limit:
    """What holds a process: files of control groups, how many cores of affinity."""

    cores: int
    files: dict[str, str] = field(default_factory=lambda: {"/proc/self/cgroup": ""})
    affinity: int | None = None


ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
GROUPS = "/sys/fs/cgroup"
LIMITS = {
    "none": Limit(ALL),
    "affinity": Limit(1, affinity=1),
    "version 2": Limit(
        1, {"/proc/self/cgroup": "0::/box\n", f"{GROUPS}/box/cpu.max": "100000 100000\n"}
    ),
    "version 2, an ancestor's": Limit(
        1,
        {
            "/proc/self/cgroup": "0::/pod/box\n",
            f"{GROUPS}/pod/cpu.max": "150000 100000\n",
            f"{GROUPS}/pod/box/cpu.max": "max 100000\n",
        },
    ),
    "version 2, none set": Limit(
        ALL, {"/proc/self/cgroup": "0::/box\n", f"{GROUPS}/box/cpu.max": "max 100000\n"}
    ),
    "version 1": Limit(
        1,
        {
            "/proc/self/cgroup": "4:cpu,cpuacct:/box\n",
            f"{GROUPS}/cpu,cpuacct/box/cpu.cfs_quota_us": "50000\n",
            f"{GROUPS}/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
        },
    ),
}

Run = Callable[..., str]


@pytest.fixture(params=LIMITS)
def limit(request: pytest.FixtureRequest) -> Limit:
    """Each kind of limit."""
    return LIMITS[request.param]


@pytest.fixture
def run(limit: Limit, tmp_path: Path) -> Run:
    """Run Python under the limit; returns stdout."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(LIMITED)
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}",
        "FAKED_GROUPS": json.dumps(limit.files),
        "CORES": str(limit.affinity or ALL),
    }

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Any photo."""
    cv2.imwrite(str(tmp_path / "photo.png"), random_photo(1, 120, 160))
    return tmp_path / "photo.png"


def test_info_says_how_many_threads_every_backend_gets(run: Run, limit: Limit) -> None:
    document = json.loads(run("-m", "toolkit", "info", "--json"))
    assert document["host"]["available_cores"] == limit.cores
    assert {backend["threads"] for backend in document["backends"]} == {limit.cores}


def test_the_pools_of_a_portrait_have_that_many(
    run: Run, limit: Limit, photo: Path, tmp_path: Path
) -> None:
    said = run("-c", COUNTING, "portrait", photo, "-o", tmp_path / "made.png", "-q").splitlines()
    pools = json.loads(next(line for line in said if line.startswith("{")))
    # the thread that calls works too: a pool of n has n - 1 of its own, and there are two; the
    # worker that calls is a thread besides
    assert (pools["opened"], pools["opencv"]) == (limit.cores - 1, limit.cores)
    assert pools["all"] == 2 * (limit.cores - 1) + 1
    assert 0 not in pools["asked"]  # no session is left to the runtime's default, which knows less


def test_of_many_photos_each_core_has_a_worker_and_no_pool_has_threads(
    run: Run, limit: Limit, tmp_path: Path
) -> None:
    for number in range(2 * limit.cores):
        cv2.imwrite(str(tmp_path / f"{number}.png"), random_photo(number, 120, 160))
    made = tmp_path / "made"
    said = run("-c", COUNTING, "portrait", tmp_path, "-o", made, "-q").splitlines()
    found = [json.loads(line) for line in said if line.startswith("{")]
    assert len(found) == 2 * limit.cores
    assert {(pools["opened"], pools["opencv"]) for pools in found} == {(0, 1)}
    assert max(pools["all"] for pools in found) == limit.cores


@pytest.mark.parametrize("limit", ["affinity", "version 2"], indirect=True)
def test_a_bench_measures_with_that_many(
    run: Run, limit: Limit, photo: Path, tmp_path: Path
) -> None:
    short = ("--rounds", "1", "--iterations", "1", "--warmup", "0", "--variant", "onnx")
    run("-m", "toolkit", "bench", photo, *short, "-q", "--output", tmp_path / "bench.json")
    report = read_report(tmp_path / "bench.json")
    assert report.settings.threads == report.variants[0].threads == limit.cores
