"""``toolkit inspect``: what a graph consists of and which profiles apply to it."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from toolkit.cli.console import Console
from toolkit.cli.exits import guarded
from toolkit.cli.options import Json, ModelArgument, Quiet, TrustGraph, Verbose

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.convert.inspection import Landmarks, LayoutReport, ProfileReport
    from toolkit.convert.onnx_file import OnnxReport, OnnxTensor
    from toolkit.graphs import GraphContract, GraphLayout, NamedTensor, NormalFormReport
    from toolkit.hub.model import Model

WIDTH = 80
INDENT = 12
"""Columns before the text of a line."""
MOST_NAMES = 100
"""Of a list that a hostile file may make as long as it likes."""
LONGEST_NAME = 64
TIE = "\0"
"""A space at which no line ends; no name that is shown has one."""


@guarded
def inspect_command(
    model: ModelArgument = None,
    trust_graph: TrustGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print the layout report of a model: what it consists of and which profiles apply.

    Of a frozen graph: hash, operations, contract, what normal form changes, the landmarks that were
    recognized, and for every profile whether it applies, without which passes, or why not. Of an
    ONNX file: what it says of its making, and its operations. Nothing is verified or written. A
    graph that is refused is counted, never loaded, and the exit code is 3. Put the report into a
    bug report.

    Example: `toolkit inspect some_deeplab_model.tar.gz`
    """
    from toolkit.convert.inspection import inspect_layout
    from toolkit.convert.onnx_file import inspect_onnx
    from toolkit.errors import ToolkitError
    from toolkit.hub.model import resolve_model

    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    found = resolve_model(model, trusted=trust_graph)
    console.say(f"model {found.name}: {found.about}")
    if found.kind == "onnx" or found.profile:
        export = inspect_onnx(_export_of(found))
        console.document("inspect", export)
        for line in export_lines(export):
            console.result(line)
        return
    report = inspect_layout(found.graph())
    console.document("inspect", report)
    for line in layout_lines(report):
        console.result(line)
    if report.refusal:
        raise ToolkitError(report.refusal.problem, report.refusal.remedy)


def _export_of(model: Model) -> Path:
    from toolkit.errors import ModelNotFoundError
    from toolkit.hub.opening import find_export

    export = find_export(model)
    if export is None:
        raise ModelNotFoundError(
            f"{model.name} has no export of profile {model.profile} yet",
            f"toolkit convert {model.name} --profile {model.profile}",
        )
    return export


def layout_lines(report: LayoutReport) -> Iterator[str]:
    """Yield the lines of a frozen graph's report, at most `WIDTH` wide but for paths and hashes."""
    layout, contract = report.layout, report.contract
    yield from _line("model", f"{_name(report.model)}, a graph of {report.size:,} bytes")
    yield f"{'source':<{INDENT}}{report.source}"
    yield f"{'sha256':<{INDENT}}{report.sha256}"
    yield from _line("seen by", _versions(report.tools))
    yield ""
    yield from _refused(report)
    if contract is None:
        yield from _line("takes", _tensors(layout.inputs) or "nothing: it has no Placeholder")
        yield from _line("gives", _tensors(layout.outputs) or "nothing")
    else:
        yield from _contract(contract, layout)
    total = sum(layout.operations.values())
    functions = f", {layout.functions} functions" if layout.functions else ""
    yield ""
    yield from _line("operations", f"{total:,} as written{functions}")
    yield from _line("", _counts(layout.operations))
    if report.normal_form:
        yield from _normal_form(report.normal_form)
    if report.refusal:
        return
    yield ""
    if report.landmarks:
        yield from _landmarks(report.landmarks)
    else:
        yield from _line("landmarks", f"not recognized: {report.unrecognized}")
    yield ""
    for heading, profile in zip(_once("profiles"), report.profiles, strict=False):
        yield from _profile(heading, profile)


def export_lines(report: OnnxReport) -> Iterator[str]:
    """Yield the lines of an ONNX file's report, at most `WIDTH` wide but for paths and hashes."""
    made = f" of {_name(report.model)}" if report.model else ""
    yield from _line("model", f"an ONNX file{made}, {report.size:,} bytes")
    yield f"{'source':<{INDENT}}{report.source}"
    yield f"{'sha256':<{INDENT}}{report.sha256}"
    opsets = ", ".join(f"{_name(name)} {number}" for name, number in report.opsets.items())
    yield from _line("written by", f"{_name(report.producer) or 'nobody says'}; opset {opsets}")
    if report.source_graph_sha256:
        yield f"{'graph':<{INDENT}}{_name(report.source_graph_sha256)}"
    yield ""
    if report.profile:
        yield from _line("profile", _name(report.profile))
    if report.passes is not None:
        yield from _line("passes", ", ".join(map(_name, report.passes)))
    if report.least_agreement is not None:
        yield from _line("judged by", f"{report.least_agreement:.0%} of the labels equal at least")
    if report.calibration_photos is not None:
        yield from _line("int8", f"calibrated on {report.calibration_photos} photos")
    if report.tools:
        yield from _line("made with", _versions(report.tools))
    if report.crop or report.labels is not None:
        crop = f"crop {report.crop[1]}x{report.crop[0]}" if report.crop else "crop unknown"
        labels = f"{report.labels} labels" if report.labels is not None else "labels unknown"
        yield from _line("network", f"{crop}, {labels}")
    yield from _line("takes", _onnx_tensors(report.inputs))
    yield from _line("gives", _onnx_tensors(report.outputs))
    yield ""
    yield from _line("operations", f"{sum(report.operations.values()):,}")
    yield from _line("", _counts(report.operations))


def _refused(report: LayoutReport) -> Iterator[str]:
    if report.refusal:
        yield from _line("REFUSED", report.refusal.problem.removeprefix(f"{report.source}: "))
    if report.layout.forbidden:
        names = ", ".join(_cut([_name(each) for each in report.layout.forbidden]))
        trusted = " (trusted)" if report.trusted else ""
        yield from _line("forbidden", names + trusted)


def _contract(contract: GraphContract, layout: GraphLayout) -> Iterator[str]:
    from toolkit.graphs.network import INPUT, OUTPUT

    network = contract.network
    others = [tensor for tensor in layout.outputs if tensor.name != OUTPUT.name]
    yield from _line("takes", f"{INPUT.name} {'/'.join(INPUT.dtypes)} {INPUT.layout}")
    yield from _line("gives", f"{OUTPUT.name} {contract.output_dtype} {OUTPUT.layout}")
    if others:
        yield from _line("also gives", _tensors(others))
    logits = f"logits at {_name(contract.logits)}"
    yield from _line("network", f"crop {network.crop[1]}x{network.crop[0]}, {logits}")
    names = ", ".join(_cut([_name(each) for each in network.labels]))
    if not network.resizes:
        yield from _line("", "the graph does not resize: a photo has to fit the crop")
    yield from _line("labels", f"{len(network.labels)}: {names}")


def _normal_form(form: NormalFormReport) -> Iterator[str]:
    changes = [
        f"{what}{TIE}{count}"
        for count, what in (
            (form.checks_removed, "checks removed"),
            (form.identities_removed, "Identities removed"),
            (form.calls_inlined, "function calls inlined"),
            (form.choices_folded, "choices folded"),
            (form.choices_kept, "choices KEPT"),
            (form.equal_resizes_removed, "equal resizes removed"),
            (form.fake_quantization_expanded, "fake quantization written out"),
            (form.fake_quantization_kept, "fake quantization KEPT"),
        )
        if count
    ]
    yield from _line("normal form", ", ".join(changes) or "drops what nothing needs")
    yield from _line(
        "", f"{sum(form.operations.values()):,} operations: {_counts(form.operations)}"
    )
    yield from _line("input path", _sequence(form.before_network))
    yield from _line("output path", _sequence(form.behind_network))


def _landmarks(found: Landmarks) -> Iterator[str]:
    yield from _line("landmarks", "resizes the photo" if found.resizes else "does not resize")
    yield from _line(
        "", f"sees {_numbers(found.scale)} * (pixel - {_numbers(found.padding)}), 0 as padding"
    )
    rows, columns = found.stem_kernel
    yield from _line(
        "",
        f"stem {columns}x{rows}, stride {found.stem_stride}, {found.stem_channels} channels; "
        f"{found.convolutions} convolutions, {found.multiply_adds / 1e9:.2f} G multiply-adds",
    )
    yield from _line(
        "", f"backbone: output stride {found.output_stride}, {_rates(found.backbone_rates)}"
    )
    head = f"pooled branch on {found.feature_channels} channels" if found.pooled else "not pooled"
    yield from _line("", f"head: {head}, {_rates(found.head_rates)}")
    decoder = ", ".join(f"{before} to {behind}" for before, behind in found.enlargements)
    yield from _line("", f"decoder: enlarges from stride {decoder}" if decoder else "no decoder")
    height, width = found.logits_size
    yield from _line(
        "",
        f"logits: {width}x{height} at stride {found.logits_stride}, {found.labels} labels, kept as "
        f"{found.label_dtype}",
    )


def _profile(heading: str, profile: ProfileReport) -> Iterator[str]:
    verdict = "applies" if profile.applies else f"does not apply: {profile.reason}"
    if profile.skipped:
        verdict += " without"
    yield from _line(heading, f"{profile.name:<8}  {verdict}", hanging=10)
    for name, reason in profile.skipped.items():
        yield from _line("", f"          {name}: {reason}", hanging=12)


def _line(heading: str, text: str, *, hanging: int = 0) -> list[str]:
    """Fill a text behind its heading; lines but the first stand further in."""
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{heading:<{INDENT}}",
        subsequent_indent=" " * (INDENT + hanging),
        break_on_hyphens=False,
    )
    return [line.replace(TIE, " ") for line in lines]


def _once(heading: str) -> Iterator[str]:
    """Yield a heading for the first line and none for the others."""
    yield heading
    yield from itertools.repeat("")


def _versions(tools: Mapping[str, str]) -> str:
    return ", ".join(f"{_name(name)} {_name(version)}" for name, version in tools.items())


def _counts(operations: Mapping[str, int]) -> str:
    return ", ".join(_cut([f"{_name(name)}{TIE}{count}" for name, count in operations.items()]))


def _sequence(operations: Iterable[str]) -> str:
    """Join operations in their order, repeated ones counted."""
    runs = ((name, len(list(group))) for name, group in itertools.groupby(operations))
    return (
        " ".join(_cut([name if count == 1 else f"{name}*{count}" for name, count in runs])) or "-"
    )


def _rates(found: tuple[int, ...]) -> str:
    return f"atrous rates {', '.join(map(str, found))}" if found else "not atrous"


def _numbers(values: tuple[float, ...]) -> str:
    """Return one number for all channels, or each channel's."""
    shown = [f"{value:.6g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else f"({', '.join(shown)})"


def _tensors(tensors: Iterable[NamedTensor]) -> str:
    return ", ".join(
        _cut([f"{_name(each.name)} {each.dtype or _name(each.operation)}" for each in tensors])
    )


def _onnx_tensors(tensors: Iterable[OnnxTensor]) -> str:
    return ", ".join(
        _cut(
            [
                f"{_name(each.name)} {each.dtype} [{', '.join(map(_name, each.shape))}]"
                for each in tensors
            ]
        )
    )


def _cut(names: list[str]) -> list[str]:
    """Leave out what is beyond all measure."""
    more = len(names) - MOST_NAMES
    return [*names[:MOST_NAMES], f"and {more} more"] if more > 0 else names


def _name(text: str) -> str:
    """Return a name out of a file as it may be shown on a terminal."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 3]}..."
