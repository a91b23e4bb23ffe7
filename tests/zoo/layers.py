"""Layers with weights from a seeded generator, named and wired as slim's layers are once frozen.

A variable is a Const and an Identity called ``read``. Its value follows from the seed and its name
alone, so networks that differ elsewhere share it. Batch norms start with mean 0 and variance 1;
`tests.zoo.calibration` puts measured values there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.graphs import import_tensorflow

Array = NDArray[np.float32]


class Layers:
    """Adds layers to the current graph.

    Parameters
    ----------
    seed : int
        Of the weights.
    quantization_aware : bool
        Fold batch norms and add FakeQuant nodes.
    dilations : str
        "batch" or "attribute": see `Export`.
    """

    def __init__(self, seed: int, *, quantization_aware: bool, dilations: str) -> None:
        self.tf = import_tensorflow()
        self.seed = seed
        self.quantization_aware = quantization_aware
        self.dilations = dilations
        self.logits_layers: list[str] = []
        self._variables: dict[str, Any] = {}
        self._path: list[str] = []

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Enter a scope of operations and variables.

        A second visit gets other names for the operations and the same variables.
        """
        self._path.append(name)
        with self.tf.compat.v1.name_scope(name):
            yield
        self._path.pop()

    def variable(self, name: str, make: Callable[[np.random.Generator], Any]) -> Any:
        """Return the variable `name` of this scope, made where it is not there yet."""
        path = "/".join([*self._path, name])
        if path not in self._variables:
            tf = self.tf
            generator = np.random.default_rng([self.seed, zlib.crc32(path.encode())])
            value = np.asarray(make(generator), np.float32)
            with tf.compat.v1.get_default_graph().name_scope(None):
                const = tf.constant(value, name=path)
                self._variables[path] = tf.identity(const, name=f"{path}/read")
        return self._variables[path]

    def convolution(
        self,
        x: Any,
        channels: int,
        size: int,
        name: str,
        *,
        stride: int = 1,
        rate: int = 1,
        padding: str = "SAME",
        epsilon: float | None = 1e-3,
        activation: str | None = None,
        feeds_sum: bool = False,
    ) -> Any:
        """Add a convolution with batch norm (`epsilon`) or biases (`epsilon` None)."""
        tf = self.tf
        inputs = int(x.shape[3])
        with self.scope(name):
            kernel = self.variable(
                "weights",
                lambda g: _he(g, (size, size, inputs, channels), size * size * inputs),
            )

            def convolve(kernel: Any, name: str) -> Any:
                if rate == 1 or self.dilations == "attribute":
                    return tf.raw_ops.Conv2D(
                        input=x,
                        filter=kernel,
                        strides=[1, stride, stride, 1],
                        padding=padding,
                        dilations=[1, rate, rate, 1],
                        name=name,
                    )
                return tf.nn.with_space_to_batch(
                    x,
                    [rate, rate],
                    padding,
                    lambda y, _, padding: tf.raw_ops.Conv2D(
                        input=y, filter=kernel, strides=[1, 1, 1, 1], padding=padding, name=name
                    ),
                    filter_shape=tf.constant([size, size, inputs, channels]),
                )

            return self._finish(
                kernel,
                convolve,
                "Conv2D",
                [channels],
                epsilon=epsilon,
                activation=activation,
                feeds_sum=feeds_sum,
            )

    def depthwise(
        self,
        x: Any,
        size: int,
        name: str,
        *,
        stride: int = 1,
        rate: int = 1,
        padding: str = "SAME",
        epsilon: float = 1e-3,
        activation: str | None = None,
    ) -> Any:
        """Add a depthwise convolution with batch norm."""
        channels = int(x.shape[3])
        with self.scope(name):
            kernel = self.variable("depthwise_weights", lambda g: _smoothing(g, size, channels))

            def convolve(kernel: Any, name: str) -> Any:
                # TensorFlow takes a rate only together with stride 1
                return self.tf.compat.v1.nn.depthwise_conv2d(
                    x, kernel, [1, stride, stride, 1], padding, rate=[rate, rate], name=name
                )

            return self._finish(
                kernel, convolve, "depthwise", [channels, 1], epsilon=epsilon, activation=activation
            )

    def separable(
        self,
        x: Any,
        channels: int,
        name: str,
        *,
        stride: int = 1,
        rate: int = 1,
        epsilon: float = 1e-3,
        activation: str | None = None,
    ) -> tuple[Any, Any]:
        """Add a depthwise and a pointwise layer, each with batch norm and activation.

        Where strided, the input is padded by a node of its own.

        Returns
        -------
        tuple
            The output, and the pointwise layer's name under the graph's root.
        """
        padding = "SAME"
        if stride > 1:
            x, padding = self.pad(x, 1), "VALID"
        x = self.depthwise(
            x,
            3,
            f"{name}_depthwise",
            stride=stride,
            rate=rate,
            padding=padding,
            epsilon=epsilon,
            activation=activation,
        )
        pointwise = f"{name}_pointwise"
        x = self.convolution(x, channels, 1, pointwise, epsilon=epsilon, activation=activation)
        return x, "/".join([*self._path, pointwise])

    def logits(self, x: Any, labels: int, name: str) -> Any:
        """Add a 1x1 convolution with biases that gives logits, or a summand of them."""
        self.logits_layers.append("/".join([*self._path, name]))
        return self.convolution(x, labels, 1, name, epsilon=None)

    def pad(self, x: Any, margin: int) -> Any:
        """Add `margin` rows and columns of zeros on each side."""
        return self.tf.raw_ops.Pad(
            input=x, paddings=[[0, 0], [margin, margin], [margin, margin], [0, 0]], name="Pad"
        )

    def add(self, x: Any, y: Any, name: str = "add") -> Any:
        """Add the sum of a layer and its shortcut."""
        total = self.tf.raw_ops.AddV2(x=x, y=y, name=name)
        with self.scope(name):
            return self._fake_quant(total, "add_quant")

    def resize(self, x: Any, size: Any) -> Any:
        """Add a bilinear resize, corners aligned, also to the size that the map has."""
        return self.tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=True)

    def activate(self, x: Any, kind: str | None) -> Any:
        """Add an activation by its name; None adds nothing."""
        tf = self.tf
        if kind is None:
            return x
        if kind == "hard_swish":
            with tf.compat.v1.name_scope("hard_swish"):
                gate = tf.nn.relu6(tf.raw_ops.AddV2(x=x, y=3.0, name="add"))
                return tf.multiply(
                    tf.multiply(x, gate, name="mul"), np.float32(1 / 6), name="mul_1"
                )
        if kind == "hard_sigmoid":
            gate = tf.nn.relu6(tf.raw_ops.AddV2(x=x, y=3.0, name="add"))
            return tf.multiply(gate, 0.16667, name="mul")
        return {"relu": tf.nn.relu, "relu6": tf.nn.relu6, "sigmoid": tf.nn.sigmoid}[kind](x)

    def _finish(
        self,
        kernel: Any,
        convolve: Callable[[Any, str], Any],
        operation: str,
        folded_shape: list[int],
        *,
        epsilon: float | None,
        activation: str | None,
        feeds_sum: bool = False,
    ) -> Any:
        """Add the convolution itself and what follows it up to the activation."""
        channels = folded_shape[0]
        if epsilon is None:
            kernel = self._fake_quant(kernel, "weights_quant", narrow_range=True)
            biases = self.variable("biases", lambda g: g.uniform(-0.2, 0.2, channels))
            x = self.tf.nn.bias_add(convolve(kernel, operation), biases, name="BiasAdd")
        elif self.quantization_aware:
            x = self._folded(kernel, convolve, operation, folded_shape, epsilon)
        else:
            gamma, beta, mean, variance = self._norm_variables(channels)
            x, *_ = self.tf.raw_ops.FusedBatchNormV3(
                x=convolve(kernel, operation),
                scale=gamma,
                offset=beta,
                mean=mean,
                variance=variance,
                epsilon=epsilon,
                is_training=False,
                name="BatchNorm/FusedBatchNormV3",
            )
        x = self.activate(x, activation)
        return self._fake_quant(x, "conv_quant" if feeds_sum else "act_quant")

    def _norm_variables(self, channels: int) -> list[Any]:
        return [
            self.variable("BatchNorm/gamma", lambda g: g.uniform(0.8, 1.2, channels)),
            self.variable("BatchNorm/beta", lambda g: g.uniform(-0.3, 0.3, channels)),
            self.variable("BatchNorm/moving_mean", lambda _: np.zeros(channels)),
            self.variable("BatchNorm/moving_variance", lambda _: np.ones(channels)),
        ]

    def _folded(
        self,
        kernel: Any,
        convolve: Callable[[Any, str], Any],
        operation: str,
        shape: list[int],
        epsilon: float,
    ) -> Any:
        """Add the convolution with its batch norm folded by nodes of the graph."""
        tf = self.tf
        gamma, beta, mean, variance = self._norm_variables(shape[0])
        with tf.compat.v1.name_scope("BatchNorm_Fold"):
            root = tf.math.rsqrt(tf.raw_ops.AddV2(x=variance, y=epsilon, name="add"))
            factor = tf.multiply(gamma, root, name="mul")
            offset = tf.subtract(beta, tf.multiply(mean, factor, name="mul_1"), name="bias")
        if len(shape) > 1:
            factor = tf.reshape(factor, shape, name="scale_reshape")
        kernel = tf.multiply(kernel, factor, name="mul_fold")
        kernel = self._fake_quant(kernel, "weights_quant", narrow_range=True)
        return tf.raw_ops.AddV2(x=convolve(kernel, f"{operation}_Fold"), y=offset, name="add_fold")

    def _fake_quant(self, x: Any, name: str, *, narrow_range: bool = False) -> Any:
        if not self.quantization_aware:
            return x
        with self.scope(name):
            return self.tf.raw_ops.FakeQuantWithMinMaxVars(
                inputs=x,
                min=self.variable("min", lambda _: -6.0),
                max=self.variable("max", lambda _: 6.0),
                num_bits=8,
                narrow_range=narrow_range,
                name="FakeQuantWithMinMaxVars",
            )


def _he(generator: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Any:
    return generator.standard_normal(shape) * np.sqrt(2 / fan_in)


def _smoothing(generator: np.random.Generator, size: int, channels: int) -> Any:
    """Return depthwise weights that mostly smooth, so that label maps have areas, not specks."""
    noise = generator.standard_normal((size, size, channels, 1))
    return (1 + noise) / (size * size)
