"""Rounds drawn from a recording: real noise in blocks, what is simulated on top, a slower stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.bench.schema import WHOLE
from toolkit.gate.decision import HEAD, ROLES, GateTimes

BLOCK = 10
"""Rounds that stay together: drift and bursts of a recording last longer than a round."""

DRIFT, DRIFT_ROUNDS = 0.30, 9
"""The machine gets this much slower in as many rounds, and goes on so."""

BURST_CHANCE, BURST = 0.05, (0.30, 1.00)
"""How many processes are hit, and how much slower they get."""

T_QUARTILE = 0.8165
"""Of Student's t with 2 degrees of freedom: half its draws are nearer to 0."""

MAD_QUARTILE = 0.6745
"""The same of the normal distribution."""


@dataclass(frozen=True)
class Slowdown:
    """A head that is slower in one stage.

    Attributes
    ----------
    stage : str
    share : float
        0.2 takes a fifth longer; the whole gets the same extra time.
    """

    stage: str
    share: float


@dataclass(frozen=True, eq=False)
class Scene:
    """What a noise is added to.

    Attributes
    ----------
    times : (rounds, 3, units) float64
        Nanoseconds.
    first : int
        The gate's rounds before these.
    spread : (units,) float64
        Deviation of a process within its round in the recording, of the times' logarithms.
    whole : int or None
        The unit that holds all others.
    random : numpy.random.Generator
    """

    times: GateTimes
    first: int
    spread: GateTimes
    whole: int | None
    random: np.random.Generator


def recorded(scene: Scene) -> GateTimes:
    """Add nothing."""
    return scene.times


def heavy_tails(scene: Scene) -> GateTimes:
    """Multiply each stage by noise of Student's t with 2 degrees of freedom, as wide as its own."""
    drawn = scene.random.standard_t(2, scene.times.shape)
    scale = scene.spread * MAD_QUARTILE / T_QUARTILE
    return _with_whole(scene, scene.times * np.exp(drawn * scale))


def drift(scene: Scene) -> GateTimes:
    """Slow the machine down, also within a round, as if processes ran one after the other."""
    rounds, roles, _ = scene.times.shape
    places = scene.random.permuted(np.tile(np.arange(roles), (rounds, 1)), axis=1)
    moment = scene.first + np.arange(rounds)[:, None] + places / roles
    slower: GateTimes = np.exp(moment / DRIFT_ROUNDS * np.log1p(DRIFT))
    return scene.times * slower[:, :, None]


def bursts(scene: Scene) -> GateTimes:
    """Hit some processes in all their stages."""
    shape = scene.times.shape[:2]
    hit = scene.random.random(shape) < BURST_CHANCE
    slower: GateTimes = 1 + hit * scene.random.uniform(*BURST, shape)
    return scene.times * slower[:, :, None]


def doubled(scene: Scene) -> GateTimes:
    """Double how far a process is from the middle of its round."""
    logs = np.log(scene.times)
    middle = logs.mean(axis=1, keepdims=True)
    apart: GateTimes = np.exp(middle + 2 * (logs - middle))
    return apart


NOISES: dict[str, Callable[[Scene], GateTimes]] = {
    "recorded": recorded,
    "heavy tails": heavy_tails,
    "drift": drift,
    "bursts": bursts,
    "doubled": doubled,
}
"""The first is real, what the others add is simulated."""


def _with_whole(scene: Scene, changed: GateTimes) -> GateTimes:
    """Give the whole what its stages got."""
    if scene.whole is not None:
        stages = np.delete(changed - scene.times, scene.whole, axis=2)
        changed[:, :, scene.whole] = scene.times[:, :, scene.whole] + stages.sum(axis=2)
    return changed


class Resampled:
    """A machine as in a recording, on which a gate asks for rounds.

    Blocks of rounds are drawn with replacement. Within each round it is drawn anew which process
    was the base, the head and the control: all three ran the same code.

    Parameters
    ----------
    times : (rounds, 3, units) float64
        The recording's, at least `block` rounds.
    stages : sequence of str
        The stage of each unit.
    random : numpy.random.Generator
    noise : str
        A key of `NOISES`.
    slowdown : Slowdown, optional
    block : int
        Rounds that stay together.
    """

    def __init__(
        self,
        times: GateTimes,
        stages: Sequence[str],
        random: np.random.Generator,
        *,
        noise: str = "recorded",
        slowdown: Slowdown | None = None,
        block: int = BLOCK,
    ) -> None:
        if len(times) < block:
            raise ValueError(f"{len(times)} rounds are no block of {block}")
        self.rounds = 0
        """Drawn so far."""
        self._recording = times
        self._stages = list(stages)
        self._random = random
        self._noise = NOISES[noise]
        self._slowdown = slowdown
        self._block = block
        self._places: list[int] = []
        self._whole = self._stages.index(WHOLE) if WHOLE in self._stages else None
        self._spread = spread_of(times)

    def add(self, count: int) -> GateTimes:
        """Return that many new rounds, (count, 3, units); see `toolkit.gate.decision.AddRounds`."""
        times = self._shuffled(self._recording[self._next_places(count)])
        scene = Scene(times, self.rounds, self._spread, self._whole, self._random)
        self.rounds += count
        return self._slowed(self._noise(scene))

    def _next_places(self, count: int) -> list[int]:
        while len(self._places) < count:
            start = int(self._random.integers(0, len(self._recording) - self._block + 1))
            self._places += range(start, start + self._block)
        places, self._places = self._places[:count], self._places[count:]
        return places

    def _shuffled(self, times: GateTimes) -> GateTimes:
        names = np.tile(np.arange(times.shape[1]), (len(times), 1))
        order = self._random.permuted(names, axis=1)
        return np.take_along_axis(times, order[:, :, None], axis=1)

    def _slowed(self, times: GateTimes) -> GateTimes:
        if self._slowdown is None:
            return times
        head, unit = ROLES.index(HEAD), self._stages.index(self._slowdown.stage)
        extra = times[:, head, unit] * self._slowdown.share
        slowed = times.copy()
        slowed[:, head, unit] += extra
        if self._whole not in (None, unit):
            slowed[:, head, self._whole] += extra
        return slowed


def spread_of(times: GateTimes) -> GateTimes:
    """Return a process's deviation within its round, by unit: robust, of the times' logarithms.

    Parameters
    ----------
    times : (rounds, contenders, units) float64
    """
    logs = np.log(times)
    first, second = np.triu_indices(times.shape[1], 1)
    differences = np.abs(logs[:, first] - logs[:, second]).reshape(-1, times.shape[2])
    spread: GateTimes = np.median(differences, axis=0) / MAD_QUARTILE / np.sqrt(2)
    return spread
