"""Numbers into SVG that sits in a page: sharp at any size, its colors the page's own.

Text stays text, in the page's font. Colors are CSS variables, so that a dark page is dark in its
figures too: while Matplotlib draws, stand-ins hold their places. Layout is in inches and measures
no text, and ids come from a fixed salt: the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.4
"""Inches; at 96 pixels each it fits a phone's page almost one to one."""
COLORS = 8
"""How many variants get a color of their own before colors come round again."""
EDGE = 0.08
LONGEST_NAME = 22
TEXT, SMALL = 11.5, 10.5
"""Points: on a phone a point is about a pixel."""

# Stand-ins and what each becomes.
_INK, _FAINT, _LINE = "#010203", "#010204", "#010205"
_PALETTE = {_INK: "var(--ink)", _FAINT: "var(--faint)", _LINE: "var(--line)"} | {
    f"#0a0b{number:02x}": f"var(--v{number})" for number in range(COLORS)
}
_STAND_IN = re.compile("|".join(_PALETTE))

_UNWANTED = (
    re.compile(r"<!--.*?-->\s*", re.DOTALL),
    re.compile(r"<defs>\s*<style.*?</style>\s*</defs>\s*", re.DOTALL),  # would style the page
    re.compile(r' id="[a-z0-9.]+_[0-9]+"', re.IGNORECASE),  # figure_1: the same in every figure
    re.compile(r" font-family: [^;\"]*;"),
)


@dataclass(frozen=True)
class Row:
    """A line of a figure.

    Attributes
    ----------
    name : str
    color : int
        Place of its color.
    values : tuple of float
        What is drawn as dots, in order.
    middle : float
    low, high : float or None
        The interval.
    label : str
        The middle in words.
    """

    name: str
    color: int
    middle: float
    label: str
    values: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None


def strip_plot(name: str, rows: Sequence[Row], unit: str) -> str:
    """Draw every value as a dot, with median and interval below; a row per variant.

    Parameters
    ----------
    name : str
        What tells this figure's ids from others' on the page.
    rows : sequence of Row
        At least one.
    unit : str
        Of the axis.

    Returns
    -------
    str
        An ``svg`` element.
    """
    row_height, foot = 0.82, 0.50
    height = row_height * len(rows) + foot
    with _blank(name, height) as page:
        axes = page.axes(foot, height - foot)
        _strips(axes, rows, unit)
    return page.svg()


def _strips(axes: Axes, rows: Sequence[Row], unit: str) -> None:
    ends = [end for row in rows for end in (*row.values, row.low, row.high) if end is not None]
    low, high = min(ends), max(ends)
    pad = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(len(rows), 0)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.tick_params(axis="x", colors=_FAINT, labelsize=SMALL, length=3)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color=_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(unit, color=_FAINT, fontsize=SMALL, labelpad=2)
    for place, row in enumerate(rows):
        color = _color(row.color)
        _headline(axes, place + 0.22, row)
        # from the first round at the top to the last at the bottom: a drift shows as a slope
        steps = max(len(row.values) - 1, 1)
        heights = [place + 0.40 + 0.24 * number / steps for number in range(len(row.values))]
        axes.plot(
            row.values, heights, "o", color=color, markersize=4.5, markeredgewidth=0, alpha=0.6
        )
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place + 0.80] * 2, color=color, linewidth=3)
        axes.plot([row.middle], [place + 0.80], "|", color=_INK, markersize=10, markeredgewidth=2)


@dataclass(frozen=True)
class Mark:
    """A point of a Pareto front.

    Attributes
    ----------
    color : int
        Place of its color.
    x, y : float
    low, high : float or None
        The interval of x.
    dominated : bool
        Drawn hollow.
    """

    color: int
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    dominated: bool = False


def pareto_plot(name: str, marks: Sequence[Mark], across: str, up: str) -> str:
    """Draw points of two measures, the better ones to the upper left, and the Pareto front's steps.

    Parameters
    ----------
    name : str
        What tells this figure's ids from others' on the page.
    marks : sequence of Mark
        At least one.
    across, up : str
        What x and y are.

    Returns
    -------
    str
        An ``svg`` element.
    """
    height, foot, side = 3.1, 0.50, 0.55
    with _blank(name, height) as page:
        # half of a number may stand beyond the last place of an axis
        axes = page.axes(foot, height - foot - 0.35, left=side, right=side / 2)
        axes.yaxis.set_visible(True)
        axes.spines[["right", "top"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_LINE)
        axes.tick_params(colors=_FAINT, labelsize=SMALL, length=3)
        axes.grid(color=_LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(across, color=_FAINT, fontsize=SMALL, labelpad=2)
        axes.text(
            *(0, 1.04, up),
            color=_FAINT,
            fontsize=SMALL,
            transform=axes.transAxes,
            parse_math=False,
        )
        _set_limits(axes, marks)
        best = sorted((mark for mark in marks if not mark.dominated), key=lambda mark: mark.x)
        axes.plot(
            [mark.x for mark in best],
            [max(mark.y for mark in best[: place + 1]) for place in range(len(best))],
            drawstyle="steps-post",
            color=_FAINT,
            linewidth=1,
        )
        for mark in marks:
            color = _color(mark.color)
            if mark.low is not None and mark.high is not None:
                axes.plot([mark.low, mark.high], [mark.y] * 2, color=color, linewidth=2)
            axes.plot(
                *([mark.x], [mark.y], "o"),
                color=color,
                markersize=9,
                markeredgewidth=2,
                markerfacecolor="none" if mark.dominated else color,
            )
    return page.svg()


def _set_limits(axes: Axes, marks: Sequence[Mark]) -> None:
    """Leave room around every mark and its interval."""
    across = [end for mark in marks for end in (mark.x, mark.low, mark.high) if end is not None]
    for ends, limit, least in (
        (across, axes.set_xlim, max(across) * 0.1),
        ([mark.y for mark in marks], axes.set_ylim, 0.01),
    ):
        low, high = min(ends), max(ends)
        pad = max((high - low) * 0.12, least / 2)
        limit(low - pad, high + pad)
    for axis in ("x", "y"):
        axes.locator_params(axis=axis, nbins=5)


def bars(name: str, groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Draw groups of bars, each group on a scale of its own that starts at 0.

    Parameters
    ----------
    name : str
        What tells this figure's ids from others' on the page.
    groups : sequence of (str, sequence of Row)
        Title, may be empty, and a bar per variant; none of them empty.

    Returns
    -------
    str
        An ``svg`` element.
    """
    bar, head, gap = 0.25, 0.28, 0.14
    heads = [head if title else 0.0 for title, _ in groups]
    heights = [above + bar * len(rows) for above, (_, rows) in zip(heads, groups, strict=True)]
    top = sum(heights) + gap * (len(groups) - 1)
    with _blank(name, top) as page:
        for (title, rows), above, tall in zip(groups, heads, heights, strict=True):
            axes = page.axes(top - tall, tall)
            axes.set_ylim(len(rows), -above / bar)
            _bar_group(axes, title, rows)
            top -= tall + gap
    return page.svg()


def _bar_group(axes: Axes, title: str, rows: Sequence[Row]) -> None:
    axes.set_axis_off()
    longest = max(max(row.high or 0, row.middle) for row in rows) or 1
    axes.set_xlim(0, longest * 2.05)  # what follows the longest bar is room for its label
    axes.text(0, -0.35, title, color=_INK, fontsize=TEXT, weight="bold", parse_math=False)
    for place, row in enumerate(rows):
        middle = place + 0.5
        axes.barh(middle, row.middle, height=0.72, color=_color(row.color))
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [middle] * 2, color=_INK, linewidth=1)
        axes.text(
            max(row.high or 0, row.middle) + longest * 0.02,
            middle,
            row.label,
            color=_FAINT,
            fontsize=SMALL,
            va="center_baseline",
            parse_math=False,
        )


def shorten(name: str, longest: int = LONGEST_NAME) -> str:
    """Take out the middle of a name that is too long for its place.

    >>> shorten("onnx:exported/a_long_name.onnx@threads=1", 21)
    'onnx:expor…@threads=1'
    """
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[: longest - 1 - half]}…{name[-half:]}"


@dataclass
class _Page:
    """An empty figure; lengths in inches from its lower left."""

    figure: Figure
    height: float
    drawn: str = ""

    def axes(
        self, bottom: float, height: float, *, left: float = EDGE, right: float = EDGE
    ) -> Axes:
        """Add axes over the whole width, or between margins."""
        axes = self.figure.add_axes(
            (left / WIDTH, bottom / self.height, 1 - (left + right) / WIDTH, height / self.height)
        )
        axes.patch.set_visible(False)
        axes.yaxis.set_visible(False)
        return axes

    def svg(self) -> str:
        """Return the finished figure as an element to put into a page."""
        text = self.drawn[self.drawn.index("<svg") :]
        for unwanted in _UNWANTED:
            text = unwanted.sub("", text)
        return _STAND_IN.sub(lambda found: _PALETTE[found[0]], text)


@contextmanager
def _blank(name: str, height: float) -> Iterator[_Page]:
    """Give an empty figure, whatever the user's own style, and write it out when it is drawn."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        # Matplotlib misses glyphs in a font of its own; the page's fonts draw the text.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
        page = _Page(Figure(figsize=(WIDTH, height)), height)
        page.figure.patch.set_visible(False)
        yield page
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        page.figure.savefig(buffer, format="svg", metadata=nothing)
        page.drawn = buffer.getvalue()


def _headline(axes: Axes, y: float, row: Row) -> None:
    """Write a row's name at the left and its figure at the right."""
    sides: list[tuple[float, str, str, dict[str, Any]]] = [
        (0.0, "left", shorten(row.name), {"weight": "bold"}),
        (1.0, "right", row.label, {}),
    ]
    for x, align, text, style in sides:
        axes.text(
            x,
            y,
            text,
            color=_INK,
            fontsize=TEXT,
            ha=align,
            transform=axes.get_yaxis_transform(),
            parse_math=False,
            **style,
        )


def _color(place: int) -> str:
    return f"#0a0b{place % COLORS:02x}"
