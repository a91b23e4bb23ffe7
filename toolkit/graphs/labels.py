"""Label names: the sets that the catalog's networks share, and a reader of text files."""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.errors import InputFileError

FILE_LIMIT = 2**20
NAME_LIMIT = 200

LABEL_SETS: dict[str, tuple[str, ...]] = {
    "pascal_voc": (
        "background",
        "aeroplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    ),
    "cityscapes": (
        *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light"),
        *("traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car", "truck"),
        *("bus", "train", "motorcycle", "bicycle"),
    ),
}
"""Label names of the catalog's networks; the place of a name is its number."""

_NUMBERED = re.compile(r"(\d{1,6})\t(.*)")
_REMEDY = "give one name per line, or NUMBER<TAB>NAME, in UTF-8"


def read_labels(path: Path) -> tuple[str, ...]:
    """Read label names: one per line in the order of their numbers, or ``NUMBER<TAB>NAME``.

    Parameters
    ----------
    path : Path
        UTF-8, at most 1 MiB. Empty lines at the end are passed over.

    Returns
    -------
    tuple of str
        A label's place is its number.

    Raises
    ------
    InputFileError
        The file can't be read, is too large or no such text; a name is empty, too long or has
        control characters; numbers are missing or given twice.
    """
    try:
        if path.exists() and not path.is_file():  # reading a fifo would wait forever
            raise InputFileError(path, "is not a regular file", _REMEDY)
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise InputFileError(path, f"can't be read ({error.strerror})") from error
    if len(data) > FILE_LIMIT:
        raise InputFileError(path, "is larger than 1 MiB", _REMEDY)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputFileError(path, "is not UTF-8", _REMEDY) from error
    lines = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    numbered = [(int(found[1]), found[2]) for found in matches if found]
    if not numbered:
        return tuple(_checked(name, number, path) for number, name in enumerate(lines, start=1))
    if len(numbered) < len(lines):
        line = matches.index(None) + 1
        raise InputFileError(path, f"line {line} has no number, others have", _REMEDY)
    names = dict(numbered)
    if sorted(names) != list(range(len(lines))):
        raise InputFileError(path, f"its numbers are not 0 to {len(lines) - 1}, each once", _REMEDY)
    return tuple(_checked(names[number], number + 1, path) for number in range(len(lines)))


def _checked(name: str, line: int, path: Path) -> str:
    name = name.strip(" ")
    if not name:
        raise InputFileError(path, f"label {line} has no name", _REMEDY)
    if len(name) > NAME_LIMIT:
        raise InputFileError(path, f"label {line} is longer than {NAME_LIMIT} characters", _REMEDY)
    if not name.isprintable():
        raise InputFileError(path, f"label {line} has control characters", _REMEDY)
    return name
