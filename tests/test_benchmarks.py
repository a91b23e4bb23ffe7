"""The suites in benchmarks/: what their JSON holds beside the times."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from toolkit.host import host_facts


def test_every_benchmark_carries_the_fingerprint_of_the_host(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "benchmarks/test_core.py", "-k", "mask and 640x480"),
            *("--benchmark-enable", "--benchmark-only", f"--benchmark-json={found}"),
            *("-p", "no:cacheprovider"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stdout
    benchmarks = json.loads(found.read_text())["benchmarks"]
    assert len(benchmarks) > 2
    here = json.loads(json.dumps(dataclasses.asdict(host_facts())))
    for benchmark in benchmarks:
        assert benchmark["extra_info"]["host"] == here
