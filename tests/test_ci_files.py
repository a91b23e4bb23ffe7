"""Other people's pipelines and our own: the files parse, are safe, and do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests.conftest import ROOT
from tests.test_packaging import PROJECT
from toolkit.bench.variants import parse_variant
from toolkit.cli import app
from toolkit.cli.exits import Exit

FILES = (
    "docs/ci/gate/action.yml",
    "docs/ci/gitlab.yml",
    ".github/actions/python/action.yml",
    ".github/dependabot.yml",
    ".pre-commit-config.yaml",
    ".github/workflows/ci.yml",
    ".github/workflows/gate.yml",
    ".github/workflows/official.yml",
    ".github/workflows/release.yml",
)
TEXTS = {name: (ROOT / name).read_text() for name in FILES}
ACTION, GITLAB, PYTHON_ACTION, DEPENDABOT, PRE_COMMIT, CI, GATE_WORKFLOW, OFFICIAL, RELEASE = (
    yaml.safe_load(text) for text in TEXTS.values()
)
WORKFLOWS = (CI, GATE_WORKFLOW, OFFICIAL, RELEASE)
IDENTITY = {"id-token": "write"}
"""What lets a job say to the package index which workflow it belongs to."""
OFFICIAL_SCRIPT = (ROOT / "tests/official/__main__.py").read_text()
SCREEN = 60
SIDES = {"base": "onnx", "head": "tf"}
HOSTILE = """a'b"c; touch pwned; $(touch pwned) `touch pwned` ${HOME} * && \\"""

root_command: Any = typer.main.get_command(app)
GATE: Any = root_command.commands["gate"]

CALLED = """#!/bin/sh
for word; do printf '%s\\0' "$word"; done > "$(dirname "$0")/called"
exit "${CODE:-0}"
"""
"""A `toolkit` that keeps its arguments."""


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What the command line makes of them."""
    assert arguments[0] == "gate"
    context = GATE.make_context("gate", arguments[1:])
    found: dict[str, Any] = context.params
    return found


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def arguments_kept(folder: Path) -> list[str]:
    return (folder / "called").read_text().split("\0")[:-1]


@pytest.mark.parametrize("name", FILES)
def test_a_file_fits_a_screen(name: str) -> None:
    lines = TEXTS[name].splitlines()
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", FILES)
def test_no_file_knows_a_secret(name: str) -> None:
    text = TEXTS[name].replace("id-token: write", "")
    assert not re.search(r"secrets|token|password", text, re.IGNORECASE)


def steps_of_ours() -> list[dict[str, Any]]:
    jobs = [job for workflow in WORKFLOWS for job in workflow["jobs"].values()]
    actions = [step for action in (ACTION, PYTHON_ACTION) for step in action["runs"]["steps"]]
    steps = [*actions, *(step for job in jobs for step in job["steps"])]
    assert len(steps) > 20
    return steps


def test_githubs_actions_are_pinned_to_a_major_version_and_others_to_a_commit() -> None:
    used = {step["uses"] for step in steps_of_ours() if "uses" in step}
    own = {name for name in used if name.startswith("./")}
    assert own == {"./docs/ci/gate", "./.github/actions/python"}
    assert all((ROOT / name / "action.yml").exists() for name in own)
    used -= own
    assert len(used) == 5
    foreign = {name for name in used if not re.fullmatch(r"actions/[a-z-]+@v[0-9]+", name)}
    assert {name.partition("@")[0] for name in foreign} == {"pypa/gh-action-pypi-publish"}
    for name in foreign:
        assert re.fullmatch(r".+@[0-9a-f]{40}", name)
        assert re.search(rf"{name}  # v\d+\.\d+\.\d+$", "\n".join(TEXTS.values()), re.MULTILINE)


def test_no_expression_stands_in_a_script() -> None:
    scripts = [step["run"] for step in steps_of_ours() if "run" in step]
    assert len(scripts) > 3
    assert not [script for script in scripts if "${{" in script]


def test_our_workflows_may_read_and_nothing_else() -> None:
    for workflow in WORKFLOWS:
        assert workflow["permissions"] == {"contents": "read"}
        asked = {name for name, job in workflow["jobs"].items() if "permissions" in job}
        assert asked == ({"publish"} if workflow is RELEASE else set())
    assert set(CI[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` as true
    checkouts = [s for s in steps_of_ours() if str(s.get("uses")).startswith("actions/checkout")]
    assert len(checkouts) > 3
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_supported_python_runs_what_every_change_must_pass() -> None:
    job = CI["jobs"]["check"]
    assert {"run": ".ci/run"} in job["steps"]
    assert "if" not in job
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    prefix = "Programming Language :: Python :: "
    supported = [
        name.removeprefix(prefix)
        for name in PROJECT["project"]["classifiers"]
        if name.startswith(prefix)
    ]
    assert job["strategy"] == {"fail-fast": False, "matrix": {"python": supported}}
    assert python_of(job) == "${{ matrix.python }}"


def python_of(job: dict[str, Any]) -> str:
    """The Python that a job asks for."""
    (step,) = (step for step in job["steps"] if step.get("uses") == "./.github/actions/python")
    default = PYTHON_ACTION["inputs"]["version"]["default"]
    found: str = step.get("with", {}).get("version", default)
    return found


def test_serving_is_tried_on_the_lowest_versions_on_arm_and_on_macos() -> None:
    job = CI["jobs"]["serving"]
    assert python_of(job) == "${{ matrix.python }}"
    assert job["runs-on"] == "${{ matrix.system }}"
    lowest, *others = job["strategy"]["matrix"]["include"]
    oldest = CI["jobs"]["check"]["strategy"]["matrix"]["python"][0]
    assert (lowest["versions"], lowest["python"]) == ("lowest", oldest)
    assert lowest["tests"].split() == PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]
    for system in ("-arm$", "^macos-"):
        (found,) = (other for other in others if re.search(system, other["system"]))
        assert found["versions"] == "locked"
    step = job["steps"][-1]
    assert step["run"].startswith("make test-serving ")
    assert all((ROOT / name).exists() for name in step["env"]["SERVING"].split())


def test_the_coverage_is_on_the_page_of_its_job() -> None:
    *_, measured, shown = CI["jobs"]["coverage"]["steps"]
    assert measured == {"run": "make coverage"}
    assert shown["run"].endswith('>> "$GITHUB_STEP_SUMMARY"')


def test_the_hooks_run_what_make_lint_runs_from_the_environment_that_make_makes() -> None:
    (repository,) = PRE_COMMIT["repos"]
    assert repository["repo"] == "local"
    entries = {hook["id"]: hook["entry"] for hook in repository["hooks"]}
    assert all(hook["language"] == "system" for hook in repository["hooks"])
    assert all(entry.startswith(".venv/bin/") for entry in entries.values())
    assert {"ruff", "ruff-format", "mypy"} <= set(entries)


def test_every_action_is_kept_up_to_date() -> None:
    found = {one["package-ecosystem"]: one for one in DEPENDABOT["updates"]}
    actions = [*ROOT.glob("docs/**/action.yml"), *ROOT.glob(".github/**/action.yml")]
    folders = {f"/{path.parent.relative_to(ROOT)}" for path in actions}
    assert set(found["github-actions"]["directories"]) == {"/", *folders}


def test_the_official_network_is_tried_weekly_and_on_demand_and_its_report_kept() -> None:
    (job,) = OFFICIAL["jobs"].values()
    assert set(OFFICIAL[True]) == {"schedule", "workflow_dispatch"}
    (schedule,) = OFFICIAL[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    *_, target, kept = job["steps"]
    assert target == {"run": "make test-official"}
    assert kept["if"] == "always()"
    default = re.search(r'"--folder".*default=Path\("(.+)"\)', OFFICIAL_SCRIPT)
    assert default
    assert kept["with"]["path"] == f"{default[1]}/layout.txt"


def refused(folder: Path, tag: str, version: str, heading: str) -> str:
    """What the release says of a tag in a checkout of a version with a changelog; empty: fine."""
    (folder / "toolkit").mkdir(parents=True)
    (folder / "toolkit" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n")
    executable(folder / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (step,) = (step for step in RELEASE["jobs"]["build"]["steps"] if "TAG" in step.get("env", {}))
    assert step["env"]["TAG"] == "${{ github.ref_name }}"
    run = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "TAG": tag},
    )
    assert (run.returncode == 0) == (run.stdout == ""), run.stderr
    return run.stdout


def test_a_tag_that_is_not_the_version_is_refused(tmp_path: Path) -> None:
    heading = "[1.2.3] - 2026-12-31"
    assert refused(tmp_path / "same", "v1.2.3", "1.2.3", heading) == ""
    for number, tag in enumerate(("v1.2.30", "v1.2", "1.2.3", "v1.2.3-rc1")):
        said = refused(tmp_path / str(number), tag, "1.2.3", heading)
        assert said.startswith(f"::error::the tag is {tag}")


def test_a_version_that_the_changelog_lacks_is_refused(tmp_path: Path) -> None:
    for number, heading in enumerate(("[Unreleased]", "[1.2.30] - 2026-12-31", "[1.2.3]")):
        said = refused(tmp_path / str(number), "v1.2.3", "1.2.3", heading)
        assert said.startswith("::error::CHANGELOG.md has no dated section [1.2.3]")


def test_only_tags_publish_what_was_built_and_checked_and_no_registry_is_named() -> None:
    assert RELEASE[True] == {"push": {"tags": ["v*"]}}
    build, publish = (RELEASE["jobs"][name] for name in ("build", "publish"))
    *_, checked, kept = build["steps"]
    assert checked == {"run": "make dist"}
    assert publish["needs"] == "build"
    assert (publish["environment"], publish["permissions"]) == ("release", IDENTITY)
    fetched, upload = publish["steps"]
    assert fetched["with"] == {name: kept["with"][name] for name in ("name", "path")}
    assert set(upload) == {"uses"}  # its own defaults, and what the job's identity allows
    assert "://" not in TEXTS[".github/workflows/release.yml"]


@dataclass(frozen=True)
class Ran:
    """What the action's script did."""

    code: int
    arguments: list[str]
    outputs: dict[str, str]
    said: str


def run_action(folder: Path, given: Mapping[str, str], *, exits: int = 0) -> Ran:
    """Run the action's script as GitHub does, with a toolkit that ends with a code."""
    folder.mkdir(exist_ok=True)
    command = executable(folder / "bin" / "toolkit", CALLED)
    inputs = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    inputs.update(given, toolkit=str(command))
    step = ACTION["runs"]["steps"][0]
    values = {f"inputs.{name}": value for name, value in inputs.items()}
    values["runner.temp"] = str(folder)
    environment = {
        name: re.sub(r"\$\{\{ ([a-z.]+) \}\}", lambda found: values[found[1]], text)
        for name, text in step["env"].items()
    }
    environment |= {"GITHUB_OUTPUT": str(folder / "outputs"), "CODE": str(exits)}
    assert step["shell"] == "bash"
    run = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment,
    )
    lines = (folder / "outputs").read_text().splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    return Ran(run.returncode, arguments_kept(folder / "bin"), outputs, run.stderr)


def test_the_action_calls_the_gate_with_what_it_is_given(tmp_path: Path) -> None:
    given = {
        "base": "onnx:before.onnx",
        "head": "onnx:after.onnx@threads=2",
        "photos": "one photo.jpg\n\n--two.jpg\n",
        "model": "mnv2_dm05_person",
        "options": "--budget=900\n--threshold=blur=25%\n",
    }
    ran = run_action(tmp_path, given)
    assert ran.said == ""
    found = parsed(ran.arguments)
    assert (found["base"], found["head"]) == ("onnx:before.onnx", "onnx:after.onnx@threads=2")
    assert found["image"] == [Path("one photo.jpg"), Path("--two.jpg")]
    assert (found["model"], found["budget"], found["threshold"]) == (
        "mnv2_dm05_person",
        900,
        ["blur=25%"],
    )
    uploaded = ACTION["runs"]["steps"][1]["with"]["path"]
    folder = uploaded.replace("${{ runner.temp }}", str(tmp_path))
    folder = Path(folder.replace("${{ inputs.artifact }}", "gate"))
    assert (found["output"], found["junit"]) == (folder / "gate.json", folder / "gate.xml")


def test_the_action_needs_no_more_than_base_and_head(tmp_path: Path) -> None:
    needed = {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert needed == {"base", "head"}
    found = parsed(run_action(tmp_path, SIDES).arguments)
    assert (found["image"] or [], found["model"]) == ([], None)


@pytest.mark.parametrize("name", sorted(set(ACTION["inputs"]) - {"toolkit", "artifact"}))
def test_nothing_in_an_input_of_the_action_is_run(tmp_path: Path, name: str) -> None:
    ran = run_action(tmp_path, SIDES | {"photos": "a.jpg", name: HOSTILE})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "outputs"]
    assert ran.code == 0
    if name != "inconclusive":
        assert [word for word in ran.arguments if HOSTILE in word]
        assert not ran.said


@pytest.mark.parametrize(
    ("exits", "inconclusive", "code", "verdict"),
    [
        (Exit.DONE, "warn", 0, "passed"),
        (Exit.CHECK_FAILED, "warn", 1, "slower"),
        (Exit.USAGE, "warn", 2, "error"),
        (Exit.COULD_NOT_RUN, "warn", 3, "error"),
        (Exit.INCONCLUSIVE, "warn", 0, "inconclusive"),
        (Exit.INCONCLUSIVE, "fail", 4, "inconclusive"),
        (130, "warn", 130, "error"),
    ],
)
def test_the_action_ends_as_the_gate_does_but_for_the_inconclusive(
    tmp_path: Path, exits: int, inconclusive: str, code: int, verdict: str
) -> None:
    ran = run_action(tmp_path, SIDES | {"inconclusive": inconclusive}, exits=exits)
    assert ran.code == code
    assert ran.outputs == {"verdict": verdict, "exit-code": str(int(exits))}
    assert ACTION["inputs"]["inconclusive"]["default"] == "warn"
    assert set(ACTION["outputs"]) == set(ran.outputs)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    run = subprocess.run(
        ["git", *identity, *arguments], check=True, capture_output=True, text=True, cwd=folder
    )
    return run.stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    """Commit files on top of what is there; return its hash."""
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str, str]:
    """A checkout of a head, the hash of its merge base, and that of a target that went on."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    files = {"requirements.lock": "", "pyproject.toml": "", "requirements.txt": ""}
    files["Makefile"] = (ROOT / "Makefile").read_text()
    before = commit(folder, files | {"network.onnx": "before"})
    target = commit(folder, {"network.onnx": "elsewhere"})
    git(folder, "checkout", "--quiet", "-b", "change", before)
    commit(folder, {"network.onnx": "after"})
    return folder, before, target


def test_on_gitlab_a_merge_request_is_gated_against_its_merge_base(
    tmp_path: Path, repository: tuple[Path, str, str]
) -> None:
    folder, before, _ = repository
    job = GITLAB["gate"]
    executable(tmp_path / "bin" / "apt-get", "#!/bin/sh\n")
    toolkit = CALLED.replace('"$(dirname "$0")/called"', f'"{tmp_path}/called"')
    executable(
        tmp_path / "bin" / "python",
        f"""#!/bin/sh
test "$1 $2" = "-m venv" || exit 9
mkdir -p "$3/bin"
echo 'echo "$0 $*" >> {tmp_path}/pip' > "$3/bin/pip"
cp {executable(tmp_path / "toolkit", toolkit)} "$3/bin/toolkit"
touch "$3/bin/python"
chmod +x "$3/bin/pip"
""",
    )
    script = "\n".join([*job["before_script"], *job["script"]])
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        check=True,
        cwd=folder,
        env={
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": before,
            **{name: str(value) for name, value in job["variables"].items()},
        },
    )
    found = parsed(arguments_kept(tmp_path))
    base, head = parse_variant(found["base"]), parse_variant(found["head"])
    assert (folder / str(base.model)).read_text() == "before"
    assert (folder / str(head.model)).read_text() == "after"
    assert (folder / str(base.python)).exists()
    assert (folder / str(head.python)).exists()
    assert base.python != head.python
    installed = (tmp_path / "pip").read_text().splitlines()
    assert [line.split()[0] for line in installed] == [
        str(Path(str(one.python)).with_name("pip")) for one in (base, head)
    ]
    assert [line.split()[-1] for line in installed] == [
        ".base/requirements.txt",
        "requirements.txt",
    ]
    assert str(found["junit"]) == job["artifacts"]["reports"]["junit"]
    assert str(found["junit"]).startswith(job["artifacts"]["paths"][0])
    assert job["allow_failure"] == {"exit_codes": [Exit.INCONCLUSIVE]}
    assert job["artifacts"]["when"] == "always"


def test_our_pull_requests_are_gated_against_their_merge_base(
    tmp_path: Path, repository: tuple[Path, str, str]
) -> None:
    folder, before, target = repository
    job = GATE_WORKFLOW["jobs"]["gate"]
    assert set(GATE_WORKFLOW[True]) == {"pull_request"}
    checkout, *_, environments, gate = job["steps"]
    assert checkout["with"]["fetch-depth"] == 0  # the merge base is to be there
    dry = f'#!/bin/sh\nexec /usr/bin/make --dry-run PYTHON="{sys.executable}" "$@"\n'
    executable(tmp_path / "bin" / "make", dry)
    run = subprocess.run(
        ["bash", "-e", "-c", environments["run"]],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TARGET": target},
    )
    assert git(folder / ".base", "rev-parse", "HEAD") == before, run.stderr
    given = gate["with"]
    found = parsed(run_action(tmp_path / "action", given).arguments)
    for side in ("base", "head"):
        python = parse_variant(found[side]).python
        assert f"{python} -m pip install" in run.stdout
    assert given["toolkit"] == ".venv/bin/toolkit"
    assert given["model"] == "mnv2_dm05_person"
