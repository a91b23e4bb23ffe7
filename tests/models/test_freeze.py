"""A frozen graph computes what was trained, and the same weights freeze to the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.training.freeze import BACKGROUND, LABELS, PERSON, Weights, freeze, picture
from models.training.network import CROP, logits
from training.deeplab_graph import serialize

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def trained() -> tuple[Weights, NDArray[np.uint8], NDArray[np.float32]]:
    """Made-up weights, an input that fills the crop, and the logits of the network in training."""
    import tensorflow as tf

    from models.training.layers import TrainedLayers

    layers = TrainedLayers(3)
    layers.training = False
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 256, (1, CROP, CROP, 3), dtype=np.uint8)
    scaled = tf.constant(photo.astype(np.float32) / 127.5 - 1)
    logits(layers, scaled)
    for variable in {**layers.trained, **layers.running}.values():
        if not variable.name.endswith("weights:0"):
            variable.assign(generator.uniform(0.5, 1.5, variable.shape).astype(np.float32))
    weights = {name: v.numpy() for name, v in {**layers.trained, **layers.running}.items()}
    return weights, photo, logits(layers, scaled).numpy()


def test_the_frozen_graph_computes_what_was_trained(
    trained: tuple[Weights, NDArray[np.uint8], NDArray[np.float32]],
) -> None:
    import tensorflow as tf

    weights, photo, expected = trained
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(freeze(weights), name="")
        found, labels = session.run(
            ["logits/BiasAdd:0", "SemanticPredictions:0"], {"ImageTensor:0": photo}
        )
    assert found.shape[-1] == LABELS
    np.testing.assert_allclose(found[..., [BACKGROUND, PERSON]], expected, rtol=1e-3, atol=1e-3)
    assert set(np.unique(labels)) <= {BACKGROUND, PERSON}


def test_the_same_weights_freeze_to_the_same_bytes(
    trained: tuple[Weights, NDArray[np.uint8], NDArray[np.float32]],
) -> None:
    weights, _, _ = trained
    assert serialize(freeze(weights)) == serialize(freeze(dict(reversed(weights.items()))))


def test_the_curve_is_a_picture() -> None:
    pytest.importorskip("matplotlib")
    assert picture([(100, 1.0, None), (500, 0.5, 0.6)]).startswith(b"\x89PNG")
