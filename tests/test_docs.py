"""The documentation: complete, its examples run, its links lead somewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer

from tests.bench.reports import make_report
from tests.conftest import Command
from tests.evaluate.datasets import square, write_folder
from tests.evaluate.evaluations import make_evaluation
from tests.graphs.saved_models import write_scores, write_tf1
from toolkit.bench.files import write_report
from toolkit.bench.schema import BenchReport
from toolkit.cli import app
from toolkit.evaluate.files import write_evaluation
from toolkit.hub.catalog import GRAPH_FILE, load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import demo_photo, read_photo, write_photo
from toolkit.portrait import PERSON, Tutorial, make_portrait

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted(  # not those of fetched models
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("models/*/*.md"))
    if path.with_name(GRAPH_FILE).exists() == (path.parent.parent.name == "models")
)
SHARED_OPTIONS = "Options that several commands share"
NETWORK_NEEDED = {"toolkit fetch"}
CHEAP = {"portrait", "models", "info", "compare", "--version"}
"""Commands that need no TensorFlow."""
WITH_TENSORFLOW = {"fetch", "inspect", "verify", "convert", "parity", "evaluate", "demo"}
"""Commands that import it themselves: one process runs them all, and imports it once."""
SHORTER = {
    "bench": ["--rounds", "1", "--iterations", "3", "--warmup", "2"],
    "gate": ["--rounds", "7", "--iterations", "2"],
    "recommend": ["--model", "my_network+plain"],
}
"""Said last, so it counts: minutes more of the same would show nothing else."""

root_command: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = root_command.commands


def section(title: str) -> str:
    """The text under a heading of the README, up to the next one."""
    _, found, rest = README.partition(f"### {title}\n")
    assert found, f"README has no section {title!r}"
    return re.split(r"^#{2,3} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows_of(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their headers, cell by cell."""
    rows = [row.strip("|").split("|") for row in text.splitlines() if row.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if "`" in row[0]]


def options_of(command: Any) -> set[str]:
    """Every spelling of every option, --help included."""
    above = root_command.make_context("toolkit", [], resilient_parsing=True)
    context = command.make_context(command.name, [], parent=above, resilient_parsing=True)
    parameters = [
        parameter for parameter in command.get_params(context) if parameter.opts[0].startswith("-")
    ]
    return {
        name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)
    }


def options_in(text: str) -> set[str]:
    """Options that a section names, in `code`."""
    return set(re.findall(r"`(--?[a-z][a-z-]*)", text))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_has_every_option_of_a_command_and_no_other(name: str) -> None:
    own = {option for row in rows_of(section(f"toolkit {name}")) for option in options_in(row[0])}
    shared = {
        option
        for names, commands, _ in rows_of(section(SHARED_OPTIONS))
        if f"`{name}`" in commands or commands == "all"
        for option in options_in(names)
    }
    assert own | shared == options_of(COMMANDS[name])


def test_the_readme_has_every_option_of_the_root() -> None:
    assert options_of(root_command) <= options_in(README)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_names_a_commands_defaults(name: str) -> None:
    text = section(f"toolkit {name}") + section(SHARED_OPTIONS)
    for parameter in COMMANDS[name].params:
        if parameter.default not in (None, False) and parameter.opts[0].startswith("--"):
            row = next(row for row in text.splitlines() if f"`{parameter.opts[0]}`" in row)
            assert str(parameter.default) in row, parameter.opts[0]


def test_the_readme_names_every_environment_variable() -> None:
    code = "".join(path.read_text() for path in (ROOT / "toolkit").rglob("*.py"))
    used = set(re.findall(r"TOOLKIT_[A-Z_]+", code))
    assert used == set(re.findall(r"TOOLKIT_[A-Z_]+", README))


def test_the_map_has_every_package_and_no_other() -> None:
    here = {
        f"toolkit/{path.name}" + "/" * path.is_dir()
        for path in (ROOT / "toolkit").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    drawn = re.findall(
        r"^\| `(toolkit/[^`]*)`", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE
    )
    assert sorted(drawn) == sorted(here)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def examples() -> list[str]:
    """Every command line in the shell blocks of the README, in order."""
    lines = [line for block in blocks(README, "sh") for line in block.splitlines() if line]
    assert len(lines) > 20
    return lines


def arguments_of(line: str) -> list[str]:
    """The arguments of an example, without variables before it and redirection behind it."""
    words = shlex.split(line.partition(" >")[0])
    return words[words.index("toolkit") + 1 :]


@pytest.mark.parametrize("line", examples())
def test_an_example_of_the_readme_parses(line: str) -> None:
    name, *arguments = arguments_of(line)
    if name != "--version":
        COMMANDS[name].make_context(name, arguments)


def test_every_command_has_an_example_of_its_own() -> None:
    shown = {
        name
        for name in COMMANDS
        if any(f"toolkit {name}" in block for block in blocks(section(f"toolkit {name}"), "sh"))
    }
    assert shown == set(COMMANDS)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files that the examples name, and a `toolkit` to call."""
    from tests.video.clips import write_clip  # skips the test where PyAV is missing

    folder = tmp_path / "desk"
    bundled = load_catalog().bundled
    archive = archive_of(bundled.graph.read_bytes())
    for name, content in (
        ("my_network.tar.gz", archive),
        ("mirror/another_network.tar.gz", archive),
        ("my_network.onnx", bundled.onnx.read_bytes()),
        ("model.onnx", bundled.onnx.read_bytes()),
        ("bin/toolkit", f'#!/bin/sh\nexec "{sys.executable}" -m toolkit "$@"\n'.encode()),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "bin/toolkit").chmod(0o755)
    for name in ("photo.jpg", "other.jpg"):
        write_photo(folder / name, demo_photo()[:240, :320])
    write_clip(folder / "clip.mp4", [demo_photo()[:96, :144]] * 3)
    write_folder(folder / "photos", {"a": (demo_photo()[:240, :320], square(240, 320))})
    write_evaluation(folder / "quality.json", make_evaluation({"onnx": [0.9]}))
    for name in (
        "base",
        "head",
        *(f"runs/{side}/{n}" for side in ("base", "head") for n in "123456"),
    ):
        write_report(folder / f"{name}.json", steady_report())
    return folder


def steady_report() -> BenchReport:
    """A measurement that a comparison with itself calls the same in every stage."""
    report = make_report({"onnx": [[10**8 + number * 10**5] for number in range(8)]})
    (variant,) = report.variants
    rounds = tuple(dataclasses.replace(process, import_ns=10**8) for process in variant.rounds)
    variants = (dataclasses.replace(variant, rounds=rounds),)
    return dataclasses.replace(report, variants=variants, failures=())


def archive_of(graph: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(f"my_network/{GRAPH_FILE}")
        entry.size = len(graph)
        archive.addfile(entry, io.BytesIO(graph))
    return packed.getvalue()


def run_in(desk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, in that folder."""
    environment = os.environ | {
        "PATH": f"{desk / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=desk, env=environment
    )


def check_example(line: str, desk: Path, toolkit: Command) -> None:
    name, *arguments = arguments_of(line)
    if line.startswith("toolkit ") and name in WITH_TENSORFLOW:
        with contextlib.chdir(desk):
            outcome = toolkit(name, *arguments)
        code, stderr = outcome.code, outcome.stderr
    else:
        budget = ["--budget", "5"] if name == "bench" and "--budget" in arguments else []
        run = run_in(desk, "sh", "-c", " ".join([line, *SHORTER.get(name, []), *budget]))
        code, stderr = run.returncode, run.stderr
    if line in NETWORK_NEEDED:
        assert code == 3, line
        assert "TOOLKIT_OFFLINE is set" in stderr
    else:
        allowed = {0, 1, 4} if name == "gate" else {0}  # how a gate ends is the machine's to say
        assert code in allowed, f"{line}\n{stderr}"


def is_cheap(line: str) -> bool:
    """Whether an example needs no TensorFlow and no network fetched before."""
    name, *arguments = arguments_of(line)
    return name in CHEAP and "my_network" not in arguments


def test_the_cheap_examples_of_the_readme_run(desk: Path, toolkit: Command) -> None:
    cheap = [line for line in examples() if is_cheap(line)]
    assert len(cheap) > 6
    for line in cheap:
        check_example(line, desk, toolkit)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_all_examples_of_the_readme_run_one_after_the_other(desk: Path, toolkit: Command) -> None:
    write_tf1(desk / "saved_model")
    write_scores(desk / "graph.pb")
    (desk / "labels.txt").write_text("background\ncat\ndog\nperson\n")
    removals = [line for line in examples() if "--remove" in line]
    # `verify --onnx` shows the file that the last but one example of `convert` makes
    late = [line for line in examples() if "--onnx" in line]
    others = [line for line in dict.fromkeys(examples()) if line not in removals + late]
    for line in others + late + removals:
        check_example(line, desk, toolkit)


@pytest.mark.parametrize("page", ["README.md", "docs/integrate.md"])
def test_the_python_blocks_run(page: str, desk: Path) -> None:
    found = blocks((ROOT / page).read_text(), "python")
    assert found
    for block in found:
        run = run_in(desk, sys.executable, "-c", block)
        assert run.returncode == 0, f"{block}\n{run.stderr}"


def test_an_export_is_used_without_this_package_and_gives_its_mask(desk: Path) -> None:
    snippet = blocks((ROOT / "docs/integrate.md").read_text(), "python")[0]
    run = run_in(
        desk, sys.executable, "-c", f"import sys; sys.modules['toolkit'] = None\n{snippet}"
    )
    assert run.returncode == 0, run.stderr
    with open_backend(resolve_model("mnv2_dm05_person"), "onnx") as backend:
        made = make_portrait(
            read_photo(desk / "photo.jpg").bgr,
            backend,
            subject=PERSON,
            style=Tutorial(),
            stages=True,
        )
    assert made.stages
    assert made.stages.alpha.any()
    assert np.array_equal(read_photo(desk / "mask.png").bgr[..., 0], made.stages.alpha)


def test_the_export_carries_the_metadata_that_is_documented() -> None:
    import onnxruntime

    text = (ROOT / "docs/integrate.md").read_text()
    documented = {
        name for names, _ in rows_of(text) for name in re.findall(r"`([a-z0-9_]+)`", names)
    }
    session = onnxruntime.InferenceSession(load_catalog().bundled.onnx)
    metadata = session.get_modelmeta().custom_metadata_map
    assert documented == set(metadata)
    assert json.loads(metadata["crop"]) == list(load_catalog().bundled.network.crop)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, heading = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if heading:
            assert heading in {slug(line) for line in file.read_text().splitlines()}, target


def slug(line: str) -> str:
    """The anchor of a heading, as GitHub makes it; empty for other lines."""
    if not line.startswith("#"):
        return ""
    return re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_names_a_host_of_a_package_registry(page: Path) -> None:
    hosts = r"py" + r"pi|pythonhosted|conda\.|npmjs|crates\.io|proxy\.golang|rubygems"
    assert not re.search(hosts, page.read_text(), re.IGNORECASE)


def test_the_pictures_are_those_that_the_script_makes(tmp_path: Path) -> None:
    run = run_in(tmp_path, sys.executable, str(ROOT / "scripts/make_pictures.py"), str(tmp_path))
    assert run.returncode == 0, run.stderr
    committed = sorted((ROOT / "docs/images").glob("*.jpg"))  # the others: tests/benchmarks
    by_hand = ROOT / "docs/images/report.jpg"  # a screenshot of a measurement
    made = sorted(ROOT / "docs/images" / path.name for path in tmp_path.glob("*.jpg"))
    assert committed == sorted([*made, by_hand])
    for path in committed:
        assert path.stat().st_size < 400_000
        assert any(path.name in page.read_text() for page in PAGES)
    for path in made:
        old, new = (cv2.imread(str(one)) for one in (path, tmp_path / path.name))
        assert old is not None
        assert new is not None
        # another processor may decide a pixel at the mask's edge otherwise
        assert old.shape == new.shape
        assert np.abs(old.astype(int) - new).mean() < 1
