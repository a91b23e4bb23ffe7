"""What was measured, as numbers, and as tables for the terminal and for a page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.quality.chains import By, Compared
from benchmarks.quality.edges import RAW, TOLERANCES, EdgeQuality
from benchmarks.quality.figures import VISIBLE, Halo, Score
from benchmarks.quality.halo import ALLOWED, Bin, HaloReport

REQUIRED: dict[By, float] = {"truth": 6.0, "network": 2.0}
"""Decibels that the natural style is to be nearer to the ideal than the tutorial's chain, with the
tutorial's square."""
BY = {"truth": "the true mask", "network": "the network's"}
WORLDS = {
    "continued": "went on smoothly",
    "inverted": "differed from that the other way",
    "turned": "were that of the scene turned round",
}


@dataclass(frozen=True)
class Quality:
    """A run of the suite.

    Attributes
    ----------
    host : dict
        The machine and the versions.
    model : str
    seed : int
    size : (int, int)
        Height and width of a scene.
    compared : tuple of Compared
    halo : HaloReport
    edges : tuple of EdgeQuality
    """

    host: dict[str, Any]
    model: str
    seed: int
    size: tuple[int, int]
    compared: tuple[Compared, ...]
    halo: HaloReport
    edges: tuple[EdgeQuality, ...]


@dataclass(frozen=True)
class Gain:
    """Both chains over all scenes, with one blur and by one mask.

    Attributes
    ----------
    tutorial, natural : Score
        Means.
    gain, least : float
        Decibels: the mean over the scenes, and the worst scene's.
    """

    tutorial: Score
    natural: Score
    gain: float
    least: float


def gain_of(scenes: Sequence[Compared]) -> Gain:
    """Take the means over scenes."""

    def middle(scores: Sequence[Score]) -> Score:
        return Score(mean(one.psnr for one in scores), mean(one.ssim for one in scores))

    gains = [scene.gain for scene in scenes]
    return Gain(
        middle([scene.tutorial for scene in scenes]),
        middle([scene.natural for scene in scenes]),
        mean(gains),
        min(gains),
    )


def gains(compared: Sequence[Compared]) -> dict[tuple[str, float, By], Gain]:
    """Take the means by kernel, size and whose mask it was."""
    groups: dict[tuple[str, float, By], list[Compared]] = {}
    for one in compared:
        groups.setdefault((one.kernel, one.size, one.by), []).append(one)
    return {group: gain_of(scenes) for group, scenes in groups.items()}


def failures(quality: Quality) -> list[str]:
    """Name each requirement that is not met."""
    missed = []
    for (kernel, size, by), gain in gains(quality.compared).items():
        if (kernel, size) != ("box", 13):
            continue
        if gain.gain < REQUIRED[by]:
            missed.append(f"{BY[by]}: {gain.gain:+.2f} dB, wanted {REQUIRED[by]:+.0f}")
        if gain.natural.ssim <= gain.tutorial.ssim:
            missed.append(f"{BY[by]}: SSIM is not higher")
    if quality.halo.natural.below > ALLOWED:
        missed.append(
            f"halo: {percent(quality.halo.natural.below)} of the pixels are too dark, wanted "
            f"{percent(ALLOWED)}"
        )
    return missed


def percent(share: float) -> str:
    """Write a share.

    >>> percent(0.02238)
    '2.24 %'
    """
    return f"{100 * share:.2f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown, which a terminal shows well too."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    ruled = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), ruled, *map(line, rows)]) + "\n"


def gain_table(compared: Sequence[Compared]) -> str:
    """Write how near both chains are to the ideal."""
    head = (
        "blur",
        "mask",
        "tutorial's chain, dB",
        "natural, dB",
        "gain",
        "worst scene",
        "SSIM",
        "natural",
    )
    rows = [
        (
            f"{kernel} {size:g}",
            BY[by],
            f"{gain.tutorial.psnr:.2f}",
            f"{gain.natural.psnr:.2f}",
            f"{gain.gain:+.2f}",
            f"{gain.least:+.2f}",
            f"{gain.tutorial.ssim:.4f}",
            f"{gain.natural.ssim:.4f}",
        )
        for (kernel, size, by), gain in gains(compared).items()
    ]
    return table(head, rows)


def halo_cells(one: Halo) -> tuple[str, str, str]:
    """Write a halo's three numbers."""
    return percent(one.below), percent(one.above), f"{one.mean:+.2f}"


def halo_table(report: HaloReport) -> str:
    """Write the halo of both chains and of other ways to fill in."""
    rows = [
        ("tutorial", *halo_cells(report.tutorial)),
        ("natural", *halo_cells(report.natural)),
        (f"natural, {report.raised:.0f} levels brighter", *halo_cells(report.raised_halo)),
        *((name, *halo_cells(one)) for name, one in report.fills.items()),
    ]
    head = ("what is behind", f"> {VISIBLE} too dark", f"> {VISIBLE} too bright", "mean, levels")
    return table(head, rows)


def bin_table(report: HaloReport) -> str:
    """Write the natural style's halo by how different the halves of the kernel are."""
    rows = [
        (f"{one.low:g} to {one.high:g}", percent(one.share), *halo_cells(one.natural))
        for one in report.bins
    ]
    smooth = (f"smooth: deviation up to {VISIBLE}", percent(report.smooth_share))
    rows.append((*smooth, *halo_cells(report.smooth)))
    head = (
        "hidden and seen half apart, levels",
        "pixels",
        f"> {VISIBLE} too dark",
        f"> {VISIBLE} too bright",
        "mean, levels",
    )
    return table(head, rows)


def least_table(report: HaloReport) -> str:
    """Write what no method can get right."""
    rows = [(WORLDS[name], percent(share)) for name, share in report.least.items()]
    return table(("as if what is hidden", "visibly wrong, at least"), rows)


def edge_table(edges: Sequence[EdgeQuality]) -> str:
    """Write the boundary F-scores and the IoU of each way to find the edge."""
    rows = []
    for edge in dict.fromkeys(one.edge for one in edges):
        photos = [one for one in edges if one.edge == edge]
        close = [mean(one.boundary_f[place] for one in photos) for place in range(len(TOLERANCES))]
        name = "the tutorial's mask" if edge == RAW else f"`{edge}`"
        iou = mean(one.iou for one in photos)
        rows.append((name, *(f"{one:.4f}" for one in close), f"{iou:.4f}"))
    return table(("edge", *(f"{pixels} px" for pixels in TOLERANCES), "IoU"), rows)


def markdown(quality: Quality) -> str:
    """Write every table."""
    count = len({one.scene for one in quality.compared})
    halo = quality.halo
    height, width = quality.size
    parts = [
        f"{count} scenes of {width}x{height}, `{quality.model}`:",
        gain_table(quality.compared),
        f"The halo with the true mask, box of 13 pixels, {halo.pixels:,} background pixels of the "
        "band:",
        halo_table(halo),
        "The natural style's, by the difference of what the kernel sees and what is hidden:",
        bin_table(halo),
        "The least that any method gets wrong, taken over the true background and another:",
        least_table(halo),
        f"Boundary F-score and IoU of {len({one.photo for one in quality.edges})} portraits:",
        edge_table(quality.edges),
    ]
    return "\n".join(part if part.endswith("\n") else f"{part}\n" for part in parts)


def write(quality: Quality, path: Path) -> None:
    """Write a run as JSON."""
    path.write_text(json.dumps(_rounded(dataclasses.asdict(quality)), indent=1) + "\n")


def _rounded(found: Any) -> Any:
    """Round every number: the tables need no more."""
    if isinstance(found, dict):
        return {name: _rounded(one) for name, one in found.items()}
    if isinstance(found, (list, tuple)):
        return [_rounded(one) for one in found]
    return round(found, 6) if isinstance(found, float) else found


def read(path: Path) -> Quality:
    """Read a run again."""
    found = json.loads(path.read_text())
    halo = found.pop("halo")
    found["size"] = tuple(found["size"])
    compared = tuple(
        Compared(
            **{
                **one,
                "tutorial": Score(**one["tutorial"]),
                "natural": Score(**one["natural"]),
            }
        )
        for one in found.pop("compared")
    )
    edges = tuple(
        EdgeQuality(**{**one, "boundary_f": tuple(one["boundary_f"])}) for one in found.pop("edges")
    )
    return Quality(**found, compared=compared, halo=_halo_report(halo), edges=edges)


def _halo_report(found: dict[str, Any]) -> HaloReport:
    for name in ("tutorial", "natural", "smooth", "raised_halo"):
        found[name] = Halo(**found[name])
    found["fills"] = {name: Halo(**one) for name, one in found["fills"].items()}
    found["bins"] = tuple(
        Bin(**{**one, "natural": Halo(**one["natural"])}) for one in found["bins"]
    )
    return HaloReport(**found)
