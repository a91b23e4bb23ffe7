"""``toolkit evaluate`` as a user sees it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import Command
from tests.evaluate.datasets import nobody, person, small_folder, square, write_folder, write_voc
from toolkit.convert.manifest import manifest_path, read_manifest
from toolkit.evaluate import run
from toolkit.evaluate.files import read_evaluation
from toolkit.evaluate.schema import summarize
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import read_photo
from toolkit.portrait import make_portrait, photo_mask, subject_mask

PERSON = 15


def bundled_labels(photo: Path) -> Any:
    """The bundled network's label map of a photo, and its mask at the photo's size."""
    bgr = read_photo(photo).bgr
    with open_backend(resolve_model("mnv2_dm05_person"), "onnx") as backend:
        labels = make_portrait(bgr, backend).label_map
    return labels, photo_mask(subject_mask(labels, PERSON), *bgr.shape[:2])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return small_folder(tmp_path / "set")


def test_a_line_per_variant_has_the_figures_of_its_photos(
    toolkit: Command, dataset: Path, tmp_path: Path
) -> None:
    result = tmp_path / "quality.json"
    specs = ("--variant", "onnx", "--variant", "onnx@threads=1")
    done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", *specs, "-o", result)
    assert done.code == 0, done.stderr
    head, names, first, second = done.stdout.splitlines()
    assert head == "set: 3 of 3 photos, 2 with person, 1 without"
    assert names.split()[:3] == ["variant", "IoU", "mean"]
    evaluation = read_evaluation(result)
    assert evaluation.complete
    astronaut, dark, empty = evaluation.variants[0].photos
    found = bundled_labels(dataset / "images/astronaut.png")[1] != 0
    truth = square(240, 320) != 0
    assert astronaut.iou == (found & truth).sum() / (found | truth).sum()
    assert (dark.iou, dark.boundary_f) == (0, 0)
    assert (empty.iou, empty.boundary_f, empty.false_positives) == (None, None, 0)
    summary = summarize(evaluation.variants[0])
    assert astronaut.iou
    assert summary.mean_iou == astronaut.iou / 2
    assert summary.median_iou == summary.mean_iou
    assert summary.p5_iou == pytest.approx(astronaut.iou * 0.05)
    union = (found | truth).sum() + dark.false_negatives
    assert summary.pooled_iou == (found & truth).sum() / union
    assert first.split()[:2] == ["onnx", f"{summary.mean_iou:.4f}"]
    assert first.split()[1:] == second.split()[1:]
    assert second.split()[0] == "onnx@threads=1"


def test_a_mask_that_is_the_pipelines_own_scores_1(toolkit: Command, tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {"a": (person(), square(240, 320))})
    mask = bundled_labels(path / "images/a.png")[1]
    assert mask.any()
    cv2.imwrite(str(path / "masks/a.png"), mask)
    done = toolkit("evaluate", path, "-m", "mnv2_dm05_person", "--json", "-q")
    (summary,) = json.loads(done.stdout)["summary"]
    assert (summary["mean_iou"], summary["boundary_f"]) == (1, 1)


def test_voc_has_miou_over_all_labels_and_no_contours(toolkit: Command, tmp_path: Path) -> None:
    photos = {"a": (person(), square(240, 320, PERSON)), "b": (nobody(), square(60, 80, 7))}
    path = write_voc(tmp_path / "voc", photos)
    labels, mask = bundled_labels(path / "JPEGImages/a.jpg")
    truth = cv2.resize(labels.astype(np.uint8), (320, 240), interpolation=cv2.INTER_NEAREST_EXACT)
    truth[:9] = 255
    write_voc(path, {"a": (person(), truth), "b": photos["b"]})
    done = toolkit("evaluate", path, "-m", "mnv2_dm05_person", "--json", "-q")
    document = json.loads(done.stdout)
    (summary,), (variant,) = document["summary"], document["variants"]
    classes = {
        one["label"]: one["intersection"] / one["union"]
        for one in variant["classes"]
        if one["union"]
    }
    # photo a is labeled as the network labels it; of photo b it misses the car, label 7
    assert classes[PERSON] == 1
    assert classes[7] == 0
    missed = (square(60, 80) != 0).sum()
    background = variant["classes"][0]
    assert background["union"] - background["intersection"] == missed
    assert summary["mean_class_iou"] == pytest.approx(sum(classes.values()) / len(classes))
    assert summary["boundary_f"] is None
    assert (summary["shown"], summary["absent"]) == (1, 1)
    expected = (mask[9:] != 0) & (truth[9:] == PERSON)
    assert summary["mean_iou"] == expected.sum() / ((mask[9:] != 0) | (truth[9:] == PERSON)).sum()


def test_another_subject_is_judged_by_its_name(toolkit: Command, tmp_path: Path) -> None:
    path = write_voc(tmp_path / "voc", {"b": (nobody(), square(60, 80, 7))})
    done = toolkit("evaluate", path, "-m", "mnv2_dm05_person", "--subject", "car", "--json", "-q")
    document = json.loads(done.stdout)
    assert document["summary"][0]["mean_iou"] == 0
    assert document["variants"][0]["label"] == 7
    unknown = toolkit("evaluate", path, "-m", "mnv2_dm05_person", "--subject", "unicorn")
    assert unknown.code == 2
    assert "unicorn" in unknown.stderr


def test_a_mean_below_the_limit_is_exit_code_1(toolkit: Command, dataset: Path) -> None:
    assert toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", "--min-iou", "0.05").code == 0
    done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", "--min-iou", "0.99")
    assert done.code == 1
    assert "FAILED: onnx: mean IoU 0." in done.stdout


def test_a_limit_without_any_subject_is_refused(toolkit: Command, tmp_path: Path) -> None:
    empty = write_folder(tmp_path / "set", {"a": (nobody(), square(60, 80, 0))})
    done = toolkit("evaluate", empty, "-m", "mnv2_dm05_person", "--min-iou", "0.5")
    assert done.code == 3
    assert "no photo judged shows person" in done.stderr
    assert toolkit("evaluate", empty, "-m", "mnv2_dm05_person").code == 0


def test_only_the_first_photos_are_judged_with_a_limit(toolkit: Command, dataset: Path) -> None:
    done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", "--limit", "1", "--json", "-q")
    document = json.loads(done.stdout)
    assert [photo["name"] for photo in document["photos"]] == ["astronaut.png"]
    assert document["dataset"]["photos"] == 3


def test_a_bad_file_anywhere_is_found_before_anything_is_judged(
    toolkit: Command, dataset: Path, tmp_path: Path
) -> None:
    (dataset / "masks/empty.png").write_bytes(b"no mask")
    result = tmp_path / "quality.json"
    done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", "-o", result)
    assert done.code == 3
    assert done.stdout == ""
    assert not result.exists()
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("toolkit: "))
    assert "masks/empty.png: is broken" in line


def test_an_interrupt_keeps_every_variant_that_was_done(
    toolkit: Command, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = run._judge_variant
    calls: Iterator[bool] = iter([True, False])

    def interrupted(*arguments: Any) -> Any:
        if next(calls):
            return judge(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_judge_variant", interrupted)
    result = tmp_path / "quality.json"
    specs = ("--variant", "onnx", "--variant", "onnx@threads=1")
    done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", *specs, "-o", result)
    assert done.code == 130
    assert done.stdout.splitlines()[-1].startswith("onnx ")
    kept = read_evaluation(result)
    assert [variant.name for variant in kept.variants] == ["onnx"]
    assert not kept.complete


def test_a_variant_that_cannot_run_is_named_and_the_others_are_judged(
    toolkit: Command, dataset: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    specs = ("--variant", f"onnx:{broken}", "--variant", "onnx")
    done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", *specs, "--json", "-q")
    assert done.code == 3
    assert "broken.onnx" in done.stderr
    document = json.loads(done.stdout)
    assert [variant["name"] for variant in document["variants"]] == ["onnx"]
    assert [skipped["variant"] for skipped in document["skipped"]] == [f"onnx:{broken}"]


def test_another_interpreter_is_refused(toolkit: Command, dataset: Path) -> None:
    done = toolkit("evaluate", dataset, "--variant", "onnx@python=/usr/bin/python3")
    assert done.code == 2
    assert "leave @python= out" in done.stderr


@pytest.mark.tensorflow
def test_tf_is_judged_beside_onnx_with_its_graph(toolkit: Command, dataset: Path) -> None:
    specs = ("--variant", "tf", "--variant", "onnx")
    done = toolkit(
        "evaluate", dataset, "-m", "mnv2_dm05_person", *specs, "--limit", "1", "--json", "-q"
    )
    tf, onnx = json.loads(done.stdout)["variants"]
    assert tf["photos"] == onnx["photos"]
    assert tf["model"]["onnx_sha256"] is None
    assert tf["model"]["graph_sha256"] == onnx["model"]["graph_sha256"]
    assert onnx["model"]["onnx_sha256"] is not None


def test_the_worst_photos_are_shown_with_truth_mask_and_differences(
    toolkit: Command, dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    sheets = []
    for worst in ("1", "3"):
        options = ("--worst", worst, "--pictures", folder)
        done = toolkit("evaluate", dataset, "-m", "mnv2_dm05_person", *options)
        assert done.code == 0, done.stderr
        sheets.append(read_photo(folder / "onnx.worst.jpg").bgr)
    one, three = sheets
    assert three.shape[0] > 2 * one.shape[0]
    # the dark photo is the worst: its whole square is missed, and painted so
    orange = (np.abs(one.astype(int) - (0, 140, 255)).max(axis=2) < 40).sum()
    assert orange > 3000


def test_variants_whose_names_differ_in_signs_alone_have_a_sheet_each(
    toolkit: Command, dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    exports = [tmp_path / "a b.onnx", tmp_path / "a+b.onnx"]
    specs: list[str | Path] = []
    for export in exports:
        export.write_bytes(load_catalog().bundled.onnx.read_bytes())
        specs += ["--variant", f"onnx:{export}"]
    done = toolkit("evaluate", dataset, *specs, "--limit", "1", "--pictures", folder)
    assert done.code == 0, done.stderr
    assert len(list(folder.glob("*.worst.jpg"))) == 2


def test_recorded_figures_stand_in_the_manifest_once_for_each_dataset(
    toolkit: Command, tmp_path: Path
) -> None:
    bundled = load_catalog().bundled.onnx
    for source in (bundled, manifest_path(bundled)):
        shutil.copy(source, tmp_path / source.name)
    export = tmp_path / bundled.name
    before = read_manifest(export)
    datasets = [small_folder(tmp_path / "one"), small_folder(tmp_path / "two")]
    (datasets[1] / "images" / "dark.png").unlink()
    for dataset in (*datasets, datasets[0]):
        options = ("--variant", f"onnx:{export}", "--record", "--output", tmp_path / "q.json")
        done = toolkit("evaluate", dataset, *options)
        assert done.code == 0, done.stderr
    (variant,) = read_evaluation(tmp_path / "q.json").variants
    after = read_manifest(export)
    assert before is not None
    assert after is not None
    assert [entry["dataset"] for entry in after.quality] == ["two", "one"]
    assert after.quality[1]["mean_iou"] == summarize(variant).mean_iou
    assert dataclasses.replace(after, quality=()) == before


def test_an_export_without_a_manifest_is_judged_and_said_not_to_be_recorded(
    toolkit: Command, tmp_path: Path
) -> None:
    export = tmp_path / "copy.onnx"
    shutil.copy(load_catalog().bundled.onnx, export)
    dataset = small_folder(tmp_path / "set")
    done = toolkit("evaluate", dataset, "--variant", f"onnx:{export}", "--record")
    assert done.code == 0
    assert f"{export} has no manifest beside it" in done.stderr
    assert list(tmp_path.glob("*.json")) == []
