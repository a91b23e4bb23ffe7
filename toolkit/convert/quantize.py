"""Static int8: convolutions and additions between quantization nodes (QDQ).

ONNX Runtime's tools do it. Activations are unsigned bytes on the ranges that calibration photos
reach; weights signed bytes per output channel, of 7 bits: with 8, kernels of processors without
VNNI saturate where two products are added in 16 bits. What surrounds the network stays float.

Layers that cost accuracy for little time stay float too, at both ends of the network: ONNX Runtime
runs a float convolution between quantization nodes in int8 all the same, of one scale for all
channels. How many it is is measured: each layer of few multiply-adds is left out of quantization in
addition to those nearer the end, and the error of the logits against the float network's compared.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.backends.export import feed_of
from toolkit.convert.calibration import Calibration
from toolkit.convert.editor import Editor
from toolkit.convert.evaluate_tensors import evaluate_tensors
from toolkit.convert.loggers import quiet
from toolkit.graphs.network import SUBJECT

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST_OPSET = 13
"""From here on DequantizeLinear takes a scale per channel."""

QUANTISED = ("Conv", "Add", "Clip", "Relu", "Concat", "GlobalAveragePool")
"""Operations between quantization nodes."""

PROBED = 8
"""Photos that the error is measured on: the first ones."""

LEAST_GAIN = 0.03
"""By which share the error has to fall for layers that stay float."""

MOST_FLOAT = 0.05
"""The share of the multiply-adds that stays float at each end at most."""

Tensors = list[list[NDArray[np.float32]]]
"""By photo, by tensor."""


@dataclass(frozen=True)
class Layer:
    """A convolution that stays float.

    Attributes
    ----------
    name : str
        The node's in the export.
    share : float
        Of the network's multiply-adds, 0..1.
    error : float
        Mean square error of the logits relative to their variance, mean over photos, with it and
        those before it in the list in float.
    """

    name: str
    share: float
    error: float


@dataclass(frozen=True)
class Quantization:
    """What was done to a network.

    Attributes
    ----------
    float_layers : tuple of Layer
        Those that stayed float, in the order in which they were chosen.
    error_all, error : float
        The error with every layer quantized, and as it is.
    trained_ranges : int
        Maps whose range quantization-aware training left in the graph; others are measured.
    """

    float_layers: tuple[Layer, ...]
    error_all: float
    error: float
    trained_ranges: int = 0


def quantize(
    model: ModelProto,
    calibration: Calibration,
    *,
    trained_ranges: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[ModelProto, Quantization]:
    """Quantize a float export.

    Parameters
    ----------
    model : ModelProto
        In canonical form, opset 13 or later. Not changed.
    calibration : Calibration
    trained_ranges : bool
        Whether every Clip of the network is to a range that quantization-aware training chose.
    progress : callable, optional
        Called with (layers tried, layers to try).

    Returns
    -------
    ModelProto
        The same from the same photos on the same machine.
    Quantization
    """
    ranges = _clips(model) if trained_ranges else {}
    probes = calibration.images[:PROBED]
    logits = _last_convolution(model)
    expected = _run(model, (logits,), probes)
    with tempfile.TemporaryDirectory(prefix="toolkit-int8-") as folder:
        outside = _outside(model)

        def quantized(kept_float: Collection[str]) -> ModelProto:
            return _quantize(model, calibration, ranges, [*outside, *kept_float], Path(folder))

        @functools.cache
        def error_of(kept_float: tuple[str, ...]) -> float:
            return _error(expected, _run(quantized(kept_float), (logits,), probes))

        kept = choose_float(multiply_adds(model, probes[0]), error_of, progress)
        error_all = error_of(())
        result = quantized([layer.name for layer in kept])
    error = kept[-1].error if kept else error_all
    return result, Quantization(kept, error_all, error, len(ranges))


def _clips(model: ModelProto) -> dict[str, tuple[float, float]]:
    """Return the ranges of the network's Clips, by what they give."""
    editor = Editor(model)
    outside = set(_outside(model))
    found = {}
    for node in editor.nodes("Clip"):
        ends = [editor.constant(name) for name in node.input[1:3]]
        if node.name not in outside and len(ends) == 2 and all(end is not None for end in ends):
            low, high = (float(np.asarray(end).reshape(())) for end in ends)
            found[node.output[0]] = low, high
    return found


def choose_float(
    shares: Mapping[str, float],
    error_of: Callable[[tuple[str, ...]], float],
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[Layer, ...]:
    """Choose the layers that stay float, from the first on, then from the last.

    Of each end so many stay float that more would not let the error fall by `LEAST_GAIN`, within
    `MOST_FLOAT`.

    Parameters
    ----------
    shares : mapping of str to float
        Of the multiply-adds by layer, in order.
    error_of : callable
        Given names, the error with these layers in float.
    progress : callable, optional
        Called with (layers tried, layers to try).
    """
    ends = [_cheap_end(names, shares) for names in (list(shares), list(shares)[::-1])]
    total = sum(map(len, ends))
    kept: list[Layer] = []
    least = error_of(())
    done = 0
    for names in ends:
        tried: list[Layer] = []
        for name in names:
            if progress:
                progress(done, total)
            done += 1
            if any(name == layer.name for layer in kept):
                break
            error = error_of((*(layer.name for layer in (*kept, *tried)), name))
            tried.append(Layer(name, shares[name], error))
            if error <= (1 - LEAST_GAIN) * least:
                kept, tried, least = [*kept, *tried], [], error
    return tuple(kept)


def _cheap_end(names: Sequence[str], shares: Mapping[str, float]) -> list[str]:
    """Return the first ones that have `MOST_FLOAT` of the multiply-adds together."""
    spent = np.cumsum([shares[name] for name in names])
    return [name for name, so_far in zip(names, spent, strict=True) if so_far <= MOST_FLOAT]


def _outside(model: ModelProto) -> list[str]:
    """Return the nodes that lie not between the first convolution and the logits.

    Of the kinds that are quantized there are some, such as the arithmetic that picks pixels.
    """
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    last = _last_convolution(model)
    reached = {first.output[0]}
    outside = []
    behind = False
    for node in model.graph.node:
        inside = not behind and (node is first or any(name in reached for name in node.input))
        if inside:
            reached.update(node.output)
        else:
            outside.append(node.name)
        behind = behind or last in node.output
    return outside


def multiply_adds(model: ModelProto, image: NDArray[np.uint8]) -> dict[str, float]:
    """Return each convolution's share of the multiply-adds for an image, 0..1, by node name."""
    editor = Editor(model)
    nodes = editor.nodes("Conv")
    (outputs,) = _run(model, [node.output[0] for node in nodes], [image])
    counts = {}
    for node, output in zip(nodes, outputs, strict=True):
        kernel = editor.constant(node.input[1])
        counts[node.name] = 0 if kernel is None else output.size * kernel[0].size
    return {name: count / sum(counts.values()) for name, count in counts.items()}


def _last_convolution(model: ModelProto) -> str:
    """Return the name of the logits: canonical form puts inputs first, so theirs is the last."""
    return str([node for node in model.graph.node if node.op_type == "Conv"][-1].output[0])


def _error(expected: Tensors, found: Tensors) -> float:
    """Return mean square error relative to variance, mean over photos."""
    shares = [
        float(np.mean(np.square(one - other)) / np.var(one))
        for (one,), (other,) in zip(expected, found, strict=True)
    ]
    return sum(shares) / len(shares)


def _run(model: ModelProto, names: Sequence[str], images: Sequence[NDArray[np.uint8]]) -> Tensors:
    """Run a model for tensors inside it, photo by photo."""
    takes = {value.name for value in model.graph.input}
    return evaluate_tensors(model, names, [_feed(image, takes) for image in images])


def _feed(image: NDArray[np.uint8], takes: Collection[str]) -> dict[str, NDArray[Any]]:
    # the subject's number matters behind the logits only
    return feed_of(Path("the float export"), image, 0, one_subject=SUBJECT.name in takes)


def _quantize(
    model: ModelProto,
    calibration: Calibration,
    ranges: Mapping[str, tuple[float, float]],
    kept_float: Collection[str],
    folder: Path,
) -> ModelProto:
    """Quantize all but some layers; what calibration finds is kept in the folder."""
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped base
        def __init__(self) -> None:
            self._images = iter(calibration.images)

        def get_next(self) -> Mapping[str, NDArray[Any]] | None:
            image = next(self._images, None)
            return None if image is None else _feed(image, takes)

    takes = {value.name for value in model.graph.input}
    source, path = folder / "float.onnx", folder / "quantized.onnx"
    onnx.save(model, source)  # of a model in memory it moves the weights out
    with quiet("root"):  # it advises to optimize before, which is done
        quantization.quantize_static(
            source,
            path,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=list(kept_float),
            calibration_cache_path=folder / "ranges.json",
            extra_options={
                "TensorQuantOverrides": {
                    name: [{"rmin": np.float32(low), "rmax": np.float32(high)}]
                    for name, (low, high) in ranges.items()
                }
            },
        )
    quantized = onnx.load(path)
    del quantized.graph.value_info[:]  # names of unknown sizes count up from call to call
    return quantized
