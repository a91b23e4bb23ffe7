"""Latency against quality: what is joined, what is dominated, and how the page shows it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import pytest

from tests.evaluate.evaluations import make_evaluation
from tests.report.pages import ROUNDS, report_of
from toolkit.bench.schema import ModelFacts
from toolkit.evaluate.schema import Evaluation
from toolkit.report.gather import measurement_of, pareto_front_of
from toolkit.report.html import render_page
from toolkit.report.view import ParetoFront

pytest.importorskip("matplotlib", reason="the page needs the report extra")
pytest.importorskip("jinja2", reason="the page needs the report extra")

Times = Mapping[str, Sequence[float]]


def scaled(factor: float) -> list[float]:
    """The steady rounds, slower."""
    return [time * factor for time in ROUNDS]


def join(times: Times, ious: Mapping[str, Sequence[float | None]]) -> ParetoFront:
    return pareto_front_of(report_of(times), 0, make_evaluation(ious), "quality.json")


def dominated(view: ParetoFront, names: Sequence[str]) -> dict[str, str | None]:
    """By whom, by name."""
    return {
        names[point.variant]: None if point.dominated_by is None else names[point.dominated_by]
        for point in view.points
    }


def test_a_slower_one_that_is_no_better_is_dominated_and_a_better_one_is_not() -> None:
    times = {"onnx": ROUNDS, "tf": scaled(2), "openvino": scaled(3), "opencv": scaled(4)}
    ious = {"onnx": [0.8], "tf": [0.9], "openvino": [0.9], "opencv": [0.7]}
    view = join(times, ious)
    assert dominated(view, list(times)) == {
        "onnx": None,
        "tf": None,
        "openvino": "tf",
        "opencv": "onnx",
    }
    assert [point.mean_iou for point in view.points] == [0.8, 0.9, 0.9, 0.7]


def test_where_noise_forbids_to_say_which_is_faster_none_is_dominated() -> None:
    shuffled = [*ROUNDS[3:], *ROUNDS[:3]]
    view = join({"onnx": ROUNDS, "tf": shuffled}, {"onnx": [0.9], "tf": [0.8]})
    assert not any(dominated(view, ["onnx", "tf"]).values())


def test_a_few_rounds_dominate_nothing_and_the_page_says_so() -> None:
    report = report_of({"onnx": ROUNDS[:2], "tf": scaled(2)[:2]})
    evaluation = make_evaluation({"onnx": [0.9], "tf": [0.8]})
    view = pareto_front_of(report, 0, evaluation, "quality.json")
    assert not any(dominated(view, ["onnx", "tf"]).values())
    assert "With 2 rounds the noise is not known" in page(report, evaluation)


def page(report: object, *evaluations: Evaluation) -> str:
    files = [(evaluation, f"quality{n}.json") for n, evaluation in enumerate(evaluations)]
    return render_page([measurement_of(report, "result.json", files)])  # type: ignore[arg-type]


def test_only_the_same_variant_on_the_same_file_is_joined_and_the_rest_is_said() -> None:
    report = report_of({"onnx": ROUNDS, "tf": scaled(2), "openvino": scaled(3)})
    other = make_evaluation({"onnx": [0.9], "tf": [0.9], "opencv": [0.9]}, onnx="f" * 64)
    view = pareto_front_of(report, 0, other, "quality.json")
    assert [report.variants[point.variant].name for point in view.points] == ["tf"]
    assert dict(view.unjoined) == {
        "onnx": "another file was judged than was measured, by their hashes",
        "openvino": "was not judged",
        "opencv": "was not measured",
    }
    text = page(report, other)
    assert "<dt>openvino</dt><dd>was not judged</dd>" in text


def test_a_variant_without_any_hash_is_joined_to_nothing() -> None:
    report = report_of({"onnx": ROUNDS})
    unknown = dataclasses.replace(report.variants[0], model=ModelFacts("net", None, None))
    report = dataclasses.replace(report, variants=(unknown,))
    evaluation = make_evaluation({"onnx": [0.9]})
    nameless = dataclasses.replace(evaluation.variants[0], model=ModelFacts("net", None, None))
    evaluation = dataclasses.replace(evaluation, variants=(nameless,))
    assert not pareto_front_of(report, 0, evaluation, "quality.json").points


def test_a_dataset_without_the_subject_has_no_figure() -> None:
    report, evaluation = report_of({"onnx": ROUNDS}), make_evaluation({"onnx": [None]})
    view = pareto_front_of(report, 0, evaluation, "quality.json")
    assert not view.points
    assert dict(view.unjoined) == {"onnx": "no photo of the dataset shows the subject"}
    assert "Latency against quality" in page(report, evaluation)


def test_the_page_has_a_point_a_row_and_a_step_of_each_evaluation() -> None:
    report = report_of({"onnx": ROUNDS, "tf": scaled(2)})
    text = page(
        report,
        make_evaluation({"onnx": [0.81, None], "tf": [0.8, None]}),
        make_evaluation({"onnx": [0.7], "tf": [0.95]}, name="portraits"),
    )
    assert text.count("Latency against quality") == 2
    assert text.count("dominated by onnx") == 1
    for words in ("0.8100", "1.000 %", "0.9500", "mean IoU of person", "portraits", "200 ms ("):
        assert words in text
    figures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    ids = [found for figure in figures for found in re.findall(r' id="([^"]+)"', figure)]
    assert len(ids) == len(set(ids))
    assert text == page(
        report,
        make_evaluation({"onnx": [0.81, None], "tf": [0.8, None]}),
        make_evaluation({"onnx": [0.7], "tf": [0.95]}, name="portraits"),
    )


def test_an_interrupted_evaluation_says_so() -> None:
    report = report_of({"onnx": ROUNDS})
    evaluation = dataclasses.replace(make_evaluation({"onnx": [0.9]}), complete=False)
    assert "The evaluation was interrupted" in page(report, evaluation)
