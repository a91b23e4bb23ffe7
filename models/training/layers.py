"""The network's layers while it is trained: variables, and batch statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs import import_tensorflow

MOMENTUM = 0.98
EPSILON = 1e-3


class TrainedLayers:
    """Variables by name, made when first asked for.

    Parameters
    ----------
    seed : int
        Of the first weights.

    Attributes
    ----------
    training : bool
        Whether batch normalization takes the batch's statistics, and learns the running ones.
    trained, running : dict of str to tf.Variable
        What the optimizer changes, and the running means and variances.
    """

    def __init__(self, seed: int) -> None:
        self._tf = import_tensorflow()
        self._generator = np.random.default_rng(seed)
        self.training = True
        self.trained: dict[str, Any] = {}
        self.running: dict[str, Any] = {}

    def conv(self, x: Any, channels: int, kernel: int, name: str, *, stride: int = 1) -> Any:
        """Convolve, then normalize."""
        inputs = int(x.shape[-1])
        weights = self._weights(name, (kernel, kernel, inputs, channels), kernel**2 * inputs)
        return self._norm(self._tf.nn.conv2d(x, weights, stride, "SAME"), name)

    def depthwise(self, x: Any, name: str, *, stride: int, dilation: int) -> Any:
        """Convolve 3x3 channel by channel, then normalize."""
        weights = self._weights(name, (3, 3, int(x.shape[-1]), 1), 9)
        x = self._tf.nn.depthwise_conv2d(
            x, weights, [1, stride, stride, 1], "SAME", dilations=[dilation, dilation]
        )
        return self._norm(x, name)

    def relu6(self, x: Any) -> Any:
        """Clip to 0..6."""
        return self._tf.nn.relu6(x)

    def add(self, x: Any, y: Any) -> Any:
        """Add a residual connection."""
        return x + y

    def pooled(self, x: Any, channels: int, name: str) -> Any:
        """Spread what a 1x1 convolution makes of the map's mean over the map."""
        mean = self._tf.reduce_mean(x, [1, 2], keepdims=True)
        # of one point per photo batch statistics are too rough: no normalization
        weights = self._weights(name, (1, 1, int(x.shape[-1]), channels), int(x.shape[-1]))
        point = self._tf.nn.relu(self._tf.nn.conv2d(mean, weights, 1, "SAME"))
        return self._tf.broadcast_to(point, [*x.shape[:3], channels])

    def joined(self, x: Any, y: Any) -> Any:
        """Concatenate channels."""
        return self._tf.concat([x, y], 3)

    def scores(self, x: Any, name: str, labels: int) -> Any:
        """Convolve 1x1 with a bias."""
        inputs = int(x.shape[-1])
        weights = self._weights(name, (1, 1, inputs, labels), inputs)
        bias = self._variable(self.trained, f"{name}/bias", np.zeros(labels, np.float32))
        return self._tf.nn.conv2d(x, weights, 1, "SAME") + bias

    def _norm(self, x: Any, name: str) -> Any:
        channels = int(x.shape[-1])
        one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        gamma = self._variable(self.trained, f"{name}/gamma", one)
        beta = self._variable(self.trained, f"{name}/beta", zero)
        mean = self._variable(self.running, f"{name}/mean", zero)
        variance = self._variable(self.running, f"{name}/variance", one)
        if not self.training:
            return self._tf.raw_ops.FusedBatchNormV3(
                x=x, scale=gamma, offset=beta, mean=mean, variance=variance,
                epsilon=EPSILON, is_training=False,
            )[0]  # fmt: skip
        found = self._tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=zero[:0], variance=zero[:0],
            epsilon=EPSILON, is_training=True,
        )  # fmt: skip
        for running, batch in ((mean, found[1]), (variance, found[2])):
            running.assign(MOMENTUM * running + (1 - MOMENTUM) * batch)
        return found[0]

    def _weights(self, name: str, shape: tuple[int, ...], fan_in: int) -> Any:
        first = self._generator.standard_normal(shape) * np.sqrt(2 / fan_in)
        return self._variable(self.trained, f"{name}/weights", first.astype(np.float32))

    def _variable(self, kind: dict[str, Any], name: str, first: NDArray[np.float32]) -> Any:
        if name not in kind:
            kind[name] = self._tf.Variable(first, name=name)
        return kind[name]
