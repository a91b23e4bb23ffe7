"""Small SavedModels of TF1 and TF2 for the tests, and what they give; hostile ones too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs import FrozenGraph, import_tensorflow
from toolkit.graphs.saved_model import FrozenSavedModel, freeze_saved_model
from toolkit.hub.archive import read_saved_model_folder

LABELS = 4


def freeze(folder: Path, **options: Any) -> FrozenSavedModel:
    return freeze_saved_model(read_saved_model_folder(folder), folder, **options)


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return noise, [1, h, w, 3]."""
    shape = (1, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def weights(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def deeplab_like(tf: Any, image: Any, kernel: Any, crop: int = 65) -> Any:
    """Add a network with its own crop: resized, cut and enlarged as the zoo's graphs do it."""
    size = tf.shape(image)[1:3]
    ratio = tf.constant(float(crop)) / tf.cast(tf.reduce_max(size), tf.float32)
    fitted = tf.maximum(tf.cast(tf.floor(tf.cast(size, tf.float32) * ratio + 0.5), tf.int32), 1)
    image = tf.raw_ops.ResizeBilinear(
        images=tf.cast(image, tf.float32), size=fitted, align_corners=True
    )
    spare = crop - fitted
    padded = tf.pad(image / 127.5 - 1, [[0, 0], [0, spare[0]], [0, spare[1]], [0, 0]])
    logits = tf.nn.conv2d(tf.reshape(padded, [1, crop, crop, 3]), kernel, 1, "SAME")
    labels = tf.argmax(logits, 3, output_type=tf.int32)
    cut = tf.slice(labels, [0, 0, 0], tf.stack([1, fitted[0], fitted[1]]))
    full = tf.raw_ops.ResizeNearestNeighbor(
        images=tf.expand_dims(cut, 3), size=size, align_corners=True
    )
    return tf.squeeze(full, 3)


def write_tf1(
    folder: Path,
    *,
    resource: bool = False,
    partitions: int | None = None,
    initializer: Callable[[Any], Any] | None = None,
    before: Callable[[Any], Any] | None = None,
) -> NDArray[Any]:
    """Write a TF1 SavedModel with its own crop; return what it gives for `photo(40, 30)`.

    `initializer` adds an operation that the loader would run, `before` one that runs before the
    label map by a control input.
    """
    tf = import_tensorflow()
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        image = v1.placeholder(tf.uint8, [1, None, None, 3], name="photo")
        kernel = v1.get_variable(
            "net/weights",
            shape=[3, 3, 3, LABELS],
            initializer=v1.random_normal_initializer(seed=1),
            use_resource=resource,
            partitioner=v1.fixed_size_partitioner(partitions, 3) if partitions else None,
        )
        needed = [before(tf)] if before else []
        with tf.control_dependencies(needed):
            labels = tf.identity(deeplab_like(tf, image, tf.convert_to_tensor(kernel)), "labels")
        run = initializer(tf) if initializer else None
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            found = np.zeros(0) if before else session.run(labels, {image: photo(40, 30)})
            builder = v1.saved_model.Builder(str(folder))
            signature = v1.saved_model.predict_signature_def({"image": image}, {"map": labels})
            builder.add_meta_graph_and_variables(
                session, ["serve"], {"serving_default": signature}, main_op=run
            )
            builder.save()
    return np.asarray(found)


def write_tf2(folder: Path, *, module: Any = None, signatures: Any = None) -> Any:
    """Write a TF2 SavedModel: `tf.cond` on the size, batch norm, two variables of one name."""
    tf = import_tensorflow()
    net = module or make_net()
    tf.saved_model.save(net, str(folder), signatures=signatures or net.__call__)
    return net


def make_net(*, branches: bool = True) -> Any:
    """Return a module, with a `tf.cond` in it if `branches`."""
    import tensorflow as tf

    class Net(tf.Module):  # type: ignore[misc]  # TensorFlow is untyped
        def __init__(self) -> None:
            super().__init__()
            self.first = tf.Variable(weights(3, 3, 3, 6), name="kernel")
            self.second = tf.Variable(weights(3, 3, 6, LABELS, seed=2), name="kernel")
            self.norm = [tf.Variable(np.abs(weights(6, seed=seed)) + 0.5) for seed in range(4)]

        @tf.function  # type: ignore[untyped-decorator]
        def scores(self, image: Any) -> Any:
            x = tf.nn.conv2d(image, self.first, 1, "SAME")
            x, *_ = tf.compat.v1.nn.fused_batch_norm(x, *self.norm, is_training=False)
            if not branches:
                return tf.nn.conv2d(tf.nn.relu(x), self.second, 1, "SAME")
            return tf.cond(
                tf.reduce_max(tf.shape(x)) > 40,
                lambda: tf.nn.conv2d(tf.nn.relu(x), self.second, 1, "SAME"),
                lambda: tf.nn.conv2d(-x, self.second, 1, "SAME"),
            )

        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8, name="image")]
        )
        def __call__(self, image: Any) -> Any:
            return {"scores": self.scores(tf.cast(image, tf.float32) / 127.5 - 1)}

    return Net()


def write_scores(path: Path) -> None:
    """Write a frozen graph of one size, `photo` to `logits`."""
    tf = import_tensorflow()
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, 65, 65, 3], name="photo")
        tf.nn.conv2d(image / 127.5 - 1, weights(3, 3, 3, LABELS), 1, "SAME", name="logits")
    path.write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the parsed `saved_model.pb` of a SavedModel."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    change(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())


def run(graph: bytes | FrozenGraph, fetch: str, feed: str, image: NDArray[Any]) -> NDArray[Any]:
    """Run a frozen graph."""
    tf = import_tensorflow()
    data = graph if isinstance(graph, bytes) else graph.data
    with tf.Graph().as_default() as loaded:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(data), name="")
        with tf.compat.v1.Session(graph=loaded) as session:
            return np.asarray(session.run(fetch, {feed: image}))
