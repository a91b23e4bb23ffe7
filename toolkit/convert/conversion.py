"""One conversion from start to end."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import itertools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit import __version__
from toolkit.convert.calibration import Calibration
from toolkit.convert.loggers import quiet
from toolkit.convert.manifest import Manifest, export_name
from toolkit.convert.profiles import Profile, find_profile, least_agreement
from toolkit.convert.quantize import LEAST_OPSET, Quantization, quantize
from toolkit.convert.repairs import repair
from toolkit.errors import (
    BackendError,
    ConversionError,
    MissingDependencyError,
    UsageError,
)
from toolkit.graphs import (
    FrozenGraph,
    LoadedGraph,
    import_tensorflow,
    load_graph,
    normal_form,
)
from toolkit.graphs.network import INPUT, OUTPUT, Network
from toolkit.parity import NEAR_TIE
from toolkit.verify import VerifyReport, synthetic_images, verify_model

if TYPE_CHECKING:
    from onnx import ModelProto

log = logging.getLogger(__name__)

OPSETS = range(11, 19)
DEFAULT_OPSET = 18
DEFAULT_PROFILES: tuple[str, ...] = ("exact", "plain")
"""The first that takes a graph is its default: both give TF1's labels, the first with less work."""


@dataclass(frozen=True)
class VerifiedExport:
    """An export in memory and what verification found.

    Attributes
    ----------
    content : bytes
        The ONNX file.
    manifest : Manifest
        Of a file named after model, profile and opset.
    report : VerifyReport
        Whether it passed.
    """

    content: bytes
    manifest: Manifest
    report: VerifyReport


def convert_graph(
    graph: FrozenGraph,
    *,
    profile: str | Sequence[str] = DEFAULT_PROFILES,
    opset: int = DEFAULT_OPSET,
    images: Mapping[str, NDArray[np.uint8]] | None = None,
    calibration: Calibration | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> VerifiedExport:
    """Convert a frozen graph to ONNX and verify the export against TF1.

    Parameters
    ----------
    graph : FrozenGraph
    profile : str or sequence of str
        A name in `toolkit.convert.PROFILES`; of several the first whose passes recognize the graph,
        and the log says which did not.
    opset : int
        11 to 18.
    images : mapping of str to (h, w, 3) uint8 RGB, optional
        Preprocessed photos to verify on, besides the spread of sizes.
    calibration : Calibration, optional
        Photos that a quantized profile is calibrated on. It needs them, but of a graph that
        quantization-aware training left its ranges in.
    progress : callable, optional
        Called with (layers tried, layers in all) while a network is quantized, then with (images
        verified, images in all).

    Returns
    -------
    VerifiedExport
        The same graph gives the same ONNX bytes in any process.

    Raises
    ------
    UsageError
        The opset is out of range, there is no such profile, or it needs photos to be calibrated on,
        or has no use for them.
    GraphError
        The graph breaks the contract.
    ConversionError
        A pass of the profile, of several the last, does not recognize the graph.
    BackendError
        tf2onnx or the ONNX checker refuses the graph.
    MissingDependencyError
        The ``convert`` extra is not installed.
    """
    if opset not in OPSETS:
        raise UsageError(f"opset {opset} is out of range", f"choose {OPSETS[0]} to {OPSETS[-1]}")
    names = [profile] if isinstance(profile, str) else profile
    profiles = [find_profile(name) for name in names]
    for each in profiles:
        _check_fit(each, opset, calibration)
    loaded = load_graph(graph)
    network = loaded.contract.network
    if profiles[0].quantized and calibration is None and not loaded.contract.fake_quantized:
        raise UsageError(
            f"profile {profiles[0].name} needs photos to be calibrated on",
            "add --calibrate DIR",
        )
    export = _first_export(loaded, profiles, opset, calibration, progress)
    content = export.content
    report = verify_model(loaded, images=images, export=content, progress=progress)
    manifest = Manifest(
        file=export_name(graph.name, export.profile.name, opset),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        model=graph.name,
        source_graph_sha256=graph.sha256,
        profile=export.profile.name,
        passes=export.profile.passes,
        skipped=export.skipped,
        opset=opset,
        input=INPUT.name,
        output=OUTPUT.name,
        crop=network.crop,
        labels=network.labels,
        tools=tool_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        verification={
            "passed": report.passed,
            "near_tie": NEAR_TIE,
            "least_agreement": report.least_agreement,
            "agreement": report.agreement,
            "inputs": [dataclasses.asdict(found) for found in report.inputs],
        },
        quantization=_quantization(export.quantization, calibration),
    )
    return VerifiedExport(content, manifest, report)


def _check_fit(profile: Profile, opset: int, calibration: Calibration | None) -> None:
    """Refuse an opset or photos that a profile has no use for."""
    if profile.quantized and opset < LEAST_OPSET:
        raise UsageError(
            f"profile {profile.name} can't be written in opset {opset}",
            f"choose {LEAST_OPSET} to {OPSETS[-1]}",
        )
    if calibration and not profile.quantized:
        raise UsageError(f"profile {profile.name} is not calibrated", "leave --calibrate out")


@dataclass(frozen=True)
class Export:
    """An ONNX model, not verified yet.

    Attributes
    ----------
    content : bytes
    profile : Profile
        What it was made by.
    skipped : dict of str to str
        Why passes of the profile were left out, by name.
    quantization : Quantization or None
        What was quantized; None of a float model.
    """

    content: bytes
    profile: Profile
    skipped: dict[str, str]
    quantization: Quantization | None = None


def _first_export(
    graph: LoadedGraph,
    profiles: Sequence[Profile],
    opset: int,
    calibration: Calibration | None,
    progress: Callable[[int, int | None], None] | None,
) -> Export:
    """Return the export of the first profile whose passes recognize the graph."""

    @functools.cache
    def base(rounding: bool) -> ModelProto:
        return onnx_model(graph, opset, rounding=rounding)

    def export_by(profile: Profile) -> Export:
        model = base(not profile.quantized)
        return export_graph(
            graph, profile, opset, model=model, calibration=calibration, progress=progress
        )

    for profile, following in itertools.pairwise(profiles):
        try:
            return export_by(profile)
        except ConversionError as error:
            log.warning(
                "profile %s: %s; taking %s (toolkit inspect MODEL says more)",
                profile.name,
                error.problem,
                following.name,
            )
    return export_by(profiles[-1])


def onnx_model(
    graph: FrozenGraph, opset: int = DEFAULT_OPSET, *, rounding: bool = True
) -> ModelProto:
    """Return tf2onnx's model of the normal form of a frozen graph: what profiles start from.

    Parameters
    ----------
    graph : FrozenGraph
    opset : int
        11 to 18.
    rounding : bool
        Whether fake quantization of maps is kept; without it their ranges alone are.

    Raises
    ------
    GraphError
        The graph breaks the contract, or has no normal form.
    BackendError
        tf2onnx refuses it.
    MissingDependencyError
        The ``convert`` extra is not installed.
    """
    import_tensorflow()
    try:
        import tf2onnx
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"converting needs tf2onnx and onnx ({error})",
            "convert",
        ) from error
    loaded = load_graph(graph)
    crop = loaded.contract.network.crop
    model: ModelProto
    with quiet("tf2onnx", "tensorflow"):
        try:
            model, _ = tf2onnx.convert.from_graph_def(
                normal_form(loaded.graph_def, crop, graph.source, rounding=rounding),
                input_names=[INPUT.name],
                output_names=[OUTPUT.name],
                opset=opset,
            )
        except (
            *(ValueError, RuntimeError, KeyError, AttributeError, TypeError),
            AssertionError,  # the label map does not depend on the photo
        ) as error:
            # What tf2onnx raises for an operation it can't express; its message names it.
            reason = str(error).splitlines()[0]
            raise BackendError(
                f"tf2onnx does not convert {graph.source}: {reason}",
                "toolkit inspect MODEL says what the graph is made of",
            ) from error
    return repair(model)


def export_graph(
    graph: FrozenGraph,
    profile: Profile,
    opset: int = DEFAULT_OPSET,
    *,
    model: ModelProto | None = None,
    calibration: Calibration | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Export:
    """Return the ONNX bytes of a frozen graph: tf2onnx's, by a profile, checked, with metadata.

    Parameters
    ----------
    graph : FrozenGraph
    profile : Profile
    opset : int
        11 to 18.
    model : ModelProto, optional
        What `onnx_model` gives of this graph and opset, with rounding unless the profile is
        quantized; by default it is made. Not changed.
    calibration, progress
        As in `convert_graph`.

    Raises
    ------
    GraphError, ConversionError, BackendError, MissingDependencyError
        As in `convert_graph`.
    """
    loaded = load_graph(graph)
    network, fake_quantized = loaded.contract.network, loaded.contract.fake_quantized
    if model is None:
        model = onnx_model(loaded, opset, rounding=not profile.quantized)
    import onnx

    model, skipped = profile.apply(model, network.crop)
    for name, reason in skipped.items():
        log.info("profile %s without %s: %s", profile.name, name, reason)
    quantization = None
    if profile.quantized:
        calibration = calibration or _without_photos(network)
        model, quantization = quantize(
            model, calibration, trained_ranges=fake_quantized, progress=progress
        )
    _describe(model, graph, network, opset, profile, calibration, fake_quantized=fake_quantized)
    try:
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).splitlines()[0]
        raise BackendError(f"the export of {graph.source} is invalid: {reason}") from error
    content = bytes(model.SerializeToString(deterministic=True))
    return Export(content, profile, skipped, quantization)


def _describe(
    model: ModelProto,
    graph: FrozenGraph,
    network: Network,
    opset: int,
    profile: Profile,
    calibration: Calibration | None,
    *,
    fake_quantized: bool,
) -> None:
    """Name the free dimensions and write down what a reader of the file needs to know."""
    import onnx

    for value in (*model.graph.input, *model.graph.output):
        if value.name not in (INPUT.name, OUTPUT.name):
            continue
        for dim, name in zip(
            value.type.tensor_type.shape.dim[1:3], ("height", "width"), strict=True
        ):
            dim.dim_param = name
    metadata = {
        "model": graph.name,
        "source_graph_sha256": graph.sha256,
        "profile": profile.name,
        "opset": str(opset),
        "passes": json.dumps(profile.passes),
        "input": INPUT.name,
        "output": OUTPUT.name,
        "crop": json.dumps(network.crop),
        "labels": json.dumps(network.labels),
        "resizes": json.dumps(network.resizes),
        "tools": json.dumps(tool_versions(), sort_keys=True),
    }
    least = least_agreement(profile.name, fake_quantized=fake_quantized)
    if least is not None:
        metadata["least_agreement"] = json.dumps(least)
    if calibration:
        metadata["calibration"] = json.dumps(calibration.sha256)
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))


def _quantization(
    found: Quantization | None, calibration: Calibration | None
) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**dataclasses.asdict(found), "photos": calibration.sha256 if calibration else ()}


def _without_photos(network: Network) -> Calibration:
    """Return what ranges are measured on that training left out: images of no content."""
    return Calibration(tuple(synthetic_images(network).values()), ())


def tool_versions() -> dict[str, str]:
    """Return the versions of this package and of what it converts with, as far as installed."""
    versions = {"toolkit": __version__}
    for name in ("onnx", "tensorflow", "tf2onnx"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
