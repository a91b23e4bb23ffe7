"""Assemble an export as DeepLab's script does: preprocessing, network, labels of the photo's size.

The values of batch norms, the last layer and quantization ranges are measured on made-up scenes,
as training would leave them: see `tests.zoo.calibration`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.zoo.calibration import measure, measure_ranges, with_values
from tests.zoo.export import Export, scaled_size
from tests.zoo.head import add_head
from tests.zoo.layers import Layers
from tests.zoo.mobilenet_v2 import mobilenet_v2
from tests.zoo.mobilenet_v3 import mobilenet_v3
from tests.zoo.preprocessing import Prepared, normalize, prepare
from tests.zoo.resnet_v1_beta import resnet_v1
from tests.zoo.serialization import as_written
from tests.zoo.xception import xception
from toolkit.graphs import import_tensorflow

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef

SEED = 20261201


def build(export: Export, seed: int = SEED) -> GraphDef:
    """Build the frozen graph of an export.

    Parameters
    ----------
    export : Export
        The options.
    seed : int
        Of the random weights. Exports of one backbone, width and head share weights of one seed.

    Returns
    -------
    GraphDef
        With ``ImageTensor:0`` and ``SemanticPredictions:0``, in the layout of 2020 also
        ``SemanticProbabilities:0``; the same bytes for the same arguments.
    """
    plain = replace(export, scales=(1.0,), flipped=False, quantization_aware=False)
    graph, logits_layers = _assemble(plain, seed)
    values = measure(graph, logits_layers, export.crop)
    if export != plain:
        graph, _ = _assemble(export, seed)
    if export.quantization_aware:
        values |= measure_ranges(with_values(graph, values), export.crop)
    return as_written(with_values(graph, values), export)


def serialize(graph: GraphDef) -> bytes:
    """Return the GraphDef's bytes, the same in every process."""
    return bytes(graph.SerializeToString(deterministic=True))


def _assemble(export: Export, seed: int) -> tuple[GraphDef, tuple[str, ...]]:
    """Build the graph with nothing measured yet; name the layers whose sum the logits are."""
    tf = import_tensorflow()
    layers = Layers(seed, quantization_aware=export.quantization_aware, dilations=export.dilations)
    graph = tf.Graph()
    with graph.as_default():
        photo = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        prepared = prepare(photo, export)
        if export.scales == (1.0,) and not export.flipped:
            logits = _logits(layers, prepared.image, export, 1.0)
            labels, probabilities = _predict(tf, logits, prepared.image, export)
        else:
            labels, probabilities = _predict_averaged(layers, prepared.image, export)
        finish = _finish_2018 if export.layout == "2018" else _finish_2020
        outputs = finish(tf, labels, probabilities, prepared)
    graph_def = tf.compat.v1.graph_util.extract_sub_graph(
        graph.as_graph_def(add_shapes=export.output_shapes), outputs
    )
    return graph_def, tuple(dict.fromkeys(layers.logits_layers))


def _logits(layers: Layers, image: Any, export: Export, scale: float) -> Any:
    """Add the network at one scale of the image; logits at the size of the whole crop's."""
    crop = scaled_size(export.crop, scale)
    if scale != 1.0:
        image = layers.resize(image, list(crop))
    image = normalize(image, export)
    x, maps = _backbone(layers, image, export)
    logits = add_head(layers, x, maps, export, crop)
    stride = export.decoder_stride or export.output_stride
    return layers.resize(logits, list(scaled_size(export.crop, max(1.0, scale) / stride)))


def _backbone(layers: Layers, image: Any, export: Export) -> tuple[Any, dict[int, Any]]:
    name, stride = export.backbone, export.output_stride
    if name == "mobilenet_v2":
        return mobilenet_v2(
            layers, image, output_stride=stride, width=export.width, full_depth=export.full_depth
        )
    if name in ("mobilenet_v3_large_seg", "mobilenet_v3_small_seg"):
        size = "large" if "large" in name else "small"
        return mobilenet_v3(layers, image, size=size, output_stride=stride, width=export.width)
    if name in ("resnet_v1_50", "resnet_v1_50_beta"):
        return resnet_v1(layers, image, beta=name.endswith("beta"), output_stride=stride)
    return xception(layers, image, name=name, output_stride=stride)


def _predict(tf: Any, logits: Any, image: Any, export: Export) -> tuple[Any, Any]:
    """Add labels and probabilities at the crop's size."""
    size = _size(tf, image, export)
    if export.upsampled_logits:
        logits = tf.raw_ops.ResizeBilinear(images=logits, size=size, align_corners=True)
        return tf.argmax(logits, 3, name="ArgMax"), tf.nn.softmax(logits, name="Softmax")
    labels = tf.expand_dims(tf.argmax(logits, 3, name="ArgMax"), 3)
    labels = tf.raw_ops.ResizeNearestNeighbor(
        images=labels, size=size, align_corners=True, name="resize_prediction"
    )
    probabilities = tf.raw_ops.ResizeBilinear(
        images=tf.nn.softmax(logits, name="Softmax"),
        size=size,
        align_corners=True,
        name="resize_prob",
    )
    return tf.squeeze(labels, [3]), probabilities


def _predict_averaged(layers: Layers, image: Any, export: Export) -> tuple[Any, Any]:
    """Add the mean of the probabilities over scales and, where asked for, the mirrored photo."""
    tf = layers.tf
    members = []
    for scale in export.scales:
        towers = [_logits(layers, image, export, scale)]
        if export.flipped:
            mirrored = _logits(layers, tf.reverse(image, [2]), export, scale)
            towers.append(tf.reverse(mirrored, [2]))
        for tower in towers:
            large = tf.raw_ops.ResizeBilinear(
                images=tower, size=_size(tf, image, export), align_corners=True
            )
            members.append(tf.expand_dims(tf.nn.softmax(large), 4))
    probabilities = tf.reduce_mean(tf.concat(members, 4), axis=4)
    return tf.argmax(probabilities, 3, name="ArgMax"), probabilities


def _size(tf: Any, image: Any, export: Export) -> Any:
    """Return the crop's size: a constant, in the layout of 2020 one cut from a constant shape."""
    if export.layout == "2018":
        return list(export.crop)
    return tf.compat.v1.shape(image)[1:3]


def _finish_2018(tf: Any, labels: Any, _: Any, prepared: Prepared) -> list[str]:
    """Add the cut and the enlarging of int64 labels."""
    fitted = prepared.fitted_size
    cut = tf.slice(labels, [0, 0, 0], tf.stack([1, fitted[0], fitted[1]]))
    cut = tf.expand_dims(tf.cast(cut, tf.int32), 3)
    full = tf.raw_ops.ResizeNearestNeighbor(
        images=cut, size=prepared.photo_size, align_corners=True
    )
    full = tf.cast(tf.squeeze(full, [3]), tf.int64)
    tf.identity(full, name="SemanticPredictions")
    return ["SemanticPredictions"]


def _finish_2020(tf: Any, labels: Any, probabilities: Any, prepared: Prepared) -> list[str]:
    """Add the cut and the enlarging of labels as float32, and of probabilities."""
    height, width = prepared.fitted_size[0], prepared.fitted_size[1]
    labels = tf.identity(tf.cast(labels, tf.float32), name="RawSemanticPredictions")
    probabilities = tf.identity(probabilities, name="RawSemanticProbabilities")
    labels = labels[:, :height, :width]
    probabilities = probabilities[:, :height, :width]
    labels = tf.raw_ops.ResizeNearestNeighbor(
        images=tf.expand_dims(labels, 3), size=prepared.photo_size, align_corners=True
    )
    labels = tf.cast(tf.squeeze(labels, [3]), tf.int32)
    tf.identity(labels, name="SemanticPredictions")
    tf.raw_ops.ResizeBilinear(
        images=probabilities,
        size=prepared.photo_size,
        align_corners=True,
        name="SemanticProbabilities",
    )
    return ["SemanticPredictions", "SemanticProbabilities"]
