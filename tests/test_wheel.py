"""The built sdist and wheel, the wheel in clean environments with what its metadata declares.

The environments lie outside the source tree. No index is asked: each declared distribution is
linked in from the environment that runs the tests, found by walking the requirements as an
installer does. What isn't declared isn't there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import toolkit
from tests.bench.reports import make_report
from tests.conftest import ROOT
from toolkit.bench.files import write_report


@dataclass(frozen=True)
class Installation:
    """A clean environment with the wheel in it, and a home of its own."""

    root: Path

    @property
    def work(self) -> Path:
        """The folder that commands run in; nothing of the source tree is near it."""
        return self.root / "work"

    @property
    def home(self) -> Path:
        """The user's home folder, with the data folder in it."""
        return self.root / "home"

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, offline, with next to no variables set."""
        program, *rest = arguments
        return subprocess.run(
            [self.root / "env" / "bin" / program, *rest],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.work,
            env={
                "HOME": str(self.home),
                "XDG_DATA_HOME": str(self.home / "share"),
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "TOOLKIT_OFFLINE": "1",
            },
        )

    def toolkit(self, *arguments: str | Path) -> str:
        """Run the installed command; return its stdout, fail with its stderr."""
        run = self.run("toolkit", *arguments)
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an sdist and the wheel made of it: DIST, or built by this environment."""
    if "DIST" in os.environ:
        return Path(os.environ["DIST"])
    folder = tmp_path_factory.mktemp("dist")
    python_module("build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    """The source distribution."""
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def serving(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The base install: what serving an exported ONNX file needs."""
    return installation(wheel, tmp_path_factory.mktemp("serving"), extras=())


@pytest.fixture(scope="module")
def complete(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The install with every extra that the demo needs."""
    return installation(wheel, tmp_path_factory.mktemp("complete"), extras=("convert", "demo"))


@pytest.fixture(scope="module")
def reporting(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The install that can make pages."""
    return installation(wheel, tmp_path_factory.mktemp("reporting"), extras=("report",))


def installation(wheel: Path, root: Path, *, extras: tuple[str, ...]) -> Installation:
    """Make an environment of the wheel and, by links, of what it declares."""
    for name in ("work", "home"):
        (root / name).mkdir()
    venv.create(root / "env", symlinks=True)
    packages = next((root / "env" / "lib").glob("python*/site-packages"))
    (described,) = metadata.distributions(path=[str(unpacked_metadata(wheel, root))])
    for distribution in closure(described, extras):
        link(distribution, packages)
    python = root / "env" / "bin" / "python"
    options = ("--isolated", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    python_module("pip", *options, wheel)
    return Installation(root)


def python_module(*arguments: str | Path) -> None:
    """Run a module of the environment that runs the tests."""
    run = subprocess.run(
        [sys.executable, "-m", *arguments], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def unpacked_metadata(wheel: Path, root: Path) -> Path:
    """Unpack the wheel's metadata, which says what it needs."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ".dist-info/" in name:
                archive.extract(name, root / "metadata")
    return root / "metadata"


def closure(
    root: metadata.Distribution, extras: tuple[str, ...]
) -> Iterable[metadata.Distribution]:
    """Walk the requirements, transitively, as an installer resolves them here."""
    seen: set[tuple[str, str]] = set()
    waiting = [(root, extra) for extra in ("", *extras)]
    found: dict[str, metadata.Distribution] = {}
    while waiting:
        distribution, extra = waiting.pop()
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            name = canonicalize_name(requirement.name)
            found.setdefault(name, metadata.distribution(name))
            assert requirement.specifier.contains(found[name].version, prereleases=True), (
                requirement
            )
            for wanted in ("", *requirement.extras):
                if (name, wanted) not in seen:
                    seen.add((name, wanted))
                    waiting.append((found[name], wanted))
    return found.values()


def link(distribution: metadata.Distribution, packages: Path) -> None:
    """Link a distribution's files and folders into an environment."""
    files = distribution.files
    assert files, distribution.name
    tops = {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        source, target = Path(str(distribution.locate_file(top))), packages / top
        if top == "cv2":  # its loader looks for its own real path in sys.path: no link will do
            shutil.copytree(source, target)
        elif not target.exists():
            target.symlink_to(source)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small photo of nothing much."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    ramp = np.linspace(0, 255, 96 * 64 * 3).reshape(64, 96, 3)
    Image.fromarray(ramp.astype(np.uint8)).save(path)
    return path


def test_the_wheel_holds_the_networks_the_license_and_the_types_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "toolkit/py.typed",
        "toolkit/_models/catalog.toml",
        "toolkit/_models/mnv2_dm05_person/frozen_inference_graph.pb",
        "toolkit/_models/mnv2_dm05_person/mnv2_dm05_person.plain-logits.opset18.onnx",
        "toolkit/_models/mnv2_dm05_person/mnv2_dm05_person.plain-logits.opset18.onnx.json",
        "toolkit/_models/mnv2_dm05_person/README.md",
        "toolkit/report/templates/report.html.j2",
        "toolkit/report/templates/report.css",
    ):
        assert wanted in names
    for wanted in ("LICENSE", "NOTICE"):
        assert [name for name in names if name.endswith(f".dist-info/licenses/{wanted}")]
    tops = {name.split("/")[0].partition("-")[0] for name in names}
    assert tops == {"toolkit", "deeplab_toolkit"}  # the package, and what describes it
    assert not [name for name in names if re.search(r"tests?/|/test_|conftest|\.pyc$", name)]


def test_the_sdist_holds_what_the_wheel_is_made_of_and_no_fetched_model(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    for wanted in ("LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml"):
        assert wanted in names
    folders = {name.split("/")[1] for name in names if re.match(r"models/[^/]+/", name)}
    assert folders == {"mnv2_dm05_person", "training"}
    assert not [name for name in names if re.search(r"(^|/)(tests?|\.venv|shared)/|\.pyc$", name)]


def test_the_bundled_network_is_small(wheel: Path) -> None:
    for entry in zipfile.ZipFile(wheel).infolist():
        assert entry.file_size <= 3_000_000, entry.filename


def test_the_base_install_has_no_tensorflow_and_no_scikit_image(serving: Installation) -> None:
    for package in ("tensorflow", "tf2onnx", "onnx", "skimage", "pytest"):
        run = serving.run("python", "-c", f"import {package}")
        assert f"No module named '{package}'" in run.stderr


def test_the_version_of_the_metadata_is_that_of_the_package(serving: Installation) -> None:
    asked = "from importlib import metadata; print(metadata.version('deeplab-toolkit'))"
    assert serving.run("python", "-c", asked).stdout.strip() == toolkit.__version__


def test_the_command_is_the_installed_one(serving: Installation) -> None:
    run = serving.run("python", "-c", "import toolkit; print(toolkit.__file__)")
    assert Path(run.stdout.strip()).is_relative_to(serving.root / "env")
    assert serving.toolkit("--version").startswith("toolkit ")


def test_help_lists_the_commands(serving: Installation) -> None:
    listing = serving.toolkit("--help")
    for command in ("fetch", "verify", "convert", "portrait", "parity", "bench", "demo"):
        assert command in listing


def test_info_names_the_store_in_the_users_folder(serving: Installation) -> None:
    assert str(serving.home / "share" / "toolkit") in serving.toolkit("info", "--json")


def test_models_lists_the_catalog_and_the_bundled_network(serving: Installation) -> None:
    listing = json.dumps(json.loads(serving.toolkit("models", "--json")))
    assert "deeplabv3_mnv2_pascal_train_aug_2018_01_29" in listing
    assert "mnv2_dm05_person" in listing


def test_portrait_needs_only_the_base_install(serving: Installation, photo: Path) -> None:
    serving.toolkit("portrait", photo, "-o", "portrait.png")
    with Image.open(photo) as before, Image.open(serving.work / "portrait.png") as after:
        assert before.size == after.size


def test_onnx_runtime_leaves_no_device_identifier_to_report_under(
    serving: Installation, photo: Path
) -> None:
    serving.toolkit("portrait", photo, "-o", "quiet.png")
    assert not list(serving.home.rglob("*onnxruntime*"))


@pytest.mark.parametrize("command", ["verify", "convert"])
def test_a_command_that_needs_tensorflow_names_the_extra(
    serving: Installation, command: str
) -> None:
    run = serving.run("toolkit", command)
    assert run.returncode == 3
    assert "install the convert extra" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_the_demo_without_its_extras_names_one(serving: Installation) -> None:
    run = serving.run("toolkit", "demo")
    assert run.returncode == 3
    assert "extra" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_page_without_its_extra_names_it(serving: Installation) -> None:
    run = serving.run("toolkit", "report", "result.json")
    assert run.returncode == 3
    assert "install the report extra" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_page_is_made_from_the_installed_templates(reporting: Installation) -> None:
    result = reporting.work / "result.json"
    write_report(result, make_report({"tf": [[4, 5], [6, 7]], "onnx": [[1, 2], [2, 3]]}))
    reporting.toolkit("report", result, "-o", "page.html")
    assert (reporting.work / "page.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_demo_does_the_whole_job_with_the_extras(complete: Installation) -> None:
    complete.toolkit("demo")
    folder = complete.home / "share" / "toolkit" / "exported" / "demo"
    assert json.loads((folder / "summary.json").read_text())
    for suffix in (".onnx", ".onnx.json", ".png"):
        assert list(folder.glob(f"*{suffix}"))
