"""One process: whose packages it finds, which protocol it speaks, and replies that are none."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

import toolkit
from tests.conftest import ROOT
from toolkit.bench.photos import BenchPhoto
from toolkit.bench.processes import Death, run_worker
from toolkit.bench.run import run_bench
from toolkit.bench.schema import BenchSettings
from toolkit.bench.variants import Variant
from toolkit.bench.worker import PROTOCOL, Request
from toolkit.errors import BackendError
from toolkit.hub.model import resolve_model

QUICK = BenchSettings(rounds=1, iterations=1, warmup=0, threads=1)
PHOTO = BenchPhoto("noise", np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
REQUEST = Request(
    protocol=PROTOCOL,
    backend="onnx",
    artifact="net.onnx",
    model="net",
    labels=None,
    trusted=False,
    photos=(),
    round=0,
    order=0,
    iterations=1,
    warmup=0,
    warmup_seconds=None,
    threads=1,
    workers=1,
    provider=None,
    kernel=13,
    subject="person",
)


@dataclasses.dataclass(frozen=True)
class Environment:
    """Another environment, with a toolkit of its own beside the packages of this one."""

    root: Path

    @property
    def python(self) -> str:
        return str(self.root / "env" / "bin" / "python")

    def speak(self, protocol: int) -> None:
        """Have its worker speak another protocol."""
        worker = self.root / "source" / "toolkit" / "bench" / "worker.py"
        text = (ROOT / "toolkit" / "bench" / "worker.py").read_text()
        assert f"PROTOCOL = {PROTOCOL}\n" in text
        worker.write_text(text.replace(f"PROTOCOL = {PROTOCOL}\n", f"PROTOCOL = {protocol}\n"))


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    venv.create(tmp_path / "env", symlinks=True)
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "toolkit", source / "toolkit", ignore=shutil.ignore_patterns("__pycache__")
    )
    package = source / "toolkit" / "__init__.py"
    here = f'__version__ = "{toolkit.__version__}"'
    assert here in package.read_text()
    package.write_text(package.read_text().replace(here, '__version__ = "0.0.other"'))
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "other.pth").write_text(f"{source}\n{sysconfig.get_path('purelib')}\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # must not reach it
    return Environment(tmp_path)


def test_another_interpreter_measures_with_its_own_toolkit(other: Environment) -> None:
    foreign = Variant("onnx", python=other.python)
    report = run_bench(
        resolve_model("mnv2_dm05_person"),
        [PHOTO],
        [Variant("onnx"), foreign],
        QUICK,
        baseline=foreign,
    )
    assert (report.failures, report.skipped) == ((), ())
    assert report.baseline == str(foreign)
    versions = {times.name: times.versions["toolkit"] for times in report.variants}
    assert versions == {"onnx": toolkit.__version__, str(foreign): "0.0.other"}


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(("protocol", "side"), [(PROTOCOL - 1, "older"), (PROTOCOL + 1, "newer")])
def test_another_protocol_is_refused_and_the_parent_says_which_side_is_older(
    other: Environment, protocol: int, side: str, interleaved: bool
) -> None:
    settings = dataclasses.replace(QUICK, interleaved=interleaved)
    other.speak(protocol)
    variant = Variant("onnx", python=other.python)
    with pytest.raises(BackendError) as caught:
        run_bench(resolve_model("mnv2_dm05_person"), [PHOTO], [variant], settings)
    assert str(caught.value).endswith(
        f"its toolkit is {side} than this one (worker protocol {protocol}, here {PROTOCOL})"
    )
    assert "\n" not in str(caught.value)


def test_the_first_workers_had_no_number_and_are_older() -> None:
    reply = json.dumps({"version": "1", "provider": "CPU", "threads": 1, "measured": {}})
    death = run_worker(REQUEST, (sys.executable, "-c", f"print('{reply}')"), 60)
    assert isinstance(death, Death)
    assert death.problem.startswith("its toolkit is older than this one (worker protocol 1")


@pytest.mark.parametrize(
    ("printed", "problem"),
    [
        ("{}", "gave no valid reply (protocol is missing)"),
        ("[]", "gave no valid reply (the document is not an object)"),
        ("", "gave no valid reply (the document is not an object)"),
        ("hello", "gave no valid reply (Expecting value: line 1 column 1 (char 0))"),
        (f'{{"protocol": {PROTOCOL}}}', "gave no valid reply (version is missing)"),
    ],
)
def test_a_reply_that_is_none_is_said(printed: str, problem: str) -> None:
    assert run_worker(REQUEST, (sys.executable, "-c", f"print({printed!r})"), 60) == Death(problem)


def test_an_environment_without_toolkit_is_said(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    variant = Variant("onnx", python=str(tmp_path / "env" / "bin" / "python"))
    with pytest.raises(BackendError, match="No module named 'toolkit'"):
        run_bench(resolve_model("mnv2_dm05_person"), [PHOTO], [variant], QUICK)


def test_what_cant_be_started_is_said(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("no program")
    program.chmod(0o755)
    death = run_worker(REQUEST, (str(program),), 60)
    assert isinstance(death, Death)
    assert "can't be started (Exec format error)" in death.problem
