"""Static int8: convolutions and additions between quantisation nodes (QDQ).

ONNX Runtime's tools do it. Activations are unsigned bytes on the ranges that calibration photos
reach; weights signed bytes per output channel, of 7 bits: with 8, kernels of processors without
VNNI saturate where two products are added in 16 bits. What surrounds the network stays float.

Layers that cost accuracy for little time stay float too. Which they are is measured: each layer of
few multiply-adds is left out of quantisation in turn, and the error of the logits against the float
network's is compared with that of quantising all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.backends.export import feed_of
from toolkit.catalog import SUBJECT
from toolkit.convert.calibration import Calibration
from toolkit.convert.editor import Editor
from toolkit.convert.loggers import quiet
from toolkit.host import available_cores

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST_OPSET = 13
"""From here on DequantizeLinear takes a scale per channel."""

QUANTISED = ("Conv", "Add", "Clip", "Relu", "Concat", "GlobalAveragePool")
"""Operations between quantisation nodes."""

PROBED = 8
"""Photos that the error is measured on: the first ones."""

LITTLE_TIME = 0.01
"""A layer of at most this share of the multiply-adds may stay float."""

LEAST_GAIN = 0.03
"""By which share the error has to fall for it."""

MOST_FLOAT = 0.03
"""The share of the multiply-adds that stays float at most."""


Tensors = list[list[NDArray[np.float32]]]
"""By photo, by tensor."""


@dataclass(frozen=True)
class Layer:
    """A convolution, and what quantising it costs.

    Attributes
    ----------
    name : str
        The node's in the export.
    share : float
        Of the network's multiply-adds, 0..1.
    gain : float
        By which share the error of the logits falls where this layer alone stays float.
    """

    name: str
    share: float
    gain: float


@dataclass(frozen=True)
class Quantisation:
    """What was done to a network.

    Attributes
    ----------
    float_layers : tuple of Layer
        Those that stayed float.
    error_all, error : float
        Mean square error of the logits relative to their variance, mean over photos: with every
        layer quantised, and as it is.
    """

    float_layers: tuple[Layer, ...]
    error_all: float
    error: float


def quantize(
    model: ModelProto,
    calibration: Calibration,
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[ModelProto, Quantisation]:
    """Quantise a float export.

    Parameters
    ----------
    model : ModelProto
        In canonical form, opset 13 or later. Not changed.
    calibration : Calibration
    progress : callable, optional
        Called with (layers tried, layers to try).

    Returns
    -------
    ModelProto
        The same from the same photos on the same machine.
    Quantisation
    """
    probes = calibration.images[:PROBED]
    logits = _last_convolution(model)
    expected = _run(model, (logits,), probes)
    with tempfile.TemporaryDirectory(prefix="toolkit-int8-") as folder:

        def quantised(kept_float: Collection[str]) -> ModelProto:
            return _quantise(model, calibration, kept_float, Path(folder))

        def error_of(candidate: ModelProto) -> float:
            return _error(expected, _run(candidate, (logits,), probes))

        everything = error_of(quantised(()))
        shares = multiply_adds(model, probes[0])
        cheap = [name for name, share in shares.items() if share <= LITTLE_TIME]
        layers = []
        for done, name in enumerate(cheap):
            if progress:
                progress(done, len(cheap))
            left = error_of(quantised((name,)))
            layers.append(Layer(name, shares[name], 1 - left / everything))
        kept = choose_float(layers)
        result = quantised([layer.name for layer in kept])
    return result, Quantisation(kept, everything, error_of(result))


def choose_float(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Choose the layers that stay float: most gain for the time first, as long as there is time.

    Parameters
    ----------
    layers : sequence of Layer

    Returns
    -------
    tuple of Layer
        In the order given.
    """
    chosen = set()
    spent = 0.0
    # by name where they are worth the same, whatever order they come in
    for layer in sorted(layers, key=lambda one: (one.share / max(one.gain, 1e-9), one.name)):
        if layer.gain >= LEAST_GAIN and spent + layer.share <= MOST_FLOAT:
            chosen.add(layer)
            spent += layer.share
    return tuple(layer for layer in layers if layer in chosen)


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
    import onnx
    import onnxruntime

    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    given = {value.name for value in probed.graph.output}
    probed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in given
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(
        probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    takes = {value.name for value in session.get_inputs()}
    return [list(session.run(list(names), _feed(image, takes))) for image in images]


def _feed(image: NDArray[np.uint8], takes: Collection[str]) -> dict[str, NDArray[Any]]:
    # the subject's number matters behind the logits only
    return feed_of(Path("the float export"), image, 0, one_subject=SUBJECT.name in takes)


def _quantise(
    model: ModelProto, calibration: Calibration, kept_float: Collection[str], folder: Path
) -> ModelProto:
    """Quantise all but some layers; what calibration finds is kept in the folder."""
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped base
        def __init__(self) -> None:
            self._images = iter(calibration.images)

        def get_next(self) -> Mapping[str, NDArray[Any]] | None:
            image = next(self._images, None)
            return None if image is None else _feed(image, takes)

    takes = {value.name for value in model.graph.input}
    source, path = folder / "float.onnx", folder / "quantised.onnx"
    onnx.save(model, source)  # of a model in memory it moves the weights out
    with quiet("root"):  # it advises to optimise before, which is done
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
        )
    quantised = onnx.load(path)
    del quantised.graph.value_info[:]  # names of unknown sizes count up from call to call
    return quantised
