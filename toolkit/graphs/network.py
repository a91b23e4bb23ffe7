"""What a frozen graph and its exports agree on: the tensors, the crop and the labels."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.errors import UsageError
from toolkit.graphs.labels import LABEL_SETS


@dataclass(frozen=True)
class TensorSpec:
    """A tensor every graph here must have.

    Attributes
    ----------
    name : str
        ``node:index``.
    dtypes : tuple of str
        The NumPy dtype names allowed.
    rank : int
        Number of dimensions.
    layout : str
        The shape in words.
    """

    name: str
    dtypes: tuple[str, ...]
    rank: int
    layout: str


INPUT = TensorSpec("ImageTensor:0", ("uint8",), 4, "[1, H, W, 3] RGB, 0..255")
OUTPUT = TensorSpec("SemanticPredictions:0", ("int32", "int64"), 3, "[1, H, W] label map")
SUBJECT = TensorSpec("Subject:0", ("int64",), 0, "[] label")
"""A second input, of exports that give one subject's mask; frozen graphs have none."""
LOGITS = TensorSpec("Logits:0", ("float32",), 4, "[1, labels, rows, columns]")
"""A second output, of exports that were asked for it."""


@dataclass(frozen=True)
class Network:
    """What has to be known of a network to feed it and to read its label map.

    Attributes
    ----------
    crop : (int, int)
        Height and width in pixels of the square or rectangle the graph resizes and pads to.
    labels : tuple of str
        Name of each label; its place is its number in the label map.
    resizes : bool
        Whether the graph resizes what it is given to fit its crop. Of a graph that does not, no
        side may be longer than the crop's.
    """

    crop: tuple[int, int]
    labels: tuple[str, ...]
    resizes: bool = True

    def takes(self, height: int, width: int) -> bool:
        """Whether an image of this size can be given to the graph."""
        return self.resizes or (height <= self.crop[0] and width <= self.crop[1])

    def label_id(self, subject: str | int) -> int | None:
        """Return the number of the label given by name or number, None where there is none.

        >>> Network((513, 513), ("background", "person")).label_id("person")
        1
        >>> Network((513, 513), ("background", "person")).label_id("1")
        1
        """
        folded = str(subject).strip().casefold()
        for number, name in enumerate(self.labels):
            if folded in (name.casefold(), str(number)):
                return number
        return None

    def require_label(self, subject: str | int) -> int:
        """Return the number of the label given by name or number.

        Raises
        ------
        UsageError
            The network has no such label.
        """
        label = self.label_id(subject)
        if label is None:
            raise UsageError(
                f"the model has no label {subject!r}",
                f"choose with --subject from: {', '.join(self.labels)}",
            )
        return label


def generic_labels(count: int) -> tuple[str, ...]:
    """Return label names for a network whose own are not known.

    21 labels are taken for PASCAL VOC's, as in every zoo network of that width.

    >>> generic_labels(3)
    ('label 0', 'label 1', 'label 2')
    >>> generic_labels(21)[15]
    'person'
    """
    voc = LABEL_SETS["pascal_voc"]
    return voc if count == len(voc) else tuple(f"label {number}" for number in range(count))
