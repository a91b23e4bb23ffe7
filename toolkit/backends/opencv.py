"""OpenCV's DNN module on the CPU, for the part of the ONNX file that it can run.

It loads the whole graph, but its forward pass asserts on the sizes that are computed from the
photo. So the file is cut in three, at tensors found by their place in the graph: what comes before
the first Conv, the network up to the logits, and what follows them. OpenCV runs the network; ONNX
Runtime, which every install has, runs the file's own resizing and padding before it and its own
upsampling and ArgMax after it, so that these are exactly the graph's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.backends.base import Closing, check_provider
from toolkit.backends.export import check_present, check_size, check_tensors, margin_of, network_of
from toolkit.backends.onnx import PROVIDER, open_session, run_session
from toolkit.errors import BackendError, ExportError, MissingDependencyError
from toolkit.graphs import FrozenGraph
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.inference import Capabilities, Segmentation

if TYPE_CHECKING:
    from onnx import ModelProto

PROFILE = "plain"
"""What it runs; `toolkit.hub` gives it no other."""

TAKEN = (PROFILE, f"{PROFILE}-logits")

BETWEEN = frozenset({"Cast", "Identity", "Resize", "Transpose"})
"""Operations that lie between the logits and the ArgMax."""


class OpencvBackend(Closing):
    """The network in OpenCV's DNN module; see `toolkit.inference.Backend`.

    Parameters
    ----------
    artifact : Path
        An ONNX file with the two tensors.
    threads : int
        Threads of OpenCV, which has one pool for the whole process, and of ONNX Runtime's.
    provider : {"CPU"}, optional

    Raises
    ------
    BackendError
        Another provider is asked for.
    ExportError
        The file is missing or no ONNX model, lacks the two tensors, can't be cut, or OpenCV does
        not load the network in it.
    MissingDependencyError
        The onnx package is not installed.
    """

    name = "opencv"
    version = cv2.__version__
    provider = f"OpenCV CPU + {PROVIDER}"
    capabilities = Capabilities(margin=True)

    def __init__(
        self, artifact: FrozenGraph | Path, *, threads: int, provider: str | None = None
    ) -> None:
        if isinstance(artifact, FrozenGraph):
            raise TypeError("the opencv backend runs an ONNX file, not a frozen graph")
        check_provider(self.name, provider, ["CPU"])
        self.path = artifact
        self.threads = threads
        model = _read(artifact)
        self.network = network_of(
            artifact, {entry.key: entry.value for entry in model.metadata_props}
        )
        self._input, self._logits = find_cuts(model, artifact)
        self._before, self._after = (
            open_session(
                cut(model, inputs, output).SerializeToString(),
                artifact,
                threads=threads,
                spinning=False,  # OpenCV's threads need the cores between the two
            )
            for inputs, output in (
                ({INPUT.name: None}, self._input),
                ({INPUT.name: None, self._logits: None}, OUTPUT.name),
            )
        )
        pixel = np.zeros((1, 1, 3), np.uint8)
        network = cut(model, {self._input: self._prepare(pixel).shape}, self._logits)
        replace_point_resizes(network)
        try:
            self._net = cv2.dnn.readNetFromONNX(
                np.frombuffer(network.SerializeToString(), np.uint8)
            )
        except cv2.error as error:
            raise ExportError(artifact, f"OpenCV does not load it: {_reason(error)}") from error
        self._lock = threading.Lock()  # a Net holds its input: one photo at a time

    def infer(
        self, image: NDArray[np.uint8], *, subject: int | None = None, margin: bool = False
    ) -> Segmentation:
        """Label every pixel; see `toolkit.inference.Backend.infer`."""
        labels, logits = self._run(image)
        return Segmentation(labels, margin_of(logits[0], subject) if margin else None)

    def _run(
        self, image: NDArray[np.uint8]
    ) -> tuple[NDArray[np.integer[Any]], NDArray[np.float32]]:
        check_size(self.path, image, self.network)
        prepared = self._prepare(image)
        try:
            with self._lock:
                if cv2.getNumThreads() != self.threads:
                    cv2.setNumThreads(self.threads)
                self._net.setInput(prepared)
                logits = self._net.forward()
        except cv2.error as error:
            raise BackendError(f"OpenCV failed on {self.path}: {_reason(error)}") from error
        feed: dict[str, NDArray[Any]] = {
            INPUT.name: image[np.newaxis],
            self._logits: np.asarray(logits, np.float32),
        }
        labels = run_session(self._after, self.path, [OUTPUT.name], feed)[0][0]
        return labels, feed[self._logits]

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        feed = {INPUT.name: image[np.newaxis]}
        return run_session(self._before, self.path, [self._input], feed)[0]

    def close(self) -> None:
        """Free the network and both sessions."""
        del self._net, self._before, self._after


def _read(path: Path) -> ModelProto:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"cutting an ONNX file for OpenCV needs the onnx package ({error})", "opencv"
        ) from error
    from google.protobuf.message import DecodeError

    check_present(path)
    try:
        model = onnx.load(path)
    except DecodeError as error:
        raise ExportError(path, "is not an ONNX model") from error
    one_subject = check_tensors(
        path,
        {tensor.name for tensor in model.graph.input},
        {tensor.name for tensor in model.graph.output},
    )
    profile = {entry.key: entry.value for entry in model.metadata_props}.get("profile", PROFILE)
    if one_subject or profile not in TAKEN:
        raise ExportError(
            path,
            f"can't be cut for OpenCV: its profile is {profile}, and sizes inside its network are "
            "computed from the photo",
            f"give an export of the profile {PROFILE}",
        )
    return model


def find_cuts(model: ModelProto, path: Path) -> tuple[str, str]:
    """Find where the network begins and ends in an export.

    Parameters
    ----------
    model : onnx.ModelProto
    path : Path
        For messages.

    Returns
    -------
    (str, str)
        The tensor that the first Conv reads, and the logits before they are upsampled for the
        ArgMax.

    Raises
    ------
    ExportError
        There is no Conv, or not exactly one ArgMax.
    """
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    choices = [node for node in model.graph.node if node.op_type == "ArgMax"]
    if not convolutions or len(choices) != 1:
        raise ExportError(
            path,
            f"can't be cut for OpenCV: it has {len(convolutions)} Conv and {len(choices)} ArgMax",
            "give an export of a DeepLab frozen graph",
        )
    makers = {name: node for node in model.graph.node for name in node.output}
    logits: str = choices[0].input[0]
    while logits in makers and makers[logits].op_type in BETWEEN:
        logits = makers[logits].input[0]
    return convolutions[0].input[0], logits


def cut(model: ModelProto, inputs: Mapping[str, tuple[int, ...] | None], output: str) -> ModelProto:
    """Take the part of a model that leads from some of its tensors to another.

    Parameters
    ----------
    model : onnx.ModelProto
        Not changed.
    inputs : mapping of str to (tuple of int or None)
        The part's inputs; with a shape where it is to be a fixed one.
    output : str
        The part's output.

    Returns
    -------
    onnx.ModelProto
    """
    import onnx
    from onnx.utils import Extractor

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    ends = {tensor.name for tensor in (*whole.graph.input, *whole.graph.output)}
    del whole.graph.value_info[:]
    for name, shape in (*inputs.items(), (output, None)):
        if name not in ends:
            whole.graph.value_info.append(
                onnx.helper.make_tensor_value_info(
                    name, onnx.TensorProto.FLOAT, shape or (None,) * 4
                )
            )
    return Extractor(whole).extract_model(list(inputs), [output])


def replace_point_resizes(network: ModelProto) -> None:
    """Make every Resize of a 1x1 map one by nearest neighbors, in place.

    The pooled branch's map is a single point, and any way of enlarging it repeats it. OpenCV 5.0
    reads beyond it where it interpolates between aligned corners, and gives what lies in memory.

    Parameters
    ----------
    network : onnx.ModelProto
        With inputs of fixed shapes.
    """
    import onnx

    inferred = onnx.shape_inference.infer_shapes(network, data_prop=True)
    shapes = {
        tensor.name: [side.dim_value for side in tensor.type.tensor_type.shape.dim]
        for tensor in inferred.graph.value_info
    }
    for node in network.graph.node:
        if node.op_type == "Resize" and shapes.get(node.input[0], [])[2:] == [1, 1]:
            del node.attribute[:]
            for key, value in (
                ("mode", "nearest"),
                ("coordinate_transformation_mode", "asymmetric"),
            ):
                node.attribute.append(onnx.helper.make_attribute(key, value))


def _reason(error: cv2.error) -> str:
    text = str(getattr(error, "err", "") or error)
    return text.splitlines()[0]
