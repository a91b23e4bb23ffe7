"""Train the bundled network on the CPU.

    python -m models.training.train --data ../shared/dataset --checkpoint person.npz

Seeded; goes on from its checkpoint after an interrupt. The checkpoint holds the curve too. With
``--teacher``, an export that gives its logits, the network also learns what that finds in each
sample: all its labels, softly, by a head that is not kept. No weight of the teacher gets into it.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.training.data import IGNORED, PERSON, Image, Photo, Pixels, Samples, read_photos
from models.training.layers import TrainedLayers
from models.training.network import CROP, features, logits
from models.training.teacher import Teacher
from toolkit.files.atomic import write_atomically
from toolkit.graphs import import_tensorflow

STEPS, BATCH, RATE, DECAY = 6500, 8, 3e-3, 1e-3
SMALL_CROP, SMALL_SHARE = 161, 0.5
"""The first steps see smaller samples: half the time, the same lessons."""

MIXED = 0.3
"""Share of the samples that are two laid over each other, where there is a teacher."""

WARM_STEPS, SAVE_EVERY, JUDGE_EVERY = 100, 100, 500
SEED = 20261128

Curve = list[tuple[int, float, float | None]]
"""Steps done, mean loss since the last entry, IoU over kept-back photos where it was judged."""


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, default=Path("person.npz"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--teacher", type=Path)
    asked = parser.parse_args()
    train(asked.data, asked.checkpoint, asked.steps, asked.teacher)


def train(data: Path, checkpoint: Path, steps: int, teacher: Path | None = None) -> None:
    """Train up to so many steps, from the checkpoint on where there is one.

    Parameters
    ----------
    data : Path
        A folder of datasets.
    checkpoint : Path
    steps : int
    teacher : Path, optional
        An export that gives its logits.
    """
    people, nobody, kept_back = read_photos(data)
    asked = Teacher(teacher) if teacher else None
    trainer = Trainer(asked.labels if asked else 0)
    if checkpoint.exists():
        trainer.load(checkpoint)

    def draw(number: int) -> tuple[Image, Pixels, Image]:
        # each step has samples of its own, so that an interrupt changes none
        crop = SMALL_CROP if number < SMALL_SHARE * steps else CROP
        samples = Samples(people, nobody, crop, SEED + number)
        image, mask = samples.mixed(BATCH, MIXED if asked else 0.0)
        return image, mask, asked.lesson(image) if asked else np.zeros((1, 1, 1, 1), np.float32)

    began, losses = time.monotonic(), []
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(draw, trainer.done)
        while trainer.done < steps:
            drawn = coming.result()
            coming = pool.submit(draw, trainer.done + 1)
            progress = trainer.done / steps
            warm = min(1.0, (trainer.done + 1) / WARM_STEPS)
            losses.append(trainer.step(*drawn, RATE * warm * 0.5 * (1 + np.cos(np.pi * progress))))
            if trainer.done % SAVE_EVERY and trainer.done != steps:
                continue
            judged = trainer.done % JUDGE_EVERY == 0 or trainer.done == steps
            iou = validate(trainer.layers, kept_back) if judged else None
            trainer.curve.append((trainer.done, float(np.mean(losses)), iou))
            losses.clear()
            trainer.save(checkpoint)
            sys.stderr.write(
                f"{trainer.done}/{steps}: loss {trainer.curve[-1][1]:.3f}, IoU {iou}, "
                f"{time.monotonic() - began:.0f} s\n"
            )


class Trainer:
    """The network while it is trained: weights, what AdamW remembers of them, and the curve.

    Parameters
    ----------
    lessons : int
        Labels of the teacher; 0: there is none.

    Attributes
    ----------
    layers : TrainedLayers
    done : int
        Steps.
    curve : Curve
    """

    def __init__(self, lessons: int) -> None:
        self._tf = tf = import_tensorflow()
        self.layers = TrainedLayers(SEED)
        self.done = 0
        self.curve: Curve = []
        self._lessons = lessons
        found = features(self.layers, tf.zeros((1, CROP, CROP, 3)))
        self.layers.scores(found, "logits", 2)
        if lessons:
            self.layers.scores(found, "lesson", lessons)
        self._variables = list(self.layers.trained.values())
        self._moments = [
            [tf.Variable(tf.zeros_like(variable)) for variable in self._variables] for _ in range(2)
        ]
        self._saved = {**self.layers.trained, **self.layers.running}
        for place, moments in enumerate(self._moments):
            for variable, moment in zip(self._variables, moments, strict=True):
                self._saved[f"adam_{place}/{variable.name}"] = moment
        self._compiled = tf.function(self._step)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        with np.load(path) as kept:
            for name, variable in self._saved.items():
                variable.assign(kept[name])
            self.done, self.curve = int(kept["done"]), json.loads(str(kept["curve"]))

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        buffer = io.BytesIO()
        arrays = {name: variable.numpy() for name, variable in self._saved.items()}
        np.savez(buffer, done=self.done, curve=json.dumps(self.curve), **arrays)
        write_atomically(path, buffer.getvalue())

    def step(self, image: Image, mask: Pixels, lesson: Image, rate: float) -> float:
        """Learn from a batch; returns its loss.

        Parameters
        ----------
        image : (n, crop, crop, 3) float32, -1..1
        mask : (n, crop, crop) uint8
            `PERSON`, `IGNORED` or 0.
        lesson : (n, rows, columns, labels) float32
            Of the teacher.
        rate : float
        """
        constant, small = self._tf.constant, mask[:, ::2, ::2]
        self.done += 1
        loss = self._compiled(
            constant(image),
            constant((small == PERSON).astype(np.float32)),
            constant((small != IGNORED).astype(np.float32)),
            constant(lesson),
            constant(rate, self._tf.float32),
            constant(self.done, self._tf.float32),
        )
        return float(loss)

    def _step(
        self, image: Any, target: Any, known: Any, lesson: Any, rate: Any, number: Any
    ) -> Any:
        tf = self._tf
        with tf.GradientTape() as tape:
            found = features(self.layers, image)
            loss = self._own_loss(found, target, known)
            if self._lessons:
                loss += self._lesson_loss(found, lesson)
        gradients = tape.gradient(loss, self._variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        for variable, gradient, first, second in zip(
            self._variables, gradients, *self._moments, strict=True
        ):
            first.assign(0.9 * first + 0.1 * gradient)
            second.assign(0.999 * second + 0.001 * gradient * gradient)
            change = first / (1 - 0.9**number) / (tf.sqrt(second / (1 - 0.999**number)) + 1e-8)
            decay = DECAY * variable if variable.name.endswith("weights:0") else 0.0
            variable.assign_sub(rate * (change + decay))
        return loss

    def _own_loss(self, found: Any, target: Any, known: Any) -> Any:
        """Cross-entropy and soft Dice of the person, where it is known."""
        tf = self._tf
        scores = self._enlarged(self.layers.scores(found, "logits", 2), target.shape[1:])
        margin = scores[..., 1] - scores[..., 0]
        each = tf.nn.sigmoid_cross_entropy_with_logits(target, margin)
        cross = tf.reduce_sum(each * known) / (tf.reduce_sum(known) + 1)
        chance = tf.sigmoid(margin) * known
        overlap = tf.reduce_sum(chance * target, [1, 2])
        union = tf.reduce_sum(chance + target * known, [1, 2]) - overlap
        return cross + 0.5 * tf.reduce_mean(1 - (overlap + 20) / (union + 20))

    def _lesson_loss(self, found: Any, lesson: Any) -> Any:
        """Kullback-Leibler divergence from the teacher, where it saw something."""
        tf = self._tf
        learnt = self._enlarged(
            self.layers.scores(found, "lesson", self._lessons), lesson.shape[1:3]
        )
        seen = tf.reduce_sum(lesson, 3)
        apart = lesson * (tf.math.log(lesson + 1e-6) - tf.nn.log_softmax(learnt))
        return tf.reduce_sum(tf.reduce_sum(apart, 3) * seen) / tf.reduce_sum(seen)

    def _enlarged(self, scores: Any, size: Any) -> Any:
        return self._tf.raw_ops.ResizeBilinear(images=scores, size=size, align_corners=True)


def validate(layers: TrainedLayers, photos: list[Photo]) -> float | None:
    """Return the mean IoU over photos that show a person, at the crop's size; None without one."""
    layers.training = False
    found = [_iou(layers, photo) for photo in photos if (photo.mask == PERSON).any()]
    layers.training = True
    return float(np.mean(found)) if found else None


def _iou(layers: TrainedLayers, photo: Photo) -> float:
    tf = import_tensorflow()
    ratio = CROP / max(photo.mask.shape)
    width, height = (max(1, round(side * ratio)) for side in photo.mask.shape[::-1])
    image = np.zeros((1, CROP, CROP, 3), np.float32)
    image[0, :height, :width] = cv2.resize(photo.rgb, (width, height)) / np.float32(127.5) - 1
    scores = tf.raw_ops.ResizeBilinear(
        images=logits(layers, tf.constant(image)), size=[CROP] * 2, align_corners=True
    ).numpy()[0, :height, :width]
    mask = cv2.resize(photo.mask, (width, height), interpolation=cv2.INTER_NEAREST)
    person, truth, known = scores[..., 1] > scores[..., 0], mask == PERSON, mask != IGNORED
    union = ((person | truth) & known).sum()
    return float((person & truth & known).sum() / max(union, 1))


if __name__ == "__main__":
    main()
