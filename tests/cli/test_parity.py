"""``toolkit parity`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import Command
from tests.convert.test_conversion import with_other_bias
from toolkit.convert import PROFILES
from toolkit.hub.catalog import load_catalog
from toolkit.imaging import demo_photo, write_photo

pytestmark = pytest.mark.tensorflow
BUNDLED = load_catalog().bundled


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "astronaut.png"
    write_photo(path, demo_photo())
    return path


def test_both_backends_agree_on_a_photo(toolkit: Command, photo: Path, tmp_path: Path) -> None:
    done = toolkit("parity", photo, "--json", "--diff", tmp_path / "differences")
    document = json.loads(done.stdout)
    assert done.code == 0
    assert document["passed"]
    (found,) = document["photos"]
    assert found["mask"]["iou"] == 1.0
    assert found["labels"]["agreement"] == 1.0
    assert found["portrait_difference"] == 0
    assert cv2.imread(str(tmp_path / "differences" / "astronaut.diff.png")) is not None


def test_a_difference_fails_and_the_picture_shows_it(
    toolkit: Command, photo: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(with_other_bias(BUNDLED.onnx.read_bytes()))
    done = toolkit("parity", photo, "--model", wrong, "--diff", tmp_path)
    assert done.code == 1
    assert "pixels differ beyond near-ties" in done.stdout
    assert "FAILED on 1 of 1 photos" in done.stdout
    same = toolkit("parity", photo, "--diff", tmp_path / "same")
    assert same.code == 0
    shown = cv2.imread(str(tmp_path / "astronaut.diff.png"))
    calm = cv2.imread(str(tmp_path / "same" / "astronaut.diff.png"))
    assert shown is not None
    assert calm is not None
    assert shown.shape != calm.shape or np.any(shown != calm)


def test_given_thresholds_decide_instead_of_the_near_tie_rule(
    toolkit: Command, photo: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(with_other_bias(BUNDLED.onnx.read_bytes()))
    lenient = toolkit("parity", photo, "--model", wrong, "--min-iou", "0", "--min-agreement", "0")
    assert lenient.code == 0
    strict = toolkit("parity", photo, "--model", wrong, "--min-iou", "0.5")
    assert strict.code == 1
    assert "below 0.5" in strict.stdout
    assert "near-ties," not in strict.stdout


def test_a_bad_photo_is_named_and_the_others_are_compared(
    toolkit: Command, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    done = toolkit("parity", tmp_path / "broken.png", photo, "--json")
    document = json.loads(done.stdout)
    assert done.code == 3
    assert "broken.png" in done.stderr
    assert [entry["error"] is None for entry in document["photos"]] == [True, False]


def test_an_unknown_subject_is_a_usage_error(toolkit: Command, photo: Path) -> None:
    done = toolkit("parity", photo, "--subject", "unicorn")
    assert done.code == 2
    assert "unicorn" in done.stderr


def test_a_profile_that_may_change_labels_is_held_to_its_own_promise(
    toolkit: Command, photo: Path
) -> None:
    done = toolkit("parity", photo, "--model", f"{BUNDLED.name}+fast", "--json")
    document = json.loads(done.stdout)
    (found,) = document["photos"]
    assert found["labels"]["differing"] > found["labels"]["near_ties"]
    assert document["limits"]["mean_agreement"] == PROFILES["fast"].least_agreement
    assert document["passed"]
    assert done.code == 0
    strict = toolkit("parity", photo, "--model", f"{BUNDLED.name}+fast", "--min-agreement", "1")
    assert strict.code == 1
