"""Running a model in memory for tensors inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from toolkit.host import available_cores

if TYPE_CHECKING:
    from onnx import ModelProto


def evaluate_tensors(
    model: ModelProto, names: Sequence[str], feeds: Sequence[Mapping[str, NDArray[Any]]]
) -> list[list[NDArray[Any]]]:
    """Run a model on ONNX Runtime.

    Parameters
    ----------
    model : ModelProto
        Not changed.
    names : sequence of str
        float32 tensors inside it, outputs included.
    feeds : sequence of mapping
        Of each run the inputs, by name.

    Returns
    -------
    list of list of ndarray
        By run, by tensor.
    """
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
    return [list(session.run(list(names), dict(feed))) for feed in feeds]
