"""Train the bundled network on the CPU.

    python -m models.training.train --data ../shared/dataset --checkpoint person.npz [--steps 6000]

Seeded; goes on from its checkpoint after an interrupt. The checkpoint holds the curve too.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from models.training.data import IGNORED, PERSON, Photo, Samples, read_photos
from models.training.layers import TrainedLayers
from models.training.network import CROP, logits
from toolkit.atomic import write_atomically
from toolkit.graphs import import_tensorflow

BATCH, RATE, DECAY = 8, 3e-3, 1e-3
WARM_STEPS, SAVE_EVERY = 100, 100
SEED = 20261128


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, default=Path("person.npz"))
    parser.add_argument("--steps", type=int, default=6000)
    asked = parser.parse_args()
    train(asked.data, asked.checkpoint, asked.steps)


def train(data: Path, checkpoint: Path, steps: int) -> None:
    """Train up to so many steps, from the checkpoint on where there is one."""
    tf = import_tensorflow()
    people, nobody, kept_back = read_photos(data)
    layers = TrainedLayers(SEED)
    logits(layers, tf.zeros((1, CROP, CROP, 3)))
    variables = list(layers.trained.values())
    moments = [[tf.Variable(tf.zeros_like(variable)) for variable in variables] for _ in range(2)]
    saved = {**layers.trained, **layers.running}
    saved |= {
        f"adam_{n}/{v.name}": m for n in (0, 1) for v, m in zip(variables, moments[n], strict=True)
    }
    done, curve = 0, []
    if checkpoint.exists():
        with np.load(checkpoint) as kept:
            for name, variable in saved.items():
                variable.assign(kept[name])
            done, curve = int(kept["done"]), json.loads(str(kept["curve"]))

    def step(image: Any, target: Any, known: Any, rate: Any, number: Any) -> Any:
        with tf.GradientTape() as tape:
            found = logits(layers, image)
            found = tf.raw_ops.ResizeBilinear(
                images=found, size=[(CROP + 1) // 2] * 2, align_corners=True
            )
            margin = found[..., 1] - found[..., 0]
            each = tf.nn.sigmoid_cross_entropy_with_logits(target, margin)
            cross = tf.reduce_sum(each * known) / tf.reduce_sum(known)
            chance = tf.sigmoid(margin) * known
            overlap = tf.reduce_sum(chance * target, [1, 2])
            union = tf.reduce_sum(chance + target * known, [1, 2]) - overlap
            dice = tf.reduce_mean(1 - (overlap + 20) / (union + 20))
            loss = cross + 0.5 * dice
        gradients = tape.gradient(loss, variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        for variable, gradient, first, second in zip(variables, gradients, *moments, strict=True):
            first.assign(0.9 * first + 0.1 * gradient)
            second.assign(0.999 * second + 0.001 * gradient * gradient)
            change = first / (1 - 0.9**number) / (tf.sqrt(second / (1 - 0.999**number)) + 1e-8)
            decay = DECAY * variable if variable.name.endswith("weights:0") else 0.0
            variable.assign_sub(rate * (change + decay))
        return loss

    compiled = tf.function(step)
    began, losses = time.monotonic(), []
    while done < steps:
        # each step has samples of its own, so that an interrupt changes none
        image, mask = Samples(people, nobody, CROP, SEED + done).batch(BATCH)
        small = mask[:, ::2, ::2]
        rate = RATE * min(1.0, (done + 1) / WARM_STEPS) * 0.5 * (1 + np.cos(np.pi * done / steps))
        loss = compiled(
            tf.constant(image),
            tf.constant((small == PERSON).astype(np.float32)),
            tf.constant((small != IGNORED).astype(np.float32)),
            tf.constant(rate, tf.float32),
            tf.constant(done + 1, tf.float32),
        )
        losses.append(float(loss))
        done += 1
        if done % SAVE_EVERY == 0 or done == steps:
            iou = validate(layers, kept_back) if done % 500 == 0 or done == steps else None
            curve.append((done, float(np.mean(losses)), iou))
            losses.clear()
            seconds = time.monotonic() - began
            sys.stderr.write(
                f"{done}/{steps}: loss {curve[-1][1]:.3f}, IoU {iou}, {seconds:.0f} s\n"
            )
            save(checkpoint, saved, done, curve)


def validate(layers: TrainedLayers, photos: list[Photo]) -> float | None:
    """Return the mean IoU over photos that show a person, at the crop's size; None without one."""
    import cv2

    tf = import_tensorflow()
    layers.training = False
    found = []
    for photo in photos:
        if not (photo.mask == PERSON).any():
            continue
        ratio = CROP / max(photo.mask.shape)
        size = tuple(max(1, round(side * ratio)) for side in photo.mask.shape[::-1])
        image = np.zeros((1, CROP, CROP, 3), np.float32)
        resized = cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA)
        image[0, : size[1], : size[0]] = resized.astype(np.float32) / 127.5 - 1
        scores = tf.raw_ops.ResizeBilinear(
            images=logits(layers, tf.constant(image)), size=[CROP] * 2, align_corners=True
        ).numpy()[0, : size[1], : size[0]]
        mask = cv2.resize(photo.mask, size, interpolation=cv2.INTER_NEAREST)
        person, known = scores[..., 1] > scores[..., 0], mask != IGNORED
        truth = mask == PERSON
        union = ((person | truth) & known).sum()
        found.append(float((person & truth & known).sum() / max(union, 1)))
    layers.training = True
    return float(np.mean(found)) if found else None


def save(path: Path, variables: dict[str, Any], done: int, curve: list[Any]) -> None:
    """Write the checkpoint: all weights, what the optimiser remembers, and the curve."""
    buffer = io.BytesIO()
    arrays = {name: variable.numpy() for name, variable in variables.items()}
    np.savez(buffer, done=done, curve=json.dumps(curve), **arrays)
    write_atomically(path, buffer.getvalue())


if __name__ == "__main__":
    main()
