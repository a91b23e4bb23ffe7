"""Measurements into one HTML page that needs nothing else: no network, no script, no font."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.errors import MissingDependencyError
from toolkit.report.figures import COLORS, Mark, Row, bars, pareto_plot, strip_plot
from toolkit.report.view import (
    Estimate,
    MeasurementView,
    ParetoFront,
    PhotoStrip,
    PhotoView,
    VerdictView,
)

MOST_RAW_ROWS = 1500
"""Processes that the raw table lists; the result file has them all."""


def render_page(
    measurements: Sequence[MeasurementView], photos: Sequence[PhotoStrip] = (), *, title: str = ""
) -> str:
    """Write the page.

    Parameters
    ----------
    measurements : sequence of MeasurementView
        One per result file; none is compared with another.
    photos : sequence of PhotoStrip
        Portraits to show.
    title : str
        Of the page; empty: what was measured.

    Returns
    -------
    str
        The same for the same input: it holds no time but those measured.

    Raises
    ------
    MissingDependencyError
        The ``report`` extra is not installed.
    """
    require_packages()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("toolkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: dict[str, Callable[..., Any]] = {
        "time": time_text,
        "headline": headline,
        "explanation": explanation,
        "command": command_lines,
        "base64": lambda content: base64.b64encode(content).decode(),
        "day": lambda created: created.replace("T", " ").removesuffix("+00:00"),
        "strips": strips,
        "stage_bars": stage_bars,
        "memory_bars": memory_bars,
        "pareto_front": pareto_front,
        "span": span_text,
    }
    environment.filters.update(words)
    names = list(dict.fromkeys(v.model for m in measurements for v in m.variants))
    return environment.get_template("report.html.j2").render(
        title=title or f"Benchmark of {', '.join(names)}",
        measurements=measurements,
        photos=photos,
        colors=COLORS,
        most_raw_rows=MOST_RAW_ROWS,
    )


def require_packages() -> None:
    """Check that what draws the page is installed.

    Raises
    ------
    MissingDependencyError
        It is not.
    """
    try:
        import jinja2  # noqa: F401 - only whether it is there
        import matplotlib as mpl  # noqa: F401 - the same
    except ImportError as error:
        raise MissingDependencyError.of_extra(f"the report needs {error.name}", "report") from error


def time_text(time: float) -> str:
    """Write nanoseconds with about three digits that count, from a second on in seconds.

    >>> time_text(205_400_000), time_text(3_456_000), time_text(4_040_000_000)
    ('205 ms', '3.46 ms', '4.04 s')
    """
    scale, unit = _unit(time)
    return f"{_number(time / scale)} {unit}"


def mebibytes(size: float) -> str:
    """Write bytes.

    >>> mebibytes(210_000_000)
    '200 MiB'
    """
    return f"{size / 2**20:.0f} MiB"


def times(ratio: float) -> str:
    """Write a ratio.

    >>> times(1.304)
    '1.30'
    """
    return f"{ratio:.2f}"


def ratio_text(estimate: Estimate) -> str:
    """Write a ratio with its interval.

    >>> ratio_text(Estimate(1.3, 1.19, 1.66))
    '1.30 times (1.19 to 1.66)'
    """
    return f"{times(estimate.middle)} times{_between(estimate, times)}"


def span_text(estimate: Estimate) -> str:
    """Write a time with its interval.

    >>> span_text(Estimate(2e8, 1.9e8, 2.3e8))
    '200 ms (190 to 230)'
    """
    scale, _ = _unit(estimate.middle)
    return time_text(estimate.middle) + _between(estimate, lambda end: _number(end / scale))


def _unit(time: float) -> tuple[float, str]:
    return (1e9, "s") if time >= 1e9 else (1e6, "ms")


def _between(estimate: Estimate, write: Callable[[float], str]) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({write(estimate.low)} to {write(estimate.high)})"


def _number(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def headline(verdict: VerdictView, measurement: MeasurementView) -> str:
    """Say the verdict in a sentence."""
    name = measurement.variants[verdict.fastest].name
    if not verdict.rivals:
        return f"{name} takes {time_text(verdict.time.middle)} from photo to portrait"
    close = [rival for rival in verdict.rivals if not rival.slower]
    if not close:
        rival = verdict.rivals[0]
        other = measurement.variants[rival.variant].name
        return f"{name} is the fastest: {other} takes {times(rival.ratio.middle)} times as long"
    if all(rival.ratio.low is None for rival in close):
        return f"Too few rounds to say whether {name} is the fastest"
    others = [measurement.variants[rival.variant].name for rival in close]
    return f"Too noisy to tell which is faster: {_list([name, *others])}"


def explanation(verdict: VerdictView, measurement: MeasurementView) -> list[str]:
    """Say what the verdict rests on, a sentence per variant."""
    names = [variant.name for variant in measurement.variants]
    lines = [f"{names[verdict.fastest]} takes {span_text(verdict.time)} from photo to portrait."]
    lines += [
        f"{names[rival.variant]} takes {ratio_text(rival.ratio)} as long"
        + ("." if rival.slower or rival.ratio.low is None else ": they can't be told apart.")
        for rival in verdict.rivals
    ]
    if verdict.rivals and verdict.rivals[0].ratio.low is None:
        lines.append("Intervals need at least 5 rounds: toolkit bench --rounds 5 or more.")
    return lines


def command_lines(command: Sequence[str]) -> str:
    r"""Write a command line for a shell, each option on a line of its own.

    >>> print(command_lines(("toolkit", "bench", "a b.jpg", "--rounds", "5")))
    toolkit bench 'a b.jpg' \
      --rounds 5
    """
    lines = [""]
    for word in command:
        if word.startswith("-"):
            lines.append("")
        lines[-1] += f" {shlex.quote(word)}"
    return " \\\n  ".join(line.strip() for line in lines)


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


def strips(photo: PhotoView, measurement: MeasurementView, key: str) -> Any:
    """Draw every process's median time of the whole."""
    rows = [
        Row(
            name=measurement.variants[stage.variant].name,
            color=stage.variant,
            middle=stage.time.middle / 1e6,
            label=span_text(stage.time),
            values=tuple(value / 1e6 for value in stage.values),
            low=None if stage.time.low is None else stage.time.low / 1e6,
            high=None if stage.time.high is None else stage.time.high / 1e6,
        )
        for stage in photo.whole
    ]
    return _markup(strip_plot(f"strips-{key}", rows, "ms from decoded photo to portrait"))


def stage_bars(photo: PhotoView, measurement: MeasurementView, key: str) -> Any:
    """Draw how long each stage takes."""
    groups: dict[str, list[Row]] = {
        "load, before any photo": [
            _bar(place, variant.load) for place, variant in enumerate(measurement.variants)
        ]
    }
    for stage in photo.stages:
        title = {"first": "first pass", "whole": "whole pass"}.get(stage.stage, stage.stage)
        groups.setdefault(title, []).append(_bar(stage.variant, stage.time))
    return _markup(bars(f"stages-{key}", list(groups.items())))


def memory_bars(measurement: MeasurementView, key: str) -> Any:
    """Draw the largest resident memory."""
    from statistics import median

    rows = [
        Row(variant.name, place, median(variant.memory), mebibytes(median(variant.memory)))
        for place, variant in enumerate(measurement.variants)
        if variant.memory
    ]
    return _markup(bars(f"memory-{key}", [("", rows)])) if rows else ""


def pareto_front(view: ParetoFront, key: str) -> Any:
    """Draw latency against quality."""
    marks = [
        Mark(
            color=point.variant,
            x=point.time.middle / 1e6,
            y=point.mean_iou,
            low=None if point.time.low is None else point.time.low / 1e6,
            high=None if point.time.high is None else point.time.high / 1e6,
            dominated=point.dominated_by is not None,
        )
        for point in view.points
    ]
    return _markup(
        pareto_plot(
            f"pareto-front-{key}",
            marks,
            "ms from decoded photo to portrait",
            f"mean IoU of {view.subject}",
        )
    )


def _bar(place: int, time: Estimate) -> Row:
    return Row("", place, time.middle, span_text(time), (), time.low, time.high)


def _markup(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704 - drawn here; Matplotlib escapes the names in it
