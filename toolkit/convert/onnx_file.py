"""What an ONNX file consists of and says of its making; it is parsed, never run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ExportError, MissingDependencyError

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto


@dataclass(frozen=True)
class OnnxTensor:
    """A tensor that an ONNX file takes or gives.

    Attributes
    ----------
    name : str
    dtype : str
        NumPy dtype name.
    shape : tuple of str
        Each dimension's size or name; ``?`` where it has neither.
    """

    name: str
    dtype: str
    shape: tuple[str, ...]


@dataclass(frozen=True)
class OnnxReport:
    """What an ONNX file consists of; what it does not say of its making is None.

    Attributes
    ----------
    source : str
        The file.
    sha256 : str
    size : int
        Bytes.
    producer : str
        What wrote it, with its version.
    opsets : dict of str to int
        By domain.
    inputs, outputs : tuple of OnnxTensor
    operations : dict of str to int
        How often each operation occurs, those of branches included.
    model, profile, source_graph_sha256 : str or None
        What it was made of, and how.
    passes : tuple of str or None
    crop : (int, int) or None
        Height and width of the network's crop.
    labels : int or None
        How many.
    least_agreement : float or None
        As in the manifest; also None where the near-tie rule decides.
    calibration_photos : int or None
        How many it was quantized on.
    tools : dict of str to str or None
        Versions of what made it.
    """

    source: str
    sha256: str
    size: int
    producer: str
    opsets: dict[str, int]
    inputs: tuple[OnnxTensor, ...]
    outputs: tuple[OnnxTensor, ...]
    operations: dict[str, int]
    model: str | None
    profile: str | None
    source_graph_sha256: str | None
    passes: tuple[str, ...] | None
    crop: tuple[int, int] | None
    labels: int | None
    least_agreement: float | None
    calibration_photos: int | None
    tools: dict[str, str] | None


def inspect_onnx(path: Path) -> OnnxReport:
    """Describe an ONNX file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ExportError
        It can't be read or is no ONNX model.
    MissingDependencyError
        The onnx package is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"inspecting an ONNX file needs the onnx package ({error})", "convert"
        ) from error
    from google.protobuf.message import DecodeError

    try:
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
    except OSError as error:
        raise ExportError(path, f"can't be read ({error.strerror})") from error
    except DecodeError as error:
        raise ExportError(path, "is no ONNX model") from error
    graph = model.graph
    if not graph.node:
        raise ExportError(path, "is no ONNX model: it holds no operations")
    weights = {tensor.name for tensor in graph.initializer}
    said = {entry.key: entry.value for entry in model.metadata_props}
    passes, crop = _parsed(said, "passes", list), _parsed(said, "crop", list)
    labels, photos = _parsed(said, "labels", list), _parsed(said, "calibration", list)
    tools = _parsed(said, "tools", dict)
    return OnnxReport(
        source=str(path),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        opsets={entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        inputs=_tensors(value for value in graph.input if value.name not in weights),
        outputs=_tensors(graph.output),
        operations=dict(sorted(Counter(_operations(graph)).items())),
        model=said.get("model"),
        profile=said.get("profile"),
        source_graph_sha256=said.get("source_graph_sha256"),
        passes=None if passes is None else tuple(map(str, passes)),
        crop=(int(crop[0]), int(crop[1])) if crop and _is_size(crop) else None,
        labels=None if labels is None else len(labels),
        least_agreement=_parsed(said, "least_agreement", float),
        calibration_photos=None if photos is None else len(photos),
        tools=None if tools is None else {str(key): str(value) for key, value in tools.items()},
    )


def _parsed(said: dict[str, str], key: str, kind: type) -> Any:
    """Return an entry of the metadata that is JSON; None where it is missing or of another type."""
    try:
        value = json.loads(said[key])
    except (KeyError, ValueError, RecursionError):
        return None
    return value if isinstance(value, kind) else None


def _is_size(sides: list[Any]) -> bool:
    return len(sides) == 2 and all(isinstance(side, int) for side in sides)


def _tensors(values: Iterable[ValueInfoProto]) -> tuple[OnnxTensor, ...]:
    from onnx import helper

    found = []
    for value in values:
        kind = value.type.tensor_type
        try:
            dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
        except (KeyError, TypeError):  # no tensor, or of no type that is known
            dtype = "?"
        sides = (
            str(side.dim_value) if side.HasField("dim_value") else side.dim_param or "?"
            for side in kind.shape.dim
        )
        found.append(OnnxTensor(value.name, dtype, tuple(sides)))
    return tuple(found)


def _operations(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        for attribute in node.attribute:
            for branch in (attribute.g, *attribute.graphs):
                yield from _operations(branch)
