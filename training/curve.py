"""A run's curve as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any


def draw(curve: Sequence[dict[str, Any]]) -> bytes:
    """Draw the loss and the quality on the kept-back photos over the steps.

    Parameters
    ----------
    curve : sequence of dict
        As the checkpoint holds it: `step`, `loss` and, where it was validated, `iou` and
        `false_share`.

    Returns
    -------
    bytes
        A PNG.
    """
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    left = figure.subplots()
    left.plot([at["step"] for at in curve], [at["loss"] for at in curve], color="tab:gray")
    left.set(xlabel="step", ylabel="loss on samples", ylim=(0, None))
    right = left.twinx()
    judged = [at for at in curve if "iou" in at]
    for name in sorted({name for at in judged for name in at["iou"]}):
        points = [(at["step"], at["iou"][name]) for at in judged if name in at["iou"]]
        right.plot(*zip(*points, strict=True), marker=".", label=name)
    right.set(ylabel="mean person IoU, kept-back photos", ylim=(0, 1))
    if judged:
        right.legend(loc="lower right")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, metadata={"Software": None})
    return buffer.getvalue()
