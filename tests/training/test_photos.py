"""What may be trained on, and what each pixel is known to show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.photos import scene, write
from toolkit.errors import InputFileError
from training.kept_back import copy_kept_back
from training.photos import KEPT_BACK, Source, merge, read_photo, read_sources, split

STEM = KEPT_BACK.read_text().split()[0]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data sets: one photo with a mask and one kept back, one of people without, one of nobody."""
    folder = tmp_path / "data"
    mask = np.zeros((90, 120), np.uint8)
    mask[20:80, 45:75] = 255
    for name, seed in (("seen", 1), (STEM, 2)):
        write(folder / "masked" / "images" / f"{name}.png", scene(seed))
        write(folder / "masked" / "masks" / f"{name}.png", mask)
    write(folder / "bare" / "images" / "people.png", scene(3))
    write(folder / "bare" / "images" / "room.png", scene(4))
    rows = [
        ("file", "people"),
        ("masked/images/seen.png", "yes"),
        ("bare/images/people.png", "yes (teacher)"),
        ("bare/images/room.png", "no (teacher)"),
    ]
    (folder / "meta.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return folder


def test_the_table_says_who_is_in_photos_without_masks(data: Path) -> None:
    found = {source.stem: (source.mask is not None, source.people) for source in read_sources(data)}
    assert found["seen"] == (True, True)
    assert found["people"] == (False, True)
    assert found["room"] == (False, False)


def test_kept_back_photos_are_not_trained_on(data: Path) -> None:
    trained, kept_back, left_out = split([data])
    assert [source.stem for source in kept_back] == [STEM]
    assert sorted(source.stem for source in trained) == ["people", "room", "seen"]
    assert left_out == []


def test_a_copy_of_a_kept_back_photo_is_left_out(data: Path) -> None:
    copy = data / "bare" / "images" / "copy.jpg"
    write(copy, np.asarray(cv2.resize(scene(2), (200, 150)), np.uint8))
    trained, _, left_out = split([data])
    assert [source.path for source in left_out] == [copy]
    assert copy not in [source.path for source in trained]


def test_a_copy_of_a_held_out_photo_is_left_out(data: Path, tmp_path: Path) -> None:
    write(tmp_path / "held-out" / "set" / "images" / "other.png", scene(4, 180, 240))
    trained, _, left_out = split([data], [tmp_path / "held-out"])
    assert [source.stem for source in left_out] == ["room"]
    assert sorted(source.stem for source in trained) == ["people", "seen"]


def test_without_labels_a_photo_of_people_teaches_nothing(data: Path) -> None:
    masks = {source.stem: read_photo(source).mask for source in read_sources(data)}
    assert (masks["people"] == 128).all()
    assert (masks["room"] == 0).all()
    assert set(np.unique(masks["seen"])) == {0, 255}


def test_soft_labels_are_read_where_there_are_some(data: Path, tmp_path: Path) -> None:
    soft = np.random.default_rng(0).integers(0, 256, (90, 120), np.uint8)
    for folder, stem in (("bare", "people"), ("bare", "room"), ("masked", "seen")):
        write(tmp_path / "teacher" / folder / f"{stem}.png", soft)
    photos = {s.stem: read_photo(s, tmp_path / "teacher") for s in read_sources(data)}
    np.testing.assert_array_equal(photos["people"].mask, soft)
    assert (photos["room"].mask == 0).all()
    truth = read_photo(next(s for s in read_sources(data) if s.stem == "seen")).mask
    np.testing.assert_array_equal(photos["seen"].mask, merge(truth, soft))


def test_what_stands_out_where_nobody_is_becomes_a_thing(data: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    source = next(source for source in read_sources(data) if source.stem == "room")
    soft = np.zeros((90, 120), np.uint8)
    for side, found in ((5, False), (50, True)):
        soft[:side, :side] = 250
        write(teacher / "bare" / "room.png", soft)
        photo = read_photo(source, teacher)
        assert not photo.mask.any()
        assert (photo.things is not None) == found
    np.testing.assert_array_equal(photo.things, soft)


def test_a_teacher_never_overrules_a_person() -> None:
    chance = np.arange(256, dtype=np.uint8)[np.newaxis]
    assert (merge(np.full_like(chance, 255), chance) == 255).all()
    assert set(np.unique(merge(np.zeros_like(chance), chance))) == {0, 128}
    merged = merge(np.full_like(chance, 128), chance)
    assert merged.min() == 128
    assert merged.max() == 255


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set" / "images" / "broken.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(InputFileError, match=r"broken\.jpg"):
        read_photo(Source(path, None, people=False))


def test_the_kept_back_photos_become_data_sets_of_their_own(data: Path, tmp_path: Path) -> None:
    assert copy_kept_back(data, tmp_path / "kept") == 1
    assert sorted(path for path in (tmp_path / "kept").rglob("*.png")) == [
        tmp_path / "kept" / "masked" / part / f"{STEM}.png" for part in ("images", "masks")
    ]


@pytest.mark.slow
def test_no_photo_for_evaluation_is_trained_on(shared: Path) -> None:
    folders = [shared / "training", shared / "dataset"]
    trained, kept_back, _ = split(folders, [shared / "evaluation"])
    assert len(kept_back) == len(KEPT_BACK.read_text().split()) == 10 + 7 + 6
    names = {source.stem for source in trained}
    assert not names & {source.stem for source in kept_back}
    assert not any("pennfudan" in str(source.path) for source in trained)
    assert len(trained) > 2500
