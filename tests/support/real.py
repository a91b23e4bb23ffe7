"""A real network and real photos: those beside the checkout, or those of `make test-official`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.hub.store import Store

NAME = "deeplabv3_mnv2_pascal_coral"
GRAPH_SHA256 = "8fc172de91bd315fbaf3e76c567f3582c8167a5ddceedbb9df28e2241c60f2fd"
PUBLIC_DOMAIN = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg")
"""Photos in scikit-image's wheel that, by its docstrings, are public domain or CC0."""


@dataclass(frozen=True)
class RealNetwork:
    """A network that was trained on photos, fetched and converted.

    Attributes
    ----------
    name : str
    home : Path
        The folder of the store it is in.
    graph_sha256 : str
        What its graph's hash has to be.
    crop : (int, int)
        Height and width that it has to have.
    """

    name: str
    home: Path
    graph_sha256: str
    crop: tuple[int, int] = (513, 513)


@dataclass(frozen=True)
class RealPhotos:
    """Photos, and which of them shows what.

    Attributes
    ----------
    paths : tuple of Path
        All of them.
    people, nobody : Path
        One with people; one without anybody.
    portrait : Path
        One person, who fills a good part of it.
    least_kept : float
        Share of the labels, and IoU of the person, there with a profile that may change labels.
    varied : tuple of Path
        A few that have little in common.
    small : Path
        One that is quickly done.
    """

    paths: tuple[Path, ...]
    people: Path
    nobody: Path
    portrait: Path
    least_kept: float
    varied: tuple[Path, ...]
    small: Path


def shared_photos(shared: Path) -> RealPhotos:
    """The photos of the folder beside the checkout."""
    folder = shared / "photos"
    return RealPhotos(
        paths=tuple(sorted(path for path in folder.iterdir() if path.suffix != ".tsv")),
        people=folder / "derived_bike_riders_crop_1280x720.jpg",
        nobody=folder / "nextcloud_steps_noperson_1200x1800.jpg",
        portrait=folder / "rice_rgba_801x1024.png",
        least_kept=0.97,
        varied=(
            folder / "derived_bike_riders_crop_1280x720.jpg",
            folder / "ibm_terrace_noperson_1280x853.jpg",
            folder / "immich_portrait_gray_exif6_700x840.jpg",
            folder / "wp_hero_podcast_rgba_631x631.webp",
        ),
        small=folder / "hopper_tiny_128x128.jpg",
    )


def public_photos() -> Iterator[Path]:
    """Yield the photos that scikit-image brings and that belong to nobody."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    yield from (folder / name for name in PUBLIC_DOMAIN if (folder / name).is_file())


def official_photos(folder: Path) -> RealPhotos:
    """The photos that `make test-official` put into its folder, and scikit-image's for the rest."""
    named = {path.name: path for path in public_photos()}
    return RealPhotos(
        paths=tuple(sorted((folder / "photos").iterdir())),
        people=named["astronaut.png"],
        nobody=named["rocket.jpg"],
        portrait=named["astronaut.png"],
        least_kept=0.93,
        varied=(named["camera.png"], named["chelsea.png"], named["coffee.png"]),
        small=named["chelsea.png"],
    )


def official_network(folder: Path) -> RealNetwork:
    """The one network that `make test-official` fetched into its folder."""
    home = folder / "store"
    (found,) = (path for path in (home / "models").iterdir() if not path.name.startswith("."))
    source = Store(home / "models", home / "exported").source(found.name)
    assert source is not None
    return RealNetwork(found.name, home, source.graph_sha256, source.crop)
