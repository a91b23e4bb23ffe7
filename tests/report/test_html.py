"""The page: what it says, that it needs nothing else, and how it looks in a browser."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.evaluate.evaluations import make_evaluation
from tests.report.browser import Browser, chromium
from tests.report.pages import ROUNDS, page_of, report_of
from toolkit.bench.schema import BenchReport, Failure, PhotoFacts, Skipped
from toolkit.errors import MissingDependencyError
from toolkit.hub.catalog import load_catalog
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.imaging import demo_photo
from toolkit.portrait import PERSON, make_portrait
from toolkit.report.gather import measurement_of, verdict_of
from toolkit.report.html import headline, render_page
from toolkit.report.photos import strip_of
from toolkit.report.view import PhotoStrip

pytest.importorskip("matplotlib", reason="the page needs the report extra")
pytest.importorskip("jinja2", reason="the page needs the report extra")

HOSTILE = "<script>alert('$x$')</script>&\"'"


def scaled(factor: float) -> list[float]:
    """The steady rounds, slower."""
    return [time * factor for time in ROUNDS]


def said(report: BenchReport) -> str:
    return headline(verdict_of(report, 0), measurement_of(report, "result.json"))


class Elements(HTMLParser):
    """Every element of a page with its attributes, and every text outside of styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_fastest_is_named_with_how_much_longer_the_next_takes() -> None:
    report = report_of({"tf": scaled(1.3), "onnx": ROUNDS, "onnx@threads=1": scaled(1.8)})
    assert said(report) == "onnx is the fastest: tf takes 1.30 times as long"
    assert "tf takes 1.30 times (1.30 to 1.30) as long." in Elements(page_of(report)).text


def test_the_verdict_comes_before_every_figure() -> None:
    page = page_of(report_of({"tf": scaled(1.3), "onnx": ROUNDS}))
    assert page.index("onnx is the fastest") < page.index("<svg")


def test_where_the_intervals_reach_1_noise_forbids_a_verdict() -> None:
    shuffled = [*ROUNDS[3:], *ROUNDS[:3]]
    report = report_of({"tf": shuffled, "onnx": ROUNDS, "onnx@threads=1": scaled(2)})
    assert said(report).startswith("Too noisy to tell which is faster: ")
    assert "threads=1" not in said(report)
    assert "they can't be told apart" in Elements(page_of(report)).text
    assert not verdict_of(report, 0).clear


def test_a_smaller_median_alone_makes_nobody_the_fastest() -> None:
    factors = (0.9, 1.1, 1.15, 0.95, 1.2, 1.05, 0.92, 1.1)
    rival = [time * factor for time, factor in zip(ROUNDS, factors, strict=True)]
    (against,) = verdict_of(report_of({"tf": rival, "onnx": ROUNDS}), 0).rivals
    assert against.ratio.middle > 1.05
    assert not against.slower


def test_a_few_rounds_claim_nothing() -> None:
    report = report_of({"tf": [300, 301], "onnx": [100, 101]})
    assert said(report) == "Too few rounds to say whether onnx is the fastest"
    assert "at least 5 rounds" in Elements(page_of(report)).text


def test_one_variant_alone_is_not_called_the_fastest() -> None:
    assert said(report_of({"onnx": ROUNDS})) == "onnx takes 200 ms from photo to portrait"


def test_ratios_are_within_a_round_so_that_a_drifting_machine_decides_nothing() -> None:
    drift = [100.0 * 1.3**number for number in range(8)]
    report = report_of({"tf": [time * 1.05 for time in drift], "onnx": drift})
    assert said(report) == "onnx is the fastest: tf takes 1.05 times as long"


def test_more_rivals_make_it_harder_to_be_called_the_fastest() -> None:
    rival = [time * factor for time, factor in zip(ROUNDS, (0.99, *[1.03] * 7), strict=True)]
    alone = verdict_of(report_of({"onnx": ROUNDS, "tf": rival}), 0)
    others = {f"onnx@threads={n}": scaled(2) for n in range(1, 9)}
    among = verdict_of(report_of({"onnx": ROUNDS, "tf": rival} | others), 0)
    assert alone.rivals[0].ratio.low is not None
    assert among.rivals[0].ratio.low is not None
    assert among.rivals[0].ratio.low <= alone.rivals[0].ratio.low


def test_the_page_needs_nothing_else() -> None:
    found = Elements(page_of(report_of({"tf": scaled(1.3), "onnx": ROUNDS})))
    assert not {tag for tag, _ in found.elements} & {"script", "iframe", "object", "embed", "base"}
    for tag, attributes in found.elements:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                assert (value or "").startswith(("data:", "#")), (tag, name, value)
            assert not name.startswith("on"), (tag, name)


def test_nothing_in_the_page_is_fetched_by_its_styles() -> None:
    page = page_of(report_of({"tf": scaled(1.3), "onnx": ROUNDS}))
    assert "@import" not in page
    assert {*re.findall(r"url\((.)", page)} <= {"#"}


def test_names_are_shown_and_never_taken_for_markup_or_formulas() -> None:
    report = report_of({"onnx": ROUNDS})
    variant = dataclasses.replace(report.variants[0], name=HOSTILE, provider=HOSTILE)
    report = dataclasses.replace(
        report,
        baseline=HOSTILE,
        variants=(variant,),
        photos=(PhotoFacts(HOSTILE, "b" * 64, 3, 2),),
        command=("toolkit", "bench", HOSTILE),
        skipped=(Skipped(HOSTILE, HOSTILE, asked=True),),
        failures=(Failure(HOSTILE, 1, HOSTILE, HOSTILE),),
    )
    page = page_of(report)
    assert "<script" not in page
    assert HOSTILE in Elements(page).text


def test_failures_and_what_was_not_measured_are_said_with_their_reasons() -> None:
    report = dataclasses.replace(
        report_of({"onnx": ROUNDS}),
        skipped=(Skipped("openvino", "is not installed", asked=False),),
        failures=(Failure("tf", 1, "tf, round 1: killed for memory", "last words"),),
    )
    text = Elements(page_of(report)).text
    for words in ("openvino", "is not installed", "tf, round 1: killed for memory", "last words"):
        assert words in text


def test_what_makes_the_figures_worth_less_is_said() -> None:
    report = report_of({"tf": ROUNDS, "onnx": [100, 150, 200, 250, 300]})
    first = report.variants[0].rounds[0]
    without = dataclasses.replace(first.photos[0], subject_found=False, subject=7)
    rounds = (dataclasses.replace(first, photos=(without,)), *report.variants[0].rounds[1:])
    tf = dataclasses.replace(report.variants[0], rounds=rounds)
    text = Elements(page_of(dataclasses.replace(report, variants=(tf, report.variants[1])))).text
    assert "onnx on p0.jpg: unstable (deviation over median above 10%): segment 25%, whole" in text
    assert "tf on p0.jpg: unstable" not in text
    assert "tf on p0.jpg: no person in this photo; label 7 was cut out instead" in text


def test_the_same_report_gives_the_same_bytes() -> None:
    report = report_of({"tf": scaled(1.3), "onnx": ROUNDS}, photos=2)
    assert page_of(report) == page_of(report)


def test_a_users_own_style_of_figures_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    report = report_of({"tf": scaled(1.3), "onnx": ROUNDS})
    before = page_of(report)
    with mpl.rc_context({"axes.linewidth": 9, "xtick.direction": "in", "svg.fonttype": "path"}):
        assert page_of(report) == before


def test_no_color_of_a_figure_is_fixed_so_that_dark_pages_are_dark() -> None:
    page = page_of(report_of({"tf": scaled(1.3), "onnx": ROUNDS}))
    figures = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--v0)" in figures
    assert not re.findall(r"#[0-9a-f]{6}(?![0-9a-z])", figures)


def test_every_process_is_a_dot_and_a_row() -> None:
    page = page_of(report_of({"tf": scaled(1.3), "onnx": ROUNDS}))
    strips = page[page.index("<svg") : page.index("</svg>")]
    dots = [
        len(re.findall("<use", group))
        for group in re.findall(r"<g clip-path.*?</g>", strips, re.DOTALL)
    ]
    assert dots.count(len(ROUNDS)) == 2
    rows = re.search(r"<summary>.*", page, re.DOTALL)
    assert rows
    assert rows[0].count("<tr>") == 1 + 2 * len(ROUNDS)


def test_several_files_have_a_verdict_each() -> None:
    page = page_of(
        report_of({"tf": scaled(1.3), "onnx": ROUNDS}), report_of({"tf": ROUNDS, "onnx": scaled(2)})
    )
    text = Elements(page).text
    assert "onnx is the fastest: tf takes 1.30 times" in text
    assert "tf is the fastest: onnx takes 2.00 times" in text
    assert "result0.json" in text
    assert "result1.json" in text


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_its_packages_the_extra_is_named(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match="install the report extra"):
        render_page([])


def strips(
    byte_limit: int, *photos: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> list[PhotoStrip]:
    """Photos with their portraits by the bundled network, in so many bytes each."""
    with open_backend(resolve_model(load_catalog().bundled.name), "onnx", threads=1) as backend:
        return [
            strip_of(
                f"{number}.jpg",
                photo,
                make_portrait(photo, backend, subject=PERSON, stages=True),
                model="mnv2_dm05_person",
                subject="person",
                byte_limit=byte_limit,
            )
            for number, photo in enumerate(photos)
        ]


def test_pictures_shrink_until_they_fit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1600, 3), np.uint8)
    for byte_limit in (1_000_000, 100_000):
        (strip,) = strips(byte_limit, noise)
        assert sum(len(picture.jpeg) for picture in strip.pictures) <= byte_limit
        assert [picture.title for picture in strip.pictures] == [
            *("Photo", "Mask", "Label map", "Portrait")
        ]


def test_a_photo_without_the_subject_says_so() -> None:
    (strip,) = strips(100_000, np.full((60, 80, 3), 60, np.uint8))
    assert strip.share is None
    page = render_page([measurement_of(report_of({"onnx": ROUNDS}), "result.json")], [strip])
    assert "No person found by mnv2_dm05_person" in Elements(page).text


OVERFLOWING = """
[...document.querySelectorAll('body *')].filter(element => {
  const box = element.getBoundingClientRect();
  const scrolled = element.parentElement.closest('.scroll, pre, svg');
  return !scrolled && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(element => element.outerHTML.slice(0, 80))
"""
SIZES = """
[...document.querySelectorAll('figure svg, figure img')].map(figure => {
  const box = figure.getBoundingClientRect();
  return [box.width, box.height];
})
"""
TEXTS_OUTSIDE = """
[...document.querySelectorAll('svg text')].filter(text => {
  const box = text.getBoundingClientRect();
  const around = text.closest('svg').getBoundingClientRect();
  return box.left < around.left - 1 || box.right > around.right + 1
      || box.top < around.top - 1 || box.bottom > around.bottom + 1;
}).map(text => text.textContent)
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all."""
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_every_figure_has_size_nothing_overflows_and_nothing_complains(
    browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    long = "onnx:exported/" + "a_long_name_" * 8 + ".onnx@threads=1"
    report = report_of({"tf": scaled(1.3), "onnx": ROUNDS, long: scaled(9)}, photos=2)
    report = dataclasses.replace(
        report,
        command=("toolkit", "bench", "x" * 300),
        failures=(Failure("tf", 1, "tf, round 1: died", "y" * 300),),
    )
    page = tmp_path / "report.html"
    shown = strips(200_000, demo_photo()[:240, :320])
    judged = make_evaluation({"tf": [0.9], "onnx": [0.8], long: [0.95]})
    shown_too = measurement_of(report, "result.json", [(judged, "quality.json")])
    page.write_text(render_page([shown_too], shown))
    browser.open(page, width, dark=dark)
    assert browser.said == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [
        page.resolve().as_uri()
    ]
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(OVERFLOWING) == []
    sizes = browser.evaluate(SIZES)
    assert len(sizes) == 2 * 3 + 4  # strips, stages and Pareto front of each photo, four pictures
    assert all(wide > 100 and tall > 60 for wide, tall in sizes)
    assert browser.evaluate(TEXTS_OUTSIDE) == []
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(part) for part in re.findall(r"\d+", background)) / 3
    assert (lightness < 60) == dark
