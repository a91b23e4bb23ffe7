"""Any segmentation graph made to keep the contract: the two tensors, photos of any size.

    ImageTensor ─ [fit to the crop, pad] ─ [Cast] ─ network
    network ─ [resize, ArgMax] ─ [cut to the photo, enlarge] ─ [Squeeze, Cast] ─ SemanticPredictions

What stands in brackets is added where the graph lacks it. It is assumed that a float input takes
RGB from 0 to 255, that mid-gray (127.5) is good padding, and that a label's score is highest where
the label is, which holds for logits and for probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.errors import GraphError
from toolkit.graphs.candidates import adoption_hint
from toolkit.graphs.contract import inspect_graph
from toolkit.graphs.frozen import FrozenGraph
from toolkit.graphs.loading import import_tensorflow, parse_graph
from toolkit.graphs.network import INPUT, OUTPUT
from toolkit.graphs.rewiring import Rewiring, Tensor, data_inputs, tensor_of

if TYPE_CHECKING:
    from tensorflow.compat.v1 import GraphDef, NodeDef

DEFAULT_CROPS = ((513, 513), (512, 512))
"""Of a network that takes any size: the zoo's, else the nearest that can be halved nine times."""
MOST_PIXELS = 2**25
"""Of a crop."""
GRAY = 127.5
LABELS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})
NARROW = frozenset({"bfloat16", "float16", "int8", "int16", "uint8", "uint16"})
"""They hold labels, but not the number of every pixel, by which near-ties are told."""
PICKING = frozenset(
    """
    Cast ExpandDims Identity Reshape ResizeNearestNeighbor Slice Squeeze StridedSlice
    """.split()
)
"""What stands between an ArgMax and the label map, and picks pixels only."""


@dataclass(frozen=True)
class Adaptation:
    """A graph that keeps the contract, and what was done to it.

    Attributes
    ----------
    data : bytes
        The serialized GraphDef, the same for the same graph and tensors.
    input, output : str
        The graph's own tensors, ``node:index``.
    changes : tuple of str
        What was added, for people; not that tensors have other names.
    """

    data: bytes
    input: str
    output: str
    changes: tuple[str, ...]


def adapt_graph(
    graph: FrozenGraph, *, input_name: str | None = None, output_name: str | None = None
) -> Adaptation:
    """Make a graph keep the contract.

    Parameters
    ----------
    graph : FrozenGraph
        Its operations are checked before TensorFlow loads it.
    input_name, output_name : str, optional
        Its tensors; by default those of the contract. What the graph computes the input from is
        left out.

    Returns
    -------
    Adaptation

    Raises
    ------
    GraphError
        There are no such tensors, or the graph can't be adapted: the problem says why.
    MissingDependencyError
        TensorFlow is not installed.
    """
    adapter = _Adapter(graph, parse_graph(graph))
    return adapter.run(input_name or INPUT.name, output_name or OUTPUT.name)


class _Misfit(Exception):  # noqa: N818 - the outcome of a trial
    """The network does not run on photos of this size."""


class _Adapter:
    def __init__(self, graph: FrozenGraph, graph_def: GraphDef) -> None:
        self.tf = import_tensorflow()
        self.graph = graph
        self.graph_def = graph_def
        self.changes: list[str] = []

    def run(self, input_name: str, output_name: str) -> Adaptation:
        self.feed, self.fetch = (self._named(name) for name in (input_name, output_name))
        loaded = self._loaded()
        self.graph_def = _with_wide_labels(self.graph_def, self.fetch)
        feed = loaded[str_of(self.feed)]
        self.kind: str = feed.dtype.base_dtype.name
        sides = self._sides(feed)
        self.scores = self._is_scores(loaded[str_of(self.fetch)])
        data, changes = self._adapted(sides)
        return Adaptation(data, str_of(self.feed), str_of(self.fetch), tuple(changes))

    def refuse(self, problem: str, remedy: str = "") -> GraphError:
        return GraphError(self.graph.source, problem, remedy)

    def _named(self, name: str) -> Tensor:
        node, _, index = name.partition(":")
        known = any(node == each.name for each in self.graph_def.node)
        if not known or not (index or "0").isdecimal() or len(index) > 4:
            raise self.refuse(f"has no tensor {name!a}", adoption_hint(self.graph_def))
        return tensor_of(name)

    def _loaded(self) -> dict[str, Any]:
        """Return the two tensors of the graph as it is, by name."""
        graph = self.tf.Graph()
        names = [str_of(self.feed), str_of(self.fetch)]
        with graph.as_default():
            try:
                found = self.tf.import_graph_def(self.graph_def, return_elements=names, name="")
            except (ValueError, TypeError) as error:
                raise self.refuse(f"TensorFlow does not load it: {_first_line(error)}") from error
        return dict(zip(names, found, strict=True))

    def _sides(self, feed: Any) -> tuple[int, int] | None:
        """Return the size of photo that the graph asks for; None where it takes any."""
        name = str_of(self.feed)
        takes = f"{name} takes {_text(feed)}, not photos [1, H, W, 3]"
        remedy = "choose another tensor with --input"
        if self.kind not in LABELS | FLOATS:
            raise self.refuse(takes, remedy)
        if feed.shape.rank is None:
            return None
        if feed.shape.rank != 4:
            raise self.refuse(takes, remedy)
        batch, height, width, channels = feed.shape.as_list()
        if batch not in (None, 1) or channels not in (None, 3):
            raise self.refuse(takes, remedy)
        if height is None and width is None:
            return None
        if height is None or width is None or height < 1 or width < 1:
            raise self.refuse(f"{takes} of any size or of one size", remedy)
        if height * width > MOST_PIXELS:
            raise self.refuse(f"{name} asks for photos of {width}x{height} pixels")
        return height, width

    def _is_scores(self, fetch: Any) -> bool:
        """Whether the output has a score for each label; else it is a label map."""
        rank, dtype = fetch.shape.rank, fetch.dtype.base_dtype.name
        last = fetch.shape[-1] if rank else None
        gives = f"{str_of(self.fetch)} gives {_text(fetch)}"
        remedy = "choose a label map [1, H, W] or scores [1, h, w, labels] with --output"
        if dtype in FLOATS and rank == 4 and last is None:
            raise self.refuse(f"{gives}: how many labels is not known", remedy)
        if dtype in FLOATS and rank == 4 and last != 1:
            return True
        if dtype not in LABELS | FLOATS or (rank == 4 and last != 1) or rank not in (None, 3, 4):
            raise self.refuse(f"{gives}, no label map and no scores", remedy)
        return False

    def _adapted(self, sides: tuple[int, int] | None) -> tuple[bytes, list[str]]:
        """Return the graph that keeps the contract, and what was added."""
        if sides is None and not self.scores:
            try:
                data, changes = self._build(None)
                if self._follows_photo(data):
                    named = (str_of(self.feed), str_of(self.fetch)) == (INPUT.name, OUTPUT.name)
                    return (self.graph.data if named and not changes else data), changes
            except _Misfit:
                pass
        misfits = []
        for crop in (sides,) if sides else DEFAULT_CROPS:
            try:
                data, changes = self._build(crop)
                self._try(data, (5, 7))
            except _Misfit as error:
                misfits.append(f"{crop[1]}x{crop[0]}: {error}")
                continue
            return data, changes
        raise self.refuse(
            f"does not run on photos fitted to {'; '.join(misfits)}",
            "" if self.scores else "choose the scores before the ArgMax with --output",
        )

    def _build(self, crop: tuple[int, int] | None) -> tuple[bytes, list[str]]:
        tf = self.tf
        changes: list[str] = []
        graph = tf.Graph()
        with graph.as_default():
            photo = tf.compat.v1.placeholder(
                tf.uint8, [1, None, None, 3], name=INPUT.name.partition(":")[0]
            )
            with tf.name_scope("adapter"):
                size = tf.shape(photo)[1:3]
                fed, fitted = self._fed(photo, size, crop, changes)
            found = self._network(fed)
            with tf.name_scope("adapter"):
                labels = self._labels(found, crop, changes)
                if crop is not None:
                    cut = tf.slice(labels, [0, 0, 0], tf.stack([1, fitted[0], fitted[1]]))
                    full = tf.raw_ops.ResizeNearestNeighbor(
                        images=tf.expand_dims(cut, 3), size=size, align_corners=True
                    )
                    labels = tf.cast(tf.squeeze(full, 3), tf.int64)
            tf.identity(labels, name=OUTPUT.name.partition(":")[0])
        return self._serialized(graph.as_graph_def()), changes

    def _fed(
        self, photo: Any, size: Any, crop: tuple[int, int] | None, changes: list[str]
    ) -> tuple[Any, Any]:
        """Add what makes the network's input of a photo; also return the photo's size in it."""
        tf = self.tf
        if self.kind != "uint8":
            changes.append(f"the photo is cast from uint8 to {self.kind}, 0 to 255")
        if crop is None:
            return tf.cast(photo, self.kind), size
        changes.append(f"the photo is resized to fit {crop[1]}x{crop[0]}, and padded with mid-gray")
        shape = tf.cast(size, tf.float32)
        ratio = tf.reduce_min(tf.constant(crop, tf.float32) / shape)
        fitted = tf.cast(tf.floor(shape * ratio + 0.5), tf.int32)
        fitted = tf.minimum(tf.maximum(fitted, 1), tf.constant(crop))
        image = tf.raw_ops.ResizeBilinear(
            images=tf.cast(photo, tf.float32), size=fitted, align_corners=True
        )
        spare = tf.constant(crop) - fitted
        padded = tf.pad(image, [[0, 0], [0, spare[0]], [0, spare[1]], [0, 0]], constant_values=GRAY)
        padded = tf.reshape(padded, [1, *crop, 3])
        if self.kind in LABELS:
            padded = tf.round(padded)
        return tf.cast(padded, self.kind), fitted

    def _network(self, fed: Any) -> Any:
        """Add the graph itself, fed with a tensor, and return what it gives."""
        try:
            (found,) = self.tf.import_graph_def(
                self.graph_def,
                {str_of(self.feed): fed},
                return_elements=[str_of(self.fetch)],
                name="network",
            )
        except (ValueError, TypeError) as error:
            raise _Misfit(_first_line(error)) from error
        return found

    def _labels(self, found: Any, crop: tuple[int, int] | None, changes: list[str]) -> Any:
        """Add what makes a label map [1, h, w] of what the network gives."""
        tf = self.tf
        dtype = found.dtype.base_dtype.name
        if self.scores:
            if dtype != "float32":
                found = tf.cast(found, tf.float32)
            rows, columns = found.shape.as_list()[1:3]
            if (rows, columns) != crop:
                changes.append(
                    f"scores are resized bilinearly from {columns or '?'}x{rows or '?'} to the crop"
                )
                found = tf.raw_ops.ResizeBilinear(images=found, size=crop, align_corners=True)
            changes.append(f"ArgMax over {found.shape[3]} labels is added")
            return tf.argmax(found, 3, output_type=tf.int32)
        if found.shape.rank == 4:
            changes.append("the label map is squeezed to [1, H, W]")
            found = tf.squeeze(found, 3)
        if crop is not None and found.shape.rank is not None:
            sides = found.shape.as_list()[1:3]
            if any(side not in (None, its) for side, its in zip(sides, crop, strict=True)):
                raise _Misfit(f"the label map is {sides[1]}x{sides[0]}")
        if dtype not in OUTPUT.dtypes:
            changes.append(f"labels are cast from {dtype} to int64")
            found = tf.cast(found, tf.int64)
        return found

    def _serialized(self, graph_def: GraphDef) -> bytes:
        """Return the bytes of what leads from the photo to the label map."""
        output = OUTPUT.name.partition(":")[0]
        try:
            needed = Rewiring(graph_def).graph_def([output])
        except ValueError as error:
            raise self.refuse(f"is no graph that can be followed: {_first_line(error)}") from error
        inputs = {node.name for node in needed.node if node.op == "Placeholder"}
        others = sorted(inputs - {INPUT.name.partition(":")[0]})
        if len(others) == len(inputs):
            raise self.refuse(f"{str_of(self.fetch)} does not depend on {str_of(self.feed)}")
        if others:
            shown = ", ".join(ascii(name.removeprefix("network/")) for name in others[:5])
            raise self.refuse(
                f"{str_of(self.fetch)} depends on other inputs too: {shown}",
                "save the network with constants in their place",
            )
        functions = sorted(needed.library.function, key=lambda each: each.signature.name)
        del needed.library.function[:]
        needed.library.function.extend(functions)
        return bytes(needed.SerializeToString(deterministic=True))

    def _follows_photo(self, data: bytes) -> bool:
        """Whether label maps have the photo's size, and the network runs on a size of its own."""
        sizes = ((17, 9), (5, 7))
        maps = [self._run(data, size, OUTPUT.name).shape[1:] for size in sizes]
        if len(set(maps)) == 1:
            rows, columns = maps[0]
            raise self.refuse(
                f"{str_of(self.fetch)} is {columns}x{rows} whatever the photo's size",
                "choose the scores before the ArgMax with --output",
            )
        graph = FrozenGraph(self.graph.name, self.graph.source, data, trusted=self.graph.trusted)
        try:
            logits = inspect_graph(graph).logits
        except GraphError as error:  # it runs a photo of one pixel
            raise _Misfit(error.problem) from error
        first, second = (self._run(data, size, logits).shape for size in sizes)
        return list(sizes) == maps and first == second

    def _try(self, data: bytes, size: tuple[int, int]) -> None:
        labels = self._run(data, size, OUTPUT.name)
        if labels.shape != (1, *size):
            raise _Misfit(f"a photo of {size} gives labels of {labels.shape}")

    def _run(self, data: bytes, size: tuple[int, int], fetch: str) -> Any:
        """Run a graph of checked operations on a gray photo."""
        tf = self.tf
        loaded = tf.Graph()
        with loaded.as_default():
            tf.import_graph_def(tf.compat.v1.GraphDef.FromString(data), name="")
        photo = np.full((1, *size, 3), math.ceil(GRAY), np.uint8)
        try:
            with tf.compat.v1.Session(graph=loaded) as session:
                return session.run(fetch, {INPUT.name: photo})
        except tf.errors.OpError as error:
            raise _Misfit(_first_line(error)) from error


def str_of(tensor: Tensor) -> str:
    """Return a tensor's full name, ``node:index``."""
    return f"{tensor.node}:{tensor.output}"


def _with_wide_labels(graph_def: GraphDef, fetch: Tensor) -> GraphDef:
    """Return the graph with 32 bits for labels that it has in fewer, from the ArgMax on."""
    from tensorflow import int32
    from tensorflow.dtypes import as_dtype

    graph = Rewiring(graph_def)
    way: list[NodeDef] = []
    name = fetch.node
    while name in graph.nodes and len(way) < len(graph.nodes):
        node = graph.nodes[name]
        if node.op == "ArgMax" or node.op not in PICKING or not data_inputs(node):
            break
        way.append(node)
        name = data_inputs(node)[0].node
    if name not in graph.nodes or graph.nodes[name].op != "ArgMax":
        return graph_def
    for node in way:
        for key in ("T", "SrcT", "DstT"):
            if key in node.attr and as_dtype(node.attr[key].type).name in NARROW:
                node.attr[key].type = int32.as_datatype_enum
    del graph_def.node[:]
    graph_def.node.extend(graph.nodes.values())
    return graph_def


def _text(tensor: Any) -> str:
    shape = "of any rank"
    if tensor.shape.rank is not None:
        shape = str(["?" if side is None else side for side in tensor.shape.as_list()])
    return f"{tensor.dtype.base_dtype.name} {shape}".replace("'", "")


def _first_line(error: Exception) -> str:
    return ascii((str(error).splitlines() or [type(error).__name__])[0][:300])[1:-1]
