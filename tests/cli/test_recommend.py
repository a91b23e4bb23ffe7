"""``toolkit recommend`` as a user sees it, on machines whose times and masks are known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from tests.evaluate.datasets import nobody, small_folder, square, write_folder
from tests.recommend.fakes import Machine, usual
from toolkit.bench.files import read_report
from toolkit.evaluate.files import read_evaluation
from toolkit.hub.store import Store
from toolkit.recommend.config import read_config
from toolkit.report.gather import pareto_front_of


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a dataset."""
    small_folder(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = usual()
    made.install(monkeypatch.setattr)
    return made


RECOMMEND = ("recommend", "--dataset", "photos", "-m", "mnv2_dm05_person")


def test_the_pareto_front_the_choice_and_the_command_that_uses_it_are_printed(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    done = toolkit(*RECOMMEND)
    assert done.code == 0, done.stderr
    head, _, names, *rest = done.stdout.splitlines()
    assert head.endswith("reference onnx:net+exact: IoU 0.9500")
    assert names.split()[0] == "Pareto"
    pareto_front = [line.split() for line in rest[: rest.index("")]]
    assert [(row[0], row[-3], row[-2]) for row in pareto_front] == [
        ("onnx:net+fast@threads=2", "0.9470", "0.0030"),
        ("onnx:net+exact@threads=2", "0.9500", "0.0000"),
    ]
    assert rest[-2].startswith("ship onnx:net+fast@threads=2: the fastest of what has an IoU")
    assert rest[-1] == "toolkit portrait photo.jpg --config recommend.toml"
    found = [
        line.removeprefix("without ").partition(": ")
        for line in rest
        if line.startswith("without ")
    ]
    reasons = {name: reason for names, _, reason in found for name in names.split(", ")}
    for name, reason in {
        "int8": "toolkit convert --calibrate",
        "openvino:net+exact@threads=1": "refused",
        "tf:net@threads=2": "gives the same masks as onnx:net+exact@threads=2, which is far",
        "openvino:net+exact@threads=2": "gives the same masks as onnx:net+exact@threads=2, which ",
        "onnx:net+fast@threads=1": "gives the same masks as onnx:net+fast@threads=2, which is far",
        "onnx:net+fit@threads=2": "is no better than onnx:net+fast@threads=2 (IoU 0.9470)",
    }.items():
        assert reasons[name].startswith(reason)
    assert len(found) == len({reason for _, _, reason in found})  # said once


def test_masks_are_judged_once_and_only_where_it_can_matter(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    toolkit(*RECOMMEND)
    judged = [line.removeprefix("judge ") for line in machine.log if line.startswith("judge")]
    assert judged == ["onnx:net+exact", "onnx:net+fit", "onnx:net+fast"]
    well = [line for line in machine.log if line.startswith("time well")]
    assert well == [f"time well {number} of 2" for number in range(10)]


def test_what_is_far_slower_is_not_timed_to_the_end(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    toolkit(*RECOMMEND)
    # all; without the one that refused; of each kind of masks what comes near the fastest
    briefly = [line.rpartition(" ")[2] for line in machine.log if line.startswith("time briefly")]
    assert briefly == ["10", "9", "4", "4", "4"]


def test_the_file_written_is_what_portrait_takes(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    done = toolkit(*RECOMMEND, "--output", "made.toml", "--json", "-q")
    config = read_config(desk / "made.toml")
    assert (config.model, config.profile, config.backend) == ("mnv2_dm05_person", "fast", "onnx")
    assert (config.threads, config.subject) == (2, "person")
    assert config.measured
    assert (config.measured.mean_iou, config.measured.reference_iou) == (0.947, 0.95)
    document = json.loads(done.stdout)
    assert document["config"] == "made.toml"
    assert document["model_sha256"] == config.model_sha256
    assert not {"bench", "evaluation"} & set(document)


def test_a_smaller_drop_asks_for_a_slower_one(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    done = toolkit(*RECOMMEND, "--max-iou-drop", "0.001")
    assert "ship onnx:net+exact@threads=2: the fastest" in done.stdout
    assert len([line for line in done.stdout.splitlines() if line.startswith("onnx:net+fast")]) == 1


def test_where_nothing_is_fast_enough_the_nearest_is_named_and_nothing_is_written(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    done = toolkit(*RECOMMEND, "--max-iou-drop", "0.001", "--max-latency", "50")
    assert done.code == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("FAILED: nothing has an IoU at most 0.001 below the reference in at ")
    assert "most 50 ms; the nearest is onnx:net+exact@threads=2: 80.0 (" in last
    assert "Pareto front" in done.stdout
    assert not (desk / "recommend.toml").exists()


def test_a_limit_within_the_noise_is_exit_code_4_after_more_rounds(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    machine.noise = 0.2
    done = toolkit(*RECOMMEND, "--max-latency", "20")
    assert done.code == 4
    assert done.stdout.splitlines()[-1].startswith("INCONCLUSIVE: too noisy to tell")
    assert sum(line.startswith("time well") for line in machine.log) == 20
    assert not (desk / "recommend.toml").exists()


def test_between_two_as_fast_the_better_is_shipped_and_that_is_said(
    toolkit: Command, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {"onnx:net+exact@threads=2": 20.0, "onnx:net+fast@threads=2": 20.1}
    made = Machine(speeds, ious={"onnx:net+fast": 0.948}, noise=0.2)
    made.install(monkeypatch.setattr)
    done = toolkit(*RECOMMEND)
    assert done.code == 0, done.stderr
    said = done.stdout.splitlines()[-2]
    assert said.startswith("ship onnx:net+exact@threads=2: ")
    assert "within the noise" in said


def test_the_results_make_a_page_with_the_pareto_front(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    toolkit(*RECOMMEND, "--results", "results")
    report = read_report(desk / "results/bench.json")
    view = pareto_front_of(
        report, 0, read_evaluation(desk / "results/quality.json"), "quality.json"
    )
    assert not view.unjoined
    assert {report.variants[point.variant].name: point.mean_iou for point in view.points} == {
        "onnx:net+fast@threads=2": 0.947,
        "onnx:net+exact@threads=2": 0.95,
    }


def test_what_fails_is_named_and_the_others_are_chosen_from(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    machine.failing = {name for name in machine.speeds if "fast" in name}
    done = toolkit(*RECOMMEND)
    assert done.code == 0, done.stderr
    assert "without onnx:net+fast@threads=2: onnx:net+fast@threads=2: died" in done.stdout
    assert "ship onnx:net+fit@threads=2" in done.stdout


def test_where_nothing_runs_it_is_exit_code_3(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    machine.failing = set(machine.speeds)
    machine.refusing = set()
    done = toolkit(*RECOMMEND)
    assert done.code == 3
    assert "nothing could be timed" in done.stderr
    machine.speeds = {}
    assert "nothing can be tried: int8: " in toolkit(*RECOMMEND).stderr


def test_a_dataset_without_the_subject_is_refused_before_anything_is_timed(
    toolkit: Command, desk: Path, machine: Machine
) -> None:
    write_folder(desk / "empty", {"a": (nobody(), square(60, 80, 0))})
    done = toolkit("recommend", "--dataset", "empty", "-m", "mnv2_dm05_person")
    assert done.code == 3
    assert "empty: no photo shows person, so there is no IoU to choose by" in done.stderr
    assert toolkit("recommend", "--dataset", "nowhere").code == 3
    assert toolkit("recommend").code == 2
    assert not machine.log


def interrupted_after(machine: Machine, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    note = machine.note

    def noting(what: str) -> None:
        if len(machine.log) == count:
            raise KeyboardInterrupt
        note(what)

    monkeypatch.setattr(machine, "note", noting)


@pytest.mark.parametrize("count", [3, 6, 12])
def test_after_an_interrupt_the_same_command_goes_on_where_it_was(
    toolkit: Command, desk: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    whole = toolkit(*RECOMMEND).stdout
    everything, machine.log = machine.log, []
    with monkeypatch.context() as patch:
        interrupted_after(machine, count, patch)
        done = toolkit(*RECOMMEND)
        assert done.code == 130
        assert "the same command goes on there" in done.stderr
        assert done.stdout == ""
    assert toolkit(*RECOMMEND).stdout == whole
    # a backend that refused is not asked again
    assert [line.rpartition(" of ")[0] or line for line in machine.log] == [
        line.rpartition(" of ")[0] or line for line in everything
    ]
    assert not list((Store.default().exported / "recommend").iterdir())


def test_a_state_of_another_photo_is_not_used(
    toolkit: Command, desk: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupted_after(machine, 3, patch)
        assert toolkit(*RECOMMEND, "--state", "state.json").code == 130
    machine.log.clear()
    other = desk / "photos/images/astronaut.png"
    done = toolkit(*RECOMMEND, str(other), "--state", "state.json")
    assert done.code == 0
    assert "beginning anew: state.json is of another photo" in done.stderr
    assert machine.log[0].startswith("time briefly 0 ")


def test_after_a_kill_the_same_command_goes_on_where_it_was(desk: Path) -> None:
    log = desk / "log"
    command = [sys.executable, "-m", "tests.recommend.fakes", *RECOMMEND]
    environment = os.environ | {"FAKE_LOG": str(log), "PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (log.exists() and log.read_text().count("\n") > 6):
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    before = log.read_text().splitlines()
    assert before[5] == "judge onnx:net+exact"
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "ship onnx:net+fast@threads=2" in done.stdout
    after = log.read_text().splitlines()[len(before) :]
    assert not any(line.startswith("time briefly") for line in after)
    assert "judge onnx:net+exact" not in after
    assert after[-1] == "time well 9 of 2"


@pytest.mark.slow
def test_the_bundled_network_is_timed_judged_and_used_as_it_says(
    toolkit: Command, desk: Path
) -> None:
    photo = "photos/images/astronaut.png"
    done = toolkit(
        "recommend", "--dataset", "photos", "-m", "mnv2_dm05_person+plain", photo, "--json"
    )
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    names = [point["name"] for point in document["pareto_front"]]
    assert document["choice"]["name"] in names
    assert all(point["rounds"] >= 10 for point in document["pareto_front"])
    config = read_config(desk / "recommend.toml")
    assert (config.model, config.profile) == ("mnv2_dm05_person", "plain")
    assert document["reference"].endswith(":mnv2_dm05_person+plain")
    made = toolkit("portrait", photo, "--config", "recommend.toml", "-o", "portrait.png")
    assert made.code == 0, made.stderr
    assert f"backend {config.backend} " in made.stderr
    assert f", {config.threads} threads" in made.stderr
