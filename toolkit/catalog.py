"""Which models exist: the catalogue, the bundled network, and the contract they all share."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError

ARCHIVE_SUFFIX = ".tar.gz"
GRAPH_FILE = "frozen_inference_graph.pb"


@dataclass(frozen=True)
class TensorSpec:
    """A tensor every graph here must have.

    Attributes
    ----------
    name : str
        ``node:index``.
    dtypes : tuple of str
        The NumPy dtype names allowed.
    rank : int
        Number of dimensions.
    layout : str
        The shape in words.
    """

    name: str
    dtypes: tuple[str, ...]
    rank: int
    layout: str


INPUT = TensorSpec("ImageTensor:0", ("uint8",), 4, "[1, H, W, 3] RGB, 0..255")
OUTPUT = TensorSpec("SemanticPredictions:0", ("int32", "int64"), 3, "[1, H, W] label map")
SUBJECT = TensorSpec("Subject:0", ("int64",), 0, "[] label")
"""A second input, of exports that give one subject's mask; frozen graphs have none."""
LOGITS = TensorSpec("Logits:0", ("float32",), 4, "[1, labels, rows, columns]")
"""A second output, of exports that were asked for it."""


@dataclass(frozen=True)
class Network:
    """What has to be known of a network to feed it and to read its label map.

    Attributes
    ----------
    crop : (int, int)
        Height and width in pixels of the square or rectangle the graph resizes and pads to.
    labels : tuple of str
        Name of each label; its place is its number in the label map.
    resizes : bool
        Whether the graph resizes what it is given to fit its crop. Of a graph that does not, no
        side may be longer than the crop's.
    """

    crop: tuple[int, int]
    labels: tuple[str, ...]
    resizes: bool = True

    def takes(self, height: int, width: int) -> bool:
        """Whether an image of this size can be given to the graph."""
        return self.resizes or (height <= self.crop[0] and width <= self.crop[1])

    def label_id(self, subject: str) -> int | None:
        """Return the number of the label given by name or number, None where there is none.

        >>> Network((513, 513), ("background", "person")).label_id("person")
        1
        >>> Network((513, 513), ("background", "person")).label_id("1")
        1
        """
        folded = subject.strip().casefold()
        for number, name in enumerate(self.labels):
            if folded in (name.casefold(), str(number)):
                return number
        return None

    def require_label(self, subject: str) -> int:
        """Return the number of the label given by name or number.

        Raises
        ------
        UsageError
            The network has no such label.
        """
        label = self.label_id(subject)
        if label is None:
            raise UsageError(
                f"the model has no label {subject!r}",
                f"choose with --subject from: {', '.join(self.labels)}",
            )
        return label


@dataclass(frozen=True)
class ModelSpec:
    """A catalogue entry: an archive that can be fetched.

    Attributes
    ----------
    name : str
        The archive's file name without ``.tar.gz``.
    about : str
        One line for people.
    urls : tuple of str
        Origins, tried in turn; all serve the same bytes.
    size : int or None
        Bytes of the archive; None where the publisher gives none.
    sha256 : str or None
        Of the archive; None means: pinned on first use.
    licence : str
        SPDX identifier.
    crop : (int, int) or None
        Height and width of the network's crop; None where only the graph knows.
    labels : tuple of str or None
        Label names; None where they are not known.
    default : bool
        Whether it is used where no MODEL is given.
    """

    name: str
    about: str
    urls: tuple[str, ...]
    size: int | None
    sha256: str | None
    licence: str
    crop: tuple[int, int] | None
    labels: tuple[str, ...] | None
    default: bool

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return self.name + ARCHIVE_SUFFIX


@dataclass(frozen=True)
class BundledModel:
    """The network that travels with the package.

    Attributes
    ----------
    name, about, licence : str
        As in `ModelSpec`.
    graph, onnx : Path
        The frozen graph and its ONNX export.
    network : Network
        Crop and labels.
    """

    name: str
    about: str
    licence: str
    graph: Path
    onnx: Path
    network: Network


@dataclass(frozen=True)
class Catalog:
    """Every model that is known by name.

    Attributes
    ----------
    models : mapping of str to ModelSpec
        By name, in the catalogue's order.
    bundled : BundledModel
        The one that needs no fetch.
    """

    models: Mapping[str, ModelSpec]
    bundled: BundledModel

    @property
    def default(self) -> ModelSpec:
        """The official network: used where no MODEL is given and it is in the store."""
        return next(spec for spec in self.models.values() if spec.default)


def source_tree() -> Path | None:
    """Return the root of the source tree the package is imported from, None where installed."""
    root = Path(__file__).resolve().parent.parent
    in_tree = (root / "pyproject.toml").is_file() and (root / "models" / "catalog.toml").is_file()
    return root if in_tree else None


def bundled_folder() -> Path:
    """Return the folder of the catalogue and the bundled network: in the tree or in the wheel."""
    root = source_tree()
    return root / "models" if root else Path(__file__).resolve().parent / "_models"


def generic_labels(count: int) -> tuple[str, ...]:
    """Return label names for a network whose own are not known.

    21 labels are taken for PASCAL VOC's, as in every zoo network of that width.

    >>> generic_labels(3)
    ('label 0', 'label 1', 'label 2')
    >>> generic_labels(21)[15]
    'person'
    """
    voc = load_catalog().bundled.network.labels
    return voc if count == len(voc) else tuple(f"label {number}" for number in range(count))


@functools.cache
def load_catalog(folder: Path | None = None) -> Catalog:
    """Read ``catalog.toml``.

    Parameters
    ----------
    folder : Path, optional
        Where it lies with the bundled network; by default the package's own.

    Returns
    -------
    Catalog
    """
    folder = folder or bundled_folder()
    table = tomllib.loads((folder / "catalog.toml").read_text(encoding="utf-8"))
    label_sets = {key: tuple(names) for key, names in table["labels"].items()}
    bundled = table["bundled"]
    home = folder / bundled["folder"]
    return Catalog(
        models={entry["name"]: _spec(entry, label_sets) for entry in table["model"]},
        bundled=BundledModel(
            name=bundled["name"],
            about=bundled["about"],
            licence=bundled["licence"],
            graph=home / bundled["graph"],
            onnx=home / bundled["onnx"],
            network=Network(_crop(bundled["crop"]), label_sets[bundled["labels"]]),
        ),
    )


def _spec(entry: dict[str, Any], label_sets: dict[str, tuple[str, ...]]) -> ModelSpec:
    return ModelSpec(
        name=entry["name"],
        about=entry["about"],
        urls=tuple(entry["urls"]),
        size=entry.get("size"),
        sha256=entry.get("sha256"),
        licence=entry["licence"],
        crop=_crop(entry["crop"]) if "crop" in entry else None,
        labels=label_sets[entry["labels"]] if "labels" in entry else None,
        default=entry.get("default", False),
    )


def _crop(sides: list[int]) -> tuple[int, int]:
    height, width = sides
    return height, width
