"""Draw the pictures of docs/gate-proof.md anew.

python -m benchmarks.gate.pictures [FOLDER]     # by default docs/images
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.gate.recording import Recording, read_recording
from benchmarks.gate.resampling import NOISES
from benchmarks.gate.simulate import (
    ALONE,
    INTERLEAVED,
    PARTS,
    RECORDINGS,
    SHARES,
    WANTED,
    Cell,
    Simulated,
    read_simulated,
)
from benchmarks.gate.tables import NOISE_NAMES, PAGE, wilson
from toolkit.gate.decision import HEAD, ROLES

FOLDER = PAGE.parent / "images"
REAL, SIMULATED = "real", "simulated from recorded noise"
ALARMS, FOUND = 0.01, 0.95
"""What the gate has to keep: at most, and at least."""

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "toolkit",  # the same bytes each time
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
LIMIT = {"color": "0.3", "linestyle": "--", "linewidth": 1}


def draw() -> dict[str, Figure]:
    """Draw every picture, by file name."""
    simulated = read_simulated()
    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        return {
            "gate-noise.svg": noise_picture(),
            "gate-equal.svg": equal_picture(simulated),
            "gate-power.svg": power_picture(simulated),
            "gate-choices.svg": choices_picture(simulated),
        }


def noise_picture() -> Figure:
    """Draw both recordings: the times, and the head over base and control in each round."""
    figure = Figure(figsize=(9, 4.8))
    axes = figure.subplots(2, 2, sharex="col", sharey="row")
    names = {INTERLEAVED: "in turns", ALONE: "one after the other"}
    for column, name in enumerate(names):
        recording = read_recording(RECORDINGS[name])
        minutes = (np.cumsum(recording.took) - recording.took) / 60
        times = recording.times_of(["segment"])[:, :, 0]
        for place, role in enumerate(ROLES):
            axes[0, column].plot(minutes, times[:, place] / 1e6, ".", ms=3, label=role)
        axes[0, column].set_title(f"Processes {names[name]} ({REAL})")
        axes[1, column].plot(minutes, _ratios(recording), ".", ms=3, color="0.2")
        for limit in (0.9, 1.1):
            axes[1, column].axhline(limit, **LIMIT)
        axes[1, column].set_xlabel("minutes of rounds")
    axes[0, 0].set_ylabel("segment, ms")
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].legend(loc="lower left", ncols=3, handletextpad=0.1, columnspacing=1)
    axes[1, 0].set_ylabel("head over base and control")
    return figure


def _ratios(recording: Recording) -> NDArray[np.float64]:
    logs = np.log(recording.times_of(["segment"])[:, :, 0])
    head = ROLES.index(HEAD)
    others = [place for place in range(len(ROLES)) if place != head]
    ratios: NDArray[np.float64] = np.exp(logs[:, head] - logs[:, others].mean(axis=1))
    return ratios


def equal_picture(simulated: Simulated) -> Figure:
    """Draw how gates on equal code end, by noise."""
    figure = Figure(figsize=(9, 2.6))
    left, right = figure.subplots(1, 2, sharey=True)
    rows = range(len(NOISES))
    for row, noise in enumerate(NOISES):
        found = simulated[Cell(noise=noise)]
        low, high = wilson(found.slower, found.gates)
        share = found.slower / found.gates
        left.errorbar(
            100 * share,
            row,
            xerr=[[100 * (share - low)], [100 * (high - share)]],
            fmt="o",
            ms=5,
            capsize=3,
            color="C3",
        )
        right.barh(row, 100 * found.passed / found.gates, color="C2")
        right.barh(
            row,
            100 * found.inconclusive / found.gates,
            left=100 * found.passed / found.gates,
            color="0.7",
        )
        right.text(99, row, f"{found.rounds / found.gates:.0f} rounds", ha="right", va="center")
    left.axvline(100 * ALARMS, **LIMIT)
    left.text(98 * ALARMS, 0.5, "at most 1 %", ha="right", va="center")
    left.set(yticks=rows, yticklabels=[NOISE_NAMES[noise] for noise in NOISES], xlim=(0, 1.1))
    left.invert_yaxis()
    left.set(xlabel="false alarms, % (95 % interval)", title=f"Equal code ({SIMULATED})")
    right.set(xlabel="% of the gates", xlim=(0, 100), title="Passed (green), inconclusive (gray)")
    return figure


def power_picture(simulated: Simulated) -> Figure:
    """Draw how often a slower stage is found and blamed, by how much slower it is."""
    figure = Figure(figsize=(9, 3.4))
    axes = figure.subplots(1, 2, sharex=True)
    shares = [0.0, *SHARES]
    for stage in PARTS:
        cells = [Cell()] + [Cell(stage=stage, share=share) for share in SHARES]
        found = [simulated[cell] for cell in cells]
        blamed = [100 * one.blamed / one.gates for one in found]
        unclear = [100 * one.inconclusive / one.gates for one in found]
        axes[0].plot([100 * share for share in shares], blamed, "o-", ms=3, label=stage)
        axes[1].plot([100 * share for share in shares], unclear, "o-", ms=3, label=stage)
    axes[0].axhline(100 * FOUND, **LIMIT)
    axes[0].axvline(100 * WANTED, **LIMIT)
    axes[0].text(50, 100 * FOUND - 2, "at least 95 % at 20 %", ha="right", va="top")
    axes[0].set(ylabel="% found and rightly blamed", title=f"One stage slower ({SIMULATED})")
    axes[0].legend(loc="lower right")
    axes[1].set(ylabel="% inconclusive", ylim=(0, 100), title="Without a verdict")
    for one in axes:
        one.set_xlabel("slower by, %")
    return figure


def choices_picture(simulated: Simulated) -> Figure:
    """Draw what the choice of test, base and turns costs: verdicts, and rounds."""
    choices = {
        "the gate": Cell(),
        "head against one base": Cell(rule="one base"),
        "Mann-Whitney": Cell(rule="Mann-Whitney"),
        "one process after the other": Cell(recording=ALONE),
    }
    figure = Figure(figsize=(9, 2.4))
    axes = figure.subplots(1, 3, sharey=True)
    for row, cell in enumerate(choices.values()):
        equal = simulated[cell]
        slow = [simulated[dataclasses.replace(cell, stage=stage, share=WANTED)] for stage in PARTS]
        values = (
            100 * equal.inconclusive / equal.gates,
            equal.rounds / equal.gates,
            sum(one.rounds for one in slow) / sum(one.gates for one in slow),
        )
        for one, value in zip(axes, values, strict=True):
            one.barh(row, value, color=f"C{row}")
            one.text(value, row, f" {value:.1f}", va="center")
    for one, title in zip(
        axes,
        ("equal code: no verdict, %", "equal code: rounds", "20 % slower: rounds"),
        strict=True,
    ):
        one.set_title(title)
        one.margins(x=0.2)
        one.grid(visible=False, axis="y")
    axes[0].set(yticks=range(len(choices)), yticklabels=choices)
    axes[0].invert_yaxis()
    figure.suptitle(SIMULATED[0].upper() + SIMULATED[1:], fontsize="medium")
    return figure


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for file, picture in draw().items():
        picture.savefig(folder / file, metadata={"Date": None}, dpi=110)
