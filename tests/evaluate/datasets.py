"""Small datasets of both layouts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from toolkit.imaging import demo_photo, write_photo
from toolkit.report.pictures import label_colors

Pixels = NDArray[np.uint8]
HEIGHT, WIDTH = 60, 80


def person() -> Pixels:
    """A photo in which the bundled network finds a person."""
    return demo_photo()[:240, :320]


def nobody(height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """A photo in which it finds none."""
    return np.full((height, width, 3), 60, np.uint8)


def square(height: int, width: int, value: int = 255) -> Pixels:
    """A mask whose middle is the subject."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = value
    return mask


def write_folder(path: Path, photos: Mapping[str, tuple[Pixels, NDArray[Any]]]) -> Path:
    """Write photos and masks, by stem."""
    for part in ("images", "masks"):
        (path / part).mkdir(parents=True, exist_ok=True)
    for stem, (photo, mask) in photos.items():
        write_photo(path / "images" / f"{stem}.png", photo)
        cv2.imwrite(str(path / "masks" / f"{stem}.png"), mask)
    return path


def small_folder(path: Path) -> Path:
    """Write a dataset of two photos with a person, and one without."""
    return write_folder(
        path,
        {
            "astronaut": (person(), square(240, 320)),
            "dark": (nobody(), square(HEIGHT, WIDTH)),
            "empty": (nobody(), np.zeros((HEIGHT, WIDTH), np.uint8)),
        },
    )


def write_voc(path: Path, photos: Mapping[str, tuple[Pixels, NDArray[Any]]]) -> Path:
    """Write photos and palette masks in VOC's layout, by name."""
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (path / part).mkdir(parents=True, exist_ok=True)
    for name, (photo, labels) in photos.items():
        write_photo(path / "JPEGImages" / f"{name}.jpg", photo)
        mask = Image.fromarray(labels.astype(np.uint8), mode="P")
        mask.putpalette(label_colors()[:, ::-1].tobytes())
        mask.save(path / "SegmentationClass" / f"{name}.png")
    listing = "".join(f"{name}\n" for name in photos)
    (path / "ImageSets/Segmentation/val.txt").write_text(listing)
    return path
