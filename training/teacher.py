"""Label photos softly with a trained network: people, and in photos without any the things.

    python -m training.teacher --data ../shared/training --archive NETWORK.tar.gz --output teacher

The network is brought into a store beside the labels, converted with its logits and run on each
photo and its mirror image. `teacher/<folder>/<stem>.png` holds the person's probability in 255ths;
of a photo without people, the probability of anything but background. A label that exists stays as
it is, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from toolkit.files.atomic import write_atomically
from training.photos import read_pixels, read_sources

if TYPE_CHECKING:
    import onnxruntime

BACKGROUND, PERSON = 0, 15
"""PASCAL VOC's numbers."""


def main() -> None:
    """Read the command line and label."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with meta.tsv")
    parser.add_argument("--archive", required=True, help="the network: file or address")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    wanted = read_sources(options.data)
    teacher = Teacher.fetch(options.archive, options.output / "store")
    for number, source in enumerate(wanted, 1):
        path: Path = options.output / source.folder / f"{source.stem}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rgb = read_pixels(source.path, cv2.IMREAD_COLOR_RGB)
            if source.people:
                chance = teacher.chance(rgb, PERSON)
            else:
                chance = 1 - teacher.chance(rgb, BACKGROUND)
            _, png = cv2.imencode(".png", np.rint(chance * 255).astype(np.uint8))
            write_atomically(path, png.tobytes())
        if number % 100 == 0 or number == len(wanted):
            sys.stderr.write(f"{number}/{len(wanted)}\n")


class Teacher:
    """An export that gives its logits, on ONNX Runtime with one thread.

    Parameters
    ----------
    path : Path
    crop : int
        Pixels of the square that its logits cover.
    """

    def __init__(self, path: Path, crop: int) -> None:
        from toolkit.backends.onnx import open_session

        self._session: onnxruntime.InferenceSession
        self._session = open_session(path, path, threads=1, spinning=False)
        self._crop = crop

    @classmethod
    def fetch(cls, archive: str, store: Path) -> Teacher:
        """Fetch an archive into a store, and convert its graph with its logits.

        Parameters
        ----------
        archive : str
            Path or URL of a ``.tar.gz``.
        store : Path
        """
        from toolkit.graphs import inspect_graph, read_graph
        from toolkit.hub.fetch import fetch_model
        from toolkit.hub.publish import convert_model
        from toolkit.hub.store import Store

        os.environ["TOOLKIT_HOME"] = str(store)
        here = Store.default()
        path = store / "teacher.plain-logits.onnx"
        graph = read_graph(fetch_model("teacher", origin=archive, store=here).path)
        if not path.exists():
            convert_model(graph, profile="plain-logits", output=path, store=here)
        return cls(path, inspect_graph(graph).network.crop[0])

    def chance(self, rgb: NDArray[np.uint8], label: int) -> NDArray[np.float32]:
        """Return the probability that each pixel shows a label.

        Parameters
        ----------
        rgb : (H, W, 3) uint8
        label : int

        Returns
        -------
        (H, W) float32
            0..1, the mean of the photo's and of its mirror image's log-odds.
        """
        mirrored = self._odds(np.ascontiguousarray(rgb[:, ::-1]), label)
        odds = self._odds(rgb, label) + mirrored[:, ::-1]
        return np.asarray(1 / (1 + np.exp(-odds / 2)), np.float32)

    def _odds(self, rgb: NDArray[np.uint8], label: int) -> NDArray[np.float32]:
        """Return the log-odds of a label against all others, (H, W) float32."""
        logits = self._session.run(["Logits:0"], {"ImageTensor:0": rgb[np.newaxis]})[0][0]
        others = np.delete(logits, label, axis=0)
        largest = others.max(axis=0)
        odds = logits[label] - largest - np.log(np.exp(others - largest).sum(axis=0))
        # corners are aligned: of the photo with its area of the crop, of the crop with the logits
        stride = (self._crop - 1) / (odds.shape[0] - 1)
        rows, columns = (
            np.linspace(
                0, (side * self._crop / max(rgb.shape) - 1) / stride, side, dtype=np.float32
            )
            for side in rgb.shape[:2]
        )
        across, down = np.meshgrid(columns, rows)
        full = cv2.remap(odds, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(full, np.float32)


if __name__ == "__main__":
    main()
