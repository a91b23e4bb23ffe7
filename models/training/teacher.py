"""A trained network that says what it sees, to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.training.data import Image
from toolkit.backends.onnx import open_session
from toolkit.graphs.network import INPUT, LOGITS, SUBJECT
from toolkit.portrait import PERSON


class Teacher:
    """An export on ONNX Runtime.

    Parameters
    ----------
    path : Path
        One that gives its logits too.

    Attributes
    ----------
    labels : int
    """

    def __init__(self, path: Path) -> None:
        # beside the training, which has the cores
        self._session = open_session(path, path, threads=1, spinning=False)
        outputs = {tensor.name: tensor.shape for tensor in self._session.get_outputs()}
        self.labels = int(outputs[LOGITS.name][1])
        self._more = {
            tensor.name: np.array(PERSON, np.int64)
            for tensor in self._session.get_inputs()
            if tensor.name == SUBJECT.name
        }

    def lesson(self, images: Image) -> Image:
        """Return how probable it finds each of its labels.

        Parameters
        ----------
        images : (n, crop, crop, 3) float32, -1..1
            Samples; their padding is made out by its color.

        Returns
        -------
        (n, side, side, labels) float32
            On its own grid over the crop; in the padding all are 0.
        """
        found = [self._one(image) for image in images]
        side = max(max(part.shape[:2]) for part in found)
        lesson = np.zeros((len(found), side, side, self.labels), np.float32)
        for target, part in zip(lesson, found, strict=True):
            target[: part.shape[0], : part.shape[1]] = part
        return lesson

    def _one(self, image: Image) -> Image:
        filled = np.abs(image).max(axis=2) > 0
        height, width = (int(np.flatnonzero(filled.any(axis=axis))[-1]) + 1 for axis in (1, 0))
        pixels = np.rint((image[:height, :width] + 1) * 127.5).astype(np.uint8)
        feed = {INPUT.name: pixels[np.newaxis], **self._more}
        scores = self._session.run([LOGITS.name], feed)[0][0]
        scores = np.exp(scores - scores.max(axis=0))
        chances = np.moveaxis(scores / scores.sum(axis=0), 0, -1)
        stride = (max(image.shape) - 1) / (max(chances.shape[:2]) - 1)
        rows, columns = (int((length - 1) / stride) + 1 for length in (height, width))
        return np.asarray(chances[:rows, :columns], np.float32)
