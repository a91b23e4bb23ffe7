"""Fake quantization written out: TensorFlow's kernel, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs.test_normal_form import check, graph_of
from toolkit.graphs.fake_quantization import Levels
from toolkit.graphs.loading import import_tensorflow

pytestmark = pytest.mark.tensorflow


@settings(max_examples=60, deadline=None)
@given(
    low=st.floats(-20, 0.5, width=32),
    span=st.floats(0.0625, 30, width=32),
    bits=st.integers(2, 16),
    narrow=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_levels_are_tensorflows(
    low: float, span: float, bits: int, narrow: bool, seed: int
) -> None:
    tf = import_tensorflow()
    levels = Levels.of(low, low + span, bits=bits, narrow=narrow)
    generator = np.random.default_rng(seed)
    values = generator.uniform(low - span, low + 2 * span, 400).astype(np.float32)
    steps = np.arange(min(2**bits, 200), dtype=np.float32)
    halves = levels.low + (steps + np.float32(0.5)) * levels.scale  # where rounding decides
    values = np.concatenate([values, halves])
    expected = tf.raw_ops.FakeQuantWithMinMaxVars(
        inputs=values, min=low, max=low + span, num_bits=bits, narrow_range=narrow
    ).numpy()
    np.testing.assert_array_equal(levels.round(values), expected)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("ends", [(0.0, 6.0), (-1.3, 200.7)])
def test_a_map_is_rounded_by_arithmetic_as_by_the_kernel(
    ends: tuple[float, float], narrow: bool
) -> None:
    low, high = ends
    found = check(
        graph_of(
            lambda tf, photo: tf.raw_ops.FakeQuantWithMinMaxVars(
                inputs=tf.cast(photo, tf.float32) / 3.0, min=low, max=high, narrow_range=narrow
            )
        )
    )
    assert "FakeQuantWithMinMaxVars" not in found


def test_weights_are_rounded_once_and_become_constants() -> None:
    def make(tf: object, photo: object) -> object:
        weights = tf.constant([[0.1, -0.7, 0.33]])  # type: ignore[attr-defined]
        rounded = tf.raw_ops.FakeQuantWithMinMaxArgs(  # type: ignore[attr-defined]
            inputs=weights, min=-1.0, max=1.0, num_bits=4
        )
        return tf.cast(photo, tf.float32) * rounded  # type: ignore[attr-defined]

    assert check(graph_of(make)) == {"Placeholder", "Cast", "Const", "Mul", "Identity"}
