"""The models that are known by name: a catalog of archives, and the bundled network."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.graphs.labels import LABEL_SETS
from toolkit.graphs.network import Network

ARCHIVE_SUFFIX = ".tar.gz"
GRAPH_FILE = "frozen_inference_graph.pb"


@dataclass(frozen=True)
class ModelSpec:
    """A catalog entry: an archive that can be fetched.

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
    license : str
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
    license: str
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
    name, about, license : str
        As in `ModelSpec`.
    graph, onnx : Path
        The frozen graph and its ONNX export.
    network : Network
        Crop and labels.
    """

    name: str
    about: str
    license: str
    graph: Path
    onnx: Path
    network: Network


@dataclass(frozen=True)
class Catalog:
    """Every model that is known by name.

    Attributes
    ----------
    models : mapping of str to ModelSpec
        By name, in the catalog's order.
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
    root = Path(__file__).resolve().parents[2]
    in_tree = (root / "pyproject.toml").is_file() and (root / "models" / "catalog.toml").is_file()
    return root if in_tree else None


def bundled_folder() -> Path:
    """Return the folder of the catalog and the bundled network: in the tree or in the wheel."""
    root = source_tree()
    return root / "models" if root else Path(__file__).resolve().parents[1] / "_models"


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
    bundled = table["bundled"]
    home = folder / bundled["folder"]
    return Catalog(
        models={entry["name"]: _spec(entry) for entry in table["model"]},
        bundled=BundledModel(
            name=bundled["name"],
            about=bundled["about"],
            license=bundled["license"],
            graph=home / bundled["graph"],
            onnx=home / bundled["onnx"],
            network=Network(_crop(bundled["crop"]), LABEL_SETS[bundled["labels"]]),
        ),
    )


def _spec(entry: dict[str, Any]) -> ModelSpec:
    return ModelSpec(
        name=entry["name"],
        about=entry["about"],
        urls=tuple(entry["urls"]),
        size=entry.get("size"),
        sha256=entry.get("sha256"),
        license=entry["license"],
        crop=_crop(entry["crop"]) if "crop" in entry else None,
        labels=LABEL_SETS[entry["labels"]] if "labels" in entry else None,
        default=entry.get("default", False),
    )


def _crop(sides: list[int]) -> tuple[int, int]:
    height, width = sides
    return height, width
