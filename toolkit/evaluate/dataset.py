"""Photos with ground truth, in two layouts: ``images/`` and ``masks/``, and PASCAL VOC's.

A dataset is listed at once, so that a missing mask is found before any work, and read photo by
photo. Whatever is wrong with a file is an error that names it: a photo left out in silence would
change every figure.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from toolkit.errors import InputFileError
from toolkit.graphs.network import Network
from toolkit.hub.catalog import load_catalog
from toolkit.imaging import FORMATS, pixels_sha256, read_photo

log = logging.getLogger(__name__)

Layout = Literal["folder", "voc"]

SUBJECT, IGNORED, REST = 255, 128, 0
"""Values of a mask in the folder layout."""
VOC_VOID = 255
"""The index in VOC's masks that is left out: the contours, and what is hard to tell."""


@dataclass(frozen=True)
class Item:
    """A photo and its mask, not read yet.

    Attributes
    ----------
    name : str
        The photo's file name.
    photo, mask : Path
    """

    name: str
    photo: Path
    mask: Path


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of a photo.

    Attributes
    ----------
    subject : (H, W) bool
    ignored : (H, W) bool
        Pixels that are not judged; no pixel is both.
    """

    subject: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabeledPhoto:
    """A photo with its mask as it lies in the file.

    Attributes
    ----------
    name : str
    bgr : (H, W, 3) uint8, BGR
    mask : (H, W) uint8
        In the folder layout 255 the subject, 128 ignored, 0 the rest; in VOC's the label, 255
        ignored.
    layout : {"folder", "voc"}
    """

    name: str
    bgr: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    layout: Layout

    def truth(self, subject: int) -> Truth:
        """Return the ground truth of a subject.

        Parameters
        ----------
        subject : int
            Its label in VOC's numbers; of no consequence in the folder layout, whose masks know one
            subject alone.
        """
        if self.layout == "folder":
            return Truth(self.mask == SUBJECT, self.mask == IGNORED)
        ignored = self.mask == VOC_VOID
        return Truth((self.mask == subject) & ~ignored, ignored)

    @property
    def hashes(self) -> tuple[str, str]:
        """SHA-256 of the photo's decoded pixels, as in a bench report, and of its mask's."""
        return pixels_sha256(self.bgr), pixels_sha256(self.mask)


@dataclass(frozen=True)
class Dataset:
    """Photos with ground truth.

    Attributes
    ----------
    path : Path or str
        Its folder.
    layout : {"folder", "voc"}
    items : tuple of Item
        In the order of their names; at least one.
    """

    path: Path
    layout: Layout
    items: tuple[Item, ...]

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the labels where every pixel has one: those of PASCAL VOC."""
        return voc_labels() if self.layout == "voc" else None

    def first(self, count: int | None) -> Dataset:
        """Return the dataset of its first photos by name; all of them without a count."""
        return Dataset(self.path, self.layout, self.items[:count])

    def read(self, item: Item) -> LabeledPhoto:
        """Read a photo and its mask, and check that they fit.

        Raises
        ------
        InputFileError
            Either is missing, broken, too large, or the mask is of another size, of another kind,
            has unknown values, or leaves no pixel to be judged.
        """
        bgr = read_photo(item.photo).bgr
        mask = _read_mask(item.mask, self.layout)
        if mask.shape != bgr.shape[:2]:
            raise _wrong_size(item, mask, bgr)
        _check_values(item.mask, mask, self.layout)
        return LabeledPhoto(item.name, bgr, mask, self.layout)


def voc_labels() -> tuple[str, ...]:
    """Return PASCAL VOC's labels by number: those of the catalog's official network."""
    labels = load_catalog().default.labels
    if labels is None:
        raise RuntimeError("the catalog's official network has no labels")
    return labels


def voc_number(subject: str) -> int:
    """Return the number of a label in VOC's masks, given by name or number.

    Raises
    ------
    UsageError
        VOC has no such label.
    """
    return Network((1, 1), voc_labels()).require_label(subject)


def open_dataset(path: Path | str) -> Dataset:
    """List a dataset.

    Parameters
    ----------
    path : Path or str
        A folder with ``images/`` and ``masks/``, each photo's mask a PNG of its name, or one in
        PASCAL VOC's layout, of which the photos of ``ImageSets/Segmentation/val.txt`` are taken.

    Raises
    ------
    InputFileError
        It is neither, has no photo, or a photo or a mask is missing.
    """
    path = Path(path)
    if (path / "JPEGImages").is_dir():
        return _list_voc(path)
    if (path / "images").is_dir() and (path / "masks").is_dir():
        return _list_folder(path)
    raise InputFileError(
        path,
        "is no dataset" if path.is_dir() else "no such folder",
        "give a folder that holds images/ and masks/, or JPEGImages/, SegmentationClass/ and "
        "ImageSets/ of PASCAL VOC",
    )


def _list_folder(path: Path) -> Dataset:
    items: dict[str, Item] = {}
    passed_over = []
    for photo in sorted(file for file in (path / "images").iterdir() if file.name[0] != "."):
        if photo.suffix.lower() not in FORMATS:
            passed_over.append(photo.name)
            continue
        if photo.stem in items:
            raise InputFileError(
                photo, f"{items[photo.stem].name} has the same mask", "give each a name of its own"
            )
        mask = path / "masks" / f"{photo.stem}.png"
        if not mask.is_file():
            raise InputFileError(
                mask, f"no such file: {photo.name} has no mask", "add it, or take the photo out"
            )
        items[photo.stem] = Item(photo.name, photo, mask)
    if passed_over:
        log.warning("%s: no photo, passed over: %s", path / "images", ", ".join(passed_over))
    lonely = sorted({mask.stem for mask in (path / "masks").glob("*.png")} - set(items))
    if lonely:
        log.warning("%s: without a photo: %s", path / "masks", ", ".join(lonely))
    if not items:
        raise InputFileError(path / "images", "holds no photo", "put the photos there")
    return Dataset(path, "folder", tuple(items.values()))


def _list_voc(path: Path) -> Dataset:
    listing = path / "ImageSets" / "Segmentation" / "val.txt"
    try:
        names = listing.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputFileError(
            listing, f"can't be read ({reason})", "it names the photos to judge, one a line"
        ) from error
    items = []
    for name in sorted(set(names)):
        photo = path / "JPEGImages" / f"{name}.jpg"
        mask = path / "SegmentationClass" / f"{name}.png"
        for file in (photo, mask):
            if not file.is_file():
                raise InputFileError(
                    file, f"no such file, but {listing.name} names it", "unpack the whole archive"
                )
        items.append(Item(photo.name, photo, mask))
    if not items:
        raise InputFileError(listing, "names no photo", "it names the photos to judge, one a line")
    return Dataset(path, "voc", tuple(items))


def _read_mask(path: Path, layout: Layout) -> NDArray[np.uint8]:
    """Return a mask's values: gray levels, or in VOC's layout the palette's numbers."""
    allowed = ("1", "L") if layout == "folder" else ("P", "L")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that Pillow can't make sense of
        try:
            with Image.open(path) as image:
                mode = image.mode
                pixels = np.asarray(image.convert("L") if mode == "1" else image)
        except Exception as error:
            # each of Pillow's decoders fails in its own way on hostile bytes
            raise InputFileError(
                path, f"is broken ({error or type(error).__name__})", "make or fetch it again"
            ) from error
    if mode not in allowed:
        raise InputFileError(
            path,
            f"is no mask: its pixels are of Pillow's mode {mode}",
            "save it as 8-bit gray: 255 the subject, 128 ignored, 0 the rest"
            if layout == "folder"
            else "save it as 8-bit palette PNG whose indices are the labels",
        )
    return np.asarray(pixels, np.uint8)


def _wrong_size(item: Item, mask: NDArray[Any], bgr: NDArray[Any]) -> InputFileError:
    (mask_height, mask_width), (height, width) = mask.shape[:2], bgr.shape[:2]
    turned = (mask_height, mask_width) == (width, height)
    return InputFileError(
        item.mask,
        f"is {mask_width}x{mask_height}, but {item.name} is {width}x{height}",
        "photos are turned upright as their EXIF says: turn the mask too"
        if turned
        else "make the mask at the photo's size",
    )


def _check_values(path: Path, mask: NDArray[np.uint8], layout: Layout) -> None:
    known = [REST, IGNORED, SUBJECT]
    if layout == "voc":
        known = [*range(len(voc_labels())), VOC_VOID]
    unknown = np.setdiff1d(mask, np.array(known, np.uint8))
    if unknown.size:
        shown = ", ".join(str(value) for value in unknown[:5]) + ", …" * (unknown.size > 5)
        raise InputFileError(
            path,
            f"has unknown values: {shown}",
            "save it without smoothing: 255 the subject, 128 ignored, 0 the rest"
            if layout == "folder"
            else f"labels are 0 to {known[-2]}, and 255 is ignored",
        )
    if (mask == (IGNORED if layout == "folder" else VOC_VOID)).all():
        raise InputFileError(path, "every pixel is ignored", "take the photo out")


def hash_of(parts: list[tuple[str, str, str]]) -> str:
    """Return a dataset's SHA-256, over each photo's name and the hashes of photo and mask."""
    text = "".join("\t".join(part) + "\n" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()
