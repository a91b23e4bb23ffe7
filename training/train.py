"""Train the bundled network on the CPU.

    python -m training.train --data ../shared/training ../shared/dataset \
        --held-out ../shared/evaluation --teacher teacher --checkpoint person.pt

Two processes of one thread each draw half of every batch and average their gradients. Seeded: the
same seed, data and machine give the same weights. An interrupted run goes on from its checkpoint,
which holds the curve too. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing as mp
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from toolkit.files.atomic import write_atomically
from training.averaging import Exchange, end_with_parent
from training.loss import loss
from training.network import Network, load_pretrained
from training.photos import read_photo, split
from training.samples import Samples
from training.schedule import FROZEN_BLOCK, PHASES, Schedule
from training.validation import validate

STEPS, BATCH, PROCESSES = 5000, 16, 2
BACKBONE_RATE, HEAD_RATE, DECAY, CLIP, SMOOTHING = 1.5e-4, 1.5e-3, 0.01, 5.0, 0.995
PULL = 20.0
"""How strongly the backbone's weights decay toward ImageNet's, times the rate.

Freed of it the backbone forgets what animals look like: few photos without people show any.
"""

SEED = 18

SAVE_EVERY, VALIDATE_EVERY = 100, 250


@dataclass(frozen=True)
class Options:
    """A run's settings.

    Attributes
    ----------
    data, held_out : list of Path
        Folders of data sets: to train on, and of which nothing may be trained on.
    teacher : Path or None
        Soft labels.
    checkpoint : Path
    steps, seed : int
    """

    data: list[Path]
    held_out: list[Path]
    teacher: Path | None
    checkpoint: Path
    steps: int
    seed: int


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--held-out", type=Path, nargs="*", default=[])
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path("person.pt"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    train(Options(**vars(parser.parse_args())))


def train(options: Options) -> None:
    """Train up to so many steps, from the checkpoint on where there is one."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    trained, kept_back, left_out = split(options.data, options.held_out)
    for source in left_out:
        say(f"left out, too much like a photo for evaluation: {source.path}")
    samples = Samples([read_photo(source, options.teacher) for source in trained])
    photos = [read_photo(source) for source in kept_back]
    say(f"{len(trained)} photos to train on, {len(photos)} kept back")
    trainer = Trainer(options.seed, Schedule(options.steps))
    if options.checkpoint.exists():
        trainer.load(options.checkpoint)
    exchange = Exchange(PROCESSES, trainer.length)
    others = [
        mp.get_context("fork").Process(
            target=work, args=(rank, trainer, samples, exchange), daemon=True
        )
        for rank in range(1, PROCESSES)
    ]
    for process in others:
        process.start()
        exchange.watch(process)
    began, first, losses = time.monotonic(), trainer.done, []
    try:
        for value in steps(0, trainer, samples, exchange):
            losses.append(value)
            last = trainer.done == options.steps
            if not (last or trainer.done % SAVE_EVERY == 0):
                continue
            entry: dict[str, Any] = {"step": trainer.done, "loss": float(np.mean(losses))}
            losses.clear()
            if last or trainer.done % VALIDATE_EVERY == 0:
                entry |= asdict(validate(trainer.smoothed, photos, PHASES[-1][0]))
            trainer.curve.append(entry)
            trainer.save(options.checkpoint)
            pace = (time.monotonic() - began) / (trainer.done - first)
            say(f"{json.dumps(entry)} {pace:.2f} s a step")
    except BaseException:
        exchange.abort()
        raise
    for process in others:
        process.join()


def work(rank: int, trainer: Trainer, samples: Samples, exchange: Exchange) -> None:
    """Compute a share of every step in a process of its own."""
    end_with_parent()
    for _ in steps(rank, trainer, samples, exchange):
        pass


def steps(rank: int, trainer: Trainer, samples: Samples, exchange: Exchange) -> Iterator[float]:
    """Take the steps that are left, one process's share of each; yields its loss."""
    while trainer.done < trainer.schedule.steps:
        crop = trainer.schedule.crop(trainer.done)
        share = range(rank, BATCH, PROCESSES)
        seeds = [(trainer.seed, trainer.done, place) for place in share]
        yield trainer.step(*batch(samples, crop, seeds), rank, exchange)


def batch(samples: Samples, crop: int, seeds: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Draw samples: (n, 3, crop, crop) float32 in -1..1, and (n, crop, crop) uint8 masks."""
    drawn = [samples.one(crop, seed) for seed in seeds]
    images = torch.from_numpy(np.stack([image for image, _ in drawn])).permute(0, 3, 1, 2)
    return images.float() / 127.5 - 1, torch.from_numpy(np.stack([mask for _, mask in drawn]))


class Trainer:
    """The network while it is trained, and all that its next step depends on.

    Parameters
    ----------
    seed : int
    schedule : Schedule

    Attributes
    ----------
    network : Network
    smoothed : Network
        Its exponential moving average: what is validated and frozen.
    done : int
        Steps.
    curve : list of dict
    length : int
        Numbers that the processes average.
    """

    def __init__(self, seed: int, schedule: Schedule) -> None:
        torch.manual_seed(seed)
        self.seed, self.schedule, self.done = seed, schedule, 0
        self.curve: list[dict[str, Any]] = []
        self.network, self.smoothed = Network(), Network()
        load_pretrained(self.network)
        self.smoothed.load_state_dict(self.network.state_dict())
        for network in (self.network, self.smoothed):
            network.to(memory_format=torch.channels_last)
            network.train()
        self._lower = self.network.backbone(FROZEN_BLOCK)
        backbone = self.network.backbone()
        self._pretrained = [(each, each.detach().clone()) for each in backbone]
        known = {id(parameter) for parameter in backbone}
        head = [each for each in self.network.parameters() if id(each) not in known]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": backbone, "weight_decay": 0.0, "rate": BACKBONE_RATE},
                {"params": head, "weight_decay": DECAY, "rate": HEAD_RATE},
            ],
            foreach=True,
        )
        self._statistics = [
            buffer
            for module in self.network.modules()
            if isinstance(module, nn.BatchNorm2d)
            for buffer in (module.running_mean, module.running_var)
            if buffer is not None
        ]
        self._parameters = list(self.network.parameters())
        self.length = sum(each.numel() for each in (*self._parameters, *self._statistics))

    def step(self, images: Tensor, masks: Tensor, rank: int, exchange: Exchange) -> float:
        """Learn from a share of a batch; returns its loss."""
        frozen = self.schedule.frozen(self.done)
        for parameter in self._lower:
            parameter.requires_grad_(not frozen)
        factor = self.schedule.rate(self.done)
        for group in self._optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        self._optimizer.zero_grad()
        value = loss(self.network(images.contiguous(memory_format=torch.channels_last)), masks)
        value.backward()
        self._average(rank, exchange)
        nn.utils.clip_grad_norm_(self._parameters, CLIP)
        self._optimizer.step()
        with torch.no_grad():
            for weights, pretrained in self._pretrained:
                weights.lerp_(pretrained, BACKBONE_RATE * factor * PULL)
        self.done += 1
        self._smooth()
        return float(value.detach())

    def _average(self, rank: int, exchange: Exchange) -> None:
        """Give every process the mean gradient and the mean statistics of the batch."""
        parts = [
            torch.zeros_like(each) if each.grad is None else each.grad for each in self._parameters
        ]
        vector = torch.cat([part.reshape(-1) for part in (*parts, *self._statistics)])
        mean = exchange.mean(rank, vector)
        place = 0
        for part in (*parts, *self._statistics):
            part.copy_(mean[place : place + part.numel()].view_as(part))
            place += part.numel()

    def _smooth(self) -> None:
        """Move the average on; its memory is short at the start."""
        share = 1 - min(SMOOTHING, (1 + self.done) / (10 + self.done))
        ours, theirs = self.smoothed.state_dict(), self.network.state_dict()
        with torch.no_grad():
            for name, value in ours.items():
                if value.is_floating_point():
                    value.lerp_(theirs[name], share)

    def save(self, path: Path) -> None:
        """Write a checkpoint, and beside it the smoothed weights as NumPy arrays (`.npz`)."""
        weights = {name: value.numpy() for name, value in self.smoothed.state_dict().items()}
        buffer = io.BytesIO()
        np.savez(
            buffer, allow_pickle=False, done=self.done, curve=json.dumps(self.curve), **weights
        )
        write_atomically(path.with_suffix(".npz"), buffer.getvalue())
        buffer = io.BytesIO()
        torch.save(
            {
                "network": self.network.state_dict(),
                "smoothed": self.smoothed.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "done": self.done,
                "seed": self.seed,
                "steps": self.schedule.steps,
                "curve": self.curve,
            },
            buffer,
        )
        write_atomically(path, buffer.getvalue())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ValueError
            It is of another seed.
        """
        saved = torch.load(path, weights_only=True)
        if saved["seed"] != self.seed:
            raise ValueError(f"{path} is of seed {saved['seed']}, not {self.seed}")
        self.network.load_state_dict(saved["network"])
        self.smoothed.load_state_dict(saved["smoothed"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self.done, self.curve = saved["done"], saved["curve"]


def say(line: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
