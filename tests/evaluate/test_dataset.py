"""Datasets: both layouts, and everything that can be wrong with their files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.evaluate.datasets import nobody, small_folder, square, write_folder, write_voc
from toolkit.errors import InputFileError
from toolkit.evaluate.dataset import Dataset, open_dataset, voc_number

VOC = np.array([[0, 15, 15], [255, 2, 0]], np.uint8)


def read_all(dataset: Dataset) -> None:
    for item in dataset.items:
        dataset.read(item)


def test_a_folder_is_listed_by_name_and_its_masks_are_read(tmp_path: Path) -> None:
    mask = square(60, 80)
    mask[0] = 128
    dataset = open_dataset(
        write_folder(tmp_path / "set", {"b": (nobody(), mask), "a": (nobody(), mask)})
    )
    assert [item.name for item in dataset.items] == ["a.png", "b.png"]
    assert [item.name for item in dataset.first(1).items] == ["a.png"]
    truth = dataset.read(dataset.items[0]).truth(-1)
    assert np.array_equal(truth.subject, mask == 255)
    assert np.array_equal(truth.ignored, mask == 128)


def test_voc_masks_are_numbers_of_the_palette_and_255_is_ignored(tmp_path: Path) -> None:
    dataset = open_dataset(
        write_voc(tmp_path / "voc", {"2007_1": (nobody(2, 3), VOC), "2007_0": (nobody(2, 3), VOC)})
    )
    assert [item.name for item in dataset.items] == ["2007_0.jpg", "2007_1.jpg"]
    photo = dataset.read(dataset.items[0])
    truth = photo.truth(voc_number("person"))
    assert truth.subject.tolist() == [[False, True, True], [False, False, False]]
    assert truth.ignored.tolist() == [[False, False, False], [True, False, False]]
    assert np.array_equal(photo.mask, VOC)
    assert photo.truth(2).subject.sum() == 1
    assert not photo.truth(255).subject.any()


def test_only_the_photos_of_val_are_taken(tmp_path: Path) -> None:
    photos = {name: (nobody(2, 3), VOC) for name in ("one", "two")}
    path = write_voc(tmp_path / "voc", photos)
    (path / "ImageSets/Segmentation/val.txt").write_text("two\n")
    assert [item.name for item in open_dataset(path).items] == ["two.jpg"]


def test_masks_of_one_bit_are_read(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {"a": (nobody(), square(60, 80))})
    Image.fromarray(square(60, 80)).convert("1").save(path / "masks" / "a.png")
    dataset = open_dataset(path)
    assert np.array_equal(dataset.read(dataset.items[0]).mask, square(60, 80))


def test_a_photo_is_turned_upright_before_it_meets_its_mask(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {"a": (nobody(), square(80, 60))})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 60)).save(path / "images" / "a.png", exif=exif)
    dataset = open_dataset(path)
    assert dataset.read(dataset.items[0]).bgr.shape == (80, 60, 3)
    cv2.imwrite(str(path / "masks" / "a.png"), square(60, 80))
    with pytest.raises(InputFileError, match="turn the mask too"):
        read_all(dataset)


def broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def resized(path: Path) -> None:
    cv2.imwrite(str(path), square(61, 80))


def smoothed(path: Path) -> None:
    cv2.imwrite(str(path), cv2.blur(square(60, 80), (3, 3)))


def colored(path: Path) -> None:
    cv2.imwrite(str(path), nobody())


def of_a_palette(path: Path) -> None:
    Image.fromarray(square(60, 80)).convert("P").save(path)


def all_ignored(path: Path) -> None:
    cv2.imwrite(str(path), np.full((60, 80), 128, np.uint8))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "no such file: a.png has no mask; add it, or take the photo out"),
        (broken, "is broken"),
        (resized, "is 80x61, but a.png is 80x60; make the mask at the photo's size"),
        (smoothed, "has unknown values: 28, 57, .*; save it without smoothing"),
        (colored, "is no mask: its pixels are of Pillow's mode RGB; save it as 8-bit gray"),
        (of_a_palette, "is no mask: its pixels are of Pillow's mode P; save it as 8-bit gray"),
        (all_ignored, "every pixel is ignored; take the photo out"),
    ],
)
def test_a_bad_mask_is_one_line_that_names_it_and_the_remedy(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    path = write_folder(tmp_path / "set", {"a": (nobody(), square(60, 80))})
    mask = path / "masks" / "a.png"
    spoil(mask)
    with pytest.raises(InputFileError, match=said) as raised:
        read_all(open_dataset(path))
    assert str(raised.value).startswith(f"{mask}: ")
    assert "\n" not in str(raised.value)


def test_a_bad_photo_is_named(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {"a": (nobody(), square(60, 80))})
    broken(path / "images" / "a.png")
    with pytest.raises(InputFileError, match=r"images/a\.png: is not a photo, or is broken"):
        read_all(open_dataset(path))


def test_labels_that_voc_does_not_have_are_refused(tmp_path: Path) -> None:
    path = write_voc(tmp_path / "voc", {"a": (nobody(2, 3), VOC + 6)})
    with pytest.raises(InputFileError, match=r"a\.png: has unknown values: 21; labels are 0 to 20"):
        read_all(open_dataset(path))


@pytest.mark.parametrize(
    "missing", ["JPEGImages/a.jpg", "SegmentationClass/a.png", "ImageSets/Segmentation/val.txt"]
)
def test_what_is_missing_of_voc_is_named(tmp_path: Path, missing: str) -> None:
    path = write_voc(tmp_path / "voc", {"a": (nobody(2, 3), VOC)})
    (path / missing).unlink()
    with pytest.raises(InputFileError, match=missing):
        open_dataset(path)


def test_what_is_no_dataset_says_what_one_is(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for path, said in ((tmp_path, "is no dataset"), (tmp_path / "missing", "no such folder")):
        with pytest.raises(InputFileError, match=f"{said}; give a folder that holds images/ and"):
            open_dataset(path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(InputFileError, match="holds no photo"):
        open_dataset(tmp_path)


def test_two_photos_never_share_a_mask(tmp_path: Path) -> None:
    path = small_folder(tmp_path / "set")
    (path / "images/dark.jpg").write_bytes(b"")
    with pytest.raises(InputFileError, match=r"dark\.jpg has the same mask"):
        open_dataset(path)


def test_what_is_passed_over_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = small_folder(tmp_path / "set")
    (path / "images/notes.txt").write_text("")
    (path / "images/.hidden").write_text("")
    (path / "masks/lonely.png").write_text("")
    with caplog.at_level(logging.WARNING):
        assert len(open_dataset(path).items) == 3
    assert "passed over: notes.txt" in caplog.text
    assert "without a photo: lonely" in caplog.text


def test_hashes_follow_the_pixels_and_not_the_file(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {"a": (nobody(), square(60, 80))})
    dataset = open_dataset(path)
    before = dataset.read(dataset.items[0]).hashes
    mask = path / "masks/a.png"
    Image.open(mask).save(mask, compress_level=0)
    assert dataset.read(dataset.items[0]).hashes == before
    cv2.imwrite(str(mask), square(60, 80, 128))
    assert dataset.read(dataset.items[0]).hashes[1] != before[1]


def test_the_real_datasets_are_read(shared: Path) -> None:
    counts = {}
    for name in ("nprportrait", "coco_permissive"):
        dataset = open_dataset(shared / "dataset" / name)
        dataset.read(dataset.items[0])
        counts[name] = len(dataset.items)
    assert counts == {"nprportrait": 40, "coco_permissive": 49}
