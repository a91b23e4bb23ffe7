"""The layout report of a frozen graph: what it consists of and which profiles apply.

tf2onnx makes its model once, of fake quantization twice, and each profile's passes are tried on
that. Nothing is verified or quantized; a graph that the policy refuses is counted, never loaded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.convert.conversion import onnx_model, tool_versions
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.profiles import PROFILES, Profile
from toolkit.errors import BackendError, ConversionError, GraphError, ToolkitError
from toolkit.graphs import (
    FrozenGraph,
    GraphContract,
    GraphLayout,
    NormalFormReport,
    describe_graph,
    describe_normal_form,
    load_graph,
    normal_form,
    parse_graph,
)

if TYPE_CHECKING:
    from onnx import ModelProto
    from tensorflow.compat.v1 import GraphDef

PREFIX = "unsupported graph: "
"""How the problem of a `ConversionError` opens; a report's reasons go without."""


@dataclass(frozen=True)
class Refusal:
    """Why a graph is not converted at all.

    Attributes
    ----------
    problem, remedy : str
        As in `toolkit.errors.ToolkitError`.
    """

    problem: str
    remedy: str


@dataclass(frozen=True)
class Landmarks:
    """What was recognized in a graph.

    Attributes
    ----------
    resizes : bool
        Whether the graph resizes the photo to fit the crop.
    scale, padding : tuple of float
        The network sees ``scale * (pixel - padding)`` of each channel, and 0 beyond the photo.
    stem_kernel : (int, int)
        Of the first convolution: height and width.
    stem_stride, stem_channels : int
        Of the same.
    convolutions : int
        How many lead to the logits.
    multiply_adds : int
        Of these convolutions, on the whole crop.
    output_stride : int
        Of the backbone's smallest map: pixels of the crop per pixel of it.
    feature_channels : int or None
        Of the map that the head reads; None where there is no pooled branch to tell it by.
    pooled : bool
        Whether a branch pools the whole map.
    backbone_rates, head_rates : tuple of int
        Dilations above 1, before and behind that map; without a pooled branch all are the first.
    enlargements : tuple of (int, int)
        Resizes inside the network, as a decoder has them: strides before and behind.
    logits_stride : int
        Pixels of the crop per pixel of the logits.
    logits_size : (int, int)
        Rows and columns.
    labels : int
    label_dtype : str
        NumPy dtype name of the smallest type that holds the labels and what follows allows.
    """

    resizes: bool
    scale: tuple[float, ...]
    padding: tuple[float, ...]
    stem_kernel: tuple[int, int]
    stem_stride: int
    stem_channels: int
    convolutions: int
    multiply_adds: int
    output_stride: int
    feature_channels: int | None
    pooled: bool
    backbone_rates: tuple[int, ...]
    head_rates: tuple[int, ...]
    enlargements: tuple[tuple[int, int], ...]
    logits_stride: int
    logits_size: tuple[int, int]
    labels: int
    label_dtype: str


@dataclass(frozen=True)
class ProfileReport:
    """Whether a profile applies to a graph.

    Attributes
    ----------
    name : str
    applies : bool
    skipped : dict of str to str
        Why passes are left out, by name.
    reason : str or None
        Why it does not apply.
    """

    name: str
    applies: bool
    skipped: dict[str, str]
    reason: str | None


@dataclass(frozen=True)
class LayoutReport:
    """What a frozen graph consists of, and what can be made of it.

    Attributes
    ----------
    model : str
        The model's name.
    source : str
        The file it was read from.
    sha256 : str
        Of the graph.
    size : int
        Bytes of the graph.
    trusted : bool
        Whether the user vouched for its operations.
    tools : dict of str to str
        Versions of what looked at it.
    layout : GraphLayout
        As written.
    contract : GraphContract or None
        None where it is refused.
    normal_form : NormalFormReport or None
        None where there is none.
    landmarks : Landmarks or None
        None where they are not recognized.
    unrecognized : str or None
        Why not.
    profiles : tuple of ProfileReport
        Empty where the graph is refused.
    refusal : Refusal or None
        Why it breaks the policy or the contract.
    """

    model: str
    source: str
    sha256: str
    size: int
    trusted: bool
    tools: dict[str, str]
    layout: GraphLayout
    contract: GraphContract | None = None
    normal_form: NormalFormReport | None = None
    landmarks: Landmarks | None = None
    unrecognized: str | None = None
    profiles: tuple[ProfileReport, ...] = ()
    refusal: Refusal | None = None


def inspect_layout(graph: FrozenGraph) -> LayoutReport:
    """Describe a frozen graph, and find out which profiles apply to it.

    Parameters
    ----------
    graph : FrozenGraph

    Returns
    -------
    LayoutReport
        Of a graph that breaks the policy or the contract with the refusal in it; it is counted,
        and neither loaded nor run.

    Raises
    ------
    GraphError
        The bytes are no GraphDef.
    MissingDependencyError
        The ``convert`` extra is not installed.
    """
    try:
        loaded = load_graph(graph)
    except GraphError as error:
        report = _described(graph, parse_graph(dataclasses.replace(graph, trusted=True)))
        return dataclasses.replace(report, refusal=Refusal(error.problem, error.remedy))
    graph_def, contract = loaded.graph_def, loaded.contract
    network = contract.network
    report = dataclasses.replace(_described(graph, graph_def), contract=contract)
    try:
        form = normal_form(graph_def, network.crop, graph.source)
        described = describe_normal_form(graph_def, form, graph.source)
        report = dataclasses.replace(report, normal_form=described)
        model = onnx_model(loaded)
        # int8 starts from maps that are not rounded
        bare = onnx_model(loaded, rounding=False) if contract.fake_quantized else model
    except (GraphError, BackendError) as error:
        return dataclasses.replace(
            report,
            unrecognized=error.problem,
            profiles=tuple(
                ProfileReport(name, applies=False, skipped={}, reason=error.problem)
                for name in PROFILES
            ),
        )
    try:
        landmarks, unrecognized = find_landmarks(model, network.crop), None
    except ConversionError as error:
        landmarks, unrecognized = None, _reason(error)
    return dataclasses.replace(
        report,
        landmarks=landmarks,
        unrecognized=unrecognized,
        profiles=tuple(try_profiles(model, bare, network.crop)),
    )


def _described(graph: FrozenGraph, graph_def: GraphDef) -> LayoutReport:
    return LayoutReport(
        model=graph.name,
        source=str(graph.source),
        sha256=graph.sha256,
        size=len(graph.data),
        trusted=graph.trusted,
        tools=tool_versions(),
        layout=describe_graph(graph_def),
    )


def try_profiles(model: ModelProto, bare: ModelProto, crop: tuple[int, int]) -> list[ProfileReport]:
    """Run the passes of every profile on tf2onnx's model.

    Parameters
    ----------
    model : ModelProto
        Not changed.
    bare : ModelProto
        The same, or without the rounding of fake quantization: what quantized profiles start from.
        Not changed.
    crop : (int, int)
        Height and width of the network's crop.
    """
    done: dict[tuple[int, tuple[str, ...]], ProfileReport] = {}
    found = []
    for profile in PROFILES.values():
        start = bare if profile.quantized else model
        key = id(start), profile.network_passes
        if key not in done:  # int8 has the passes of fast
            done[key] = _tried(profile, start, crop)
        found.append(dataclasses.replace(done[key], name=profile.name))
    return found


def _tried(profile: Profile, model: ModelProto, crop: tuple[int, int]) -> ProfileReport:
    try:
        _, skipped = profile.apply(model, crop)
    except (ConversionError, BackendError) as error:
        return ProfileReport(profile.name, applies=False, skipped={}, reason=_reason(error))
    reasons = {name: problem.removeprefix(PREFIX) for name, problem in skipped.items()}
    return ProfileReport(profile.name, applies=True, skipped=reasons, reason=None)


def find_landmarks(model: ModelProto, crop: tuple[int, int]) -> Landmarks:
    """Return what is recognized in tf2onnx's model.

    Parameters
    ----------
    model : ModelProto
        Not changed.
    crop : (int, int)
        Height and width of the network's crop.

    Raises
    ------
    ConversionError
        The graph is not of this family.
    """
    from onnx import helper

    net = DeepLab(model, crop)
    way = net.ancestors(net.logits, net.entry)
    convolutions = [node for node in way if node.op_type == "Conv"]
    strides = [
        (net.stride_of(node.input[0]), net.stride_of(node.output[0]))
        for node in way
        if net.is_linear_resize(node)
    ]
    stem = net.weights(net.stem)
    rows, columns = net.shape(net.logits)[2:]
    backbone = {node.output[0] for node in net.ancestors(net.features, net.entry)}
    dilated = [(node, net.dilation(node)) for node in net.spatial_convolutions()]
    pooled = net.pool is not None
    return Landmarks(
        resizes=net.resizes,
        scale=tuple(float(value) for value in net.scale),
        padding=tuple(float(value) for value in net.padding),
        stem_kernel=(stem.shape[2], stem.shape[3]),
        stem_stride=int(net.attribute(net.stem, "strides", [1, 1])[0]),
        stem_channels=stem.shape[0],
        convolutions=len(convolutions),
        multiply_adds=sum(
            net.weights(node)[0].size * _area(net.shape(node.output[0])) for node in convolutions
        ),
        output_stride=net.output_stride,
        feature_channels=net.channels(net.features) if pooled else None,
        pooled=pooled,
        backbone_rates=_rates(rate for node, rate in dilated if node.output[0] in backbone),
        head_rates=_rates(rate for node, rate in dilated if node.output[0] not in backbone),
        enlargements=tuple(
            (before, behind) for before, behind in reversed(strides) if before and behind
        ),
        logits_stride=net.stride,
        logits_size=(rows, columns),
        labels=net.labels,
        label_dtype=helper.tensor_dtype_to_np_dtype(net.label_type).name,
    )


def _area(shape: tuple[int, ...]) -> int:
    """Return the values of a map of one image: channels, rows and columns multiplied."""
    _, channels, rows, columns = shape
    return channels * rows * columns


def _rates(found: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({rate for rate in found if rate > 1}))


def _reason(error: ToolkitError) -> str:
    return error.problem.removeprefix(PREFIX)
