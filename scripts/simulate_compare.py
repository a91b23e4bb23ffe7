"""Simulate what `toolkit compare` and the intervals of `toolkit bench` are worth.

Prints the tables of docs/compare.md. The same seed gives the same figures; takes minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolkit.stats.intervals import paired_interval
from toolkit.stats.verdicts import Judgment, Samples, Verdict, judge

Times = NDArray[np.float64]
TRIALS = 2000
STAGES, VARIANTS = 8, 2
RNG = np.random.default_rng(2018)


def normal(*shape: int) -> Times:
    """Noise without tails."""
    return RNG.standard_normal(shape)


def heavy(*shape: int) -> Times:
    """Student's t with 2 degrees of freedom: no variance."""
    return RNG.standard_t(2, shape)


def bursts(*shape: int) -> Times:
    """One process in ten is slower by 15 deviations on average."""
    return RNG.standard_normal(shape) + (RNG.random(shape) < 0.1) * RNG.exponential(15, shape)


def print_coverage(trials: int) -> None:
    """Print how often the paired interval holds the true ratio, 1."""
    print("| rounds | normal | heavy tails | bursts |\n|---|---|---|---|")  # noqa: T201 - its task
    kinds: tuple[Callable[..., Times], ...] = (normal, heavy, bursts)
    for rounds in (5, 6, 10, 20, 40):
        cells = []
        for noise in kinds:
            ratios = np.exp(0.03 * (noise(trials, rounds) - noise(trials, rounds)))
            intervals = [paired_interval(list(row)) for row in ratios]
            held = [one is not None and one.low <= 1 <= one.high for one in intervals]
            cells.append(f"{np.mean(held):.1%}")
        print(f"| {rounds} | {' | '.join(cells)} |")  # noqa: T201 - its task


def one_session(samples: int, deviation: float, session: float) -> Times:
    """Draw times, (variants x stages, samples); a process that is slow is so in most stages."""
    shape = (VARIANTS * STAGES, samples)
    shared = bursts(VARIANTS, samples).repeat(STAGES, axis=0)
    logs = deviation * (0.8 * shared + 0.6 * normal(*shape)) + session * RNG.standard_normal()
    return 1e8 * np.exp(logs)


def print_verdicts(trials: int) -> None:
    """Print how often anything is called slower that isn't, and a slower stage is found."""
    print(  # noqa: T201 - its task
        "| noise | session | samples | false alarms | 20 % found | 50 % found | called same |\n"
        "|---|---|---|---|---|---|---|"
    )
    for deviation, session in ((0.03, 0.0), (0.1, 0.0), (0.03, 0.03), (0.03, 0.1)):
        for samples in (6, 10, 20):
            alarms, found, same = 0, {1.2: 0, 1.5: 0}, 0
            for _ in range(trials):
                base = one_session(samples, deviation, session)
                head = one_session(samples, deviation, session)
                verdicts = [one.verdict for one in _judge(base, head)]
                alarms += Verdict.SLOWER in verdicts
                same += verdicts.count(Verdict.SAME)
                for slowdown in found:
                    slower = head.copy()
                    slower[1] *= slowdown
                    found[slowdown] += _judge(base, slower)[1].verdict is Verdict.SLOWER
            cells = (alarms / trials, *(count / trials for count in found.values()))
            print(  # noqa: T201 - its task
                f"| {deviation:.0%} | {session:.0%} | {samples} | "
                + " | ".join(f"{cell:.1%}" for cell in cells)
                + f" | {same / trials / STAGES / VARIANTS:.1%} |",
                flush=True,
            )


def print_files(trials: int) -> None:
    """Print the same where a sample is a file, of a session of its own with 5 processes."""
    print(  # noqa: T201 - its task
        "| noise | session | files of each | false alarms | 20 % found | 50 % found |\n"
        "|---|---|---|---|---|---|"
    )
    for deviation, session in ((0.03, 0.03), (0.03, 0.1)):
        for files in (6, 10):
            alarms, found = 0, {1.2: 0, 1.5: 0}
            for _ in range(trials):
                base, head = (
                    np.stack(
                        [
                            np.median(one_session(5, deviation, session), axis=1)
                            for _ in range(files)
                        ],
                        axis=1,
                    )
                    for _ in range(2)
                )
                alarms += any(one.verdict is Verdict.SLOWER for one in _judge(base, head))
                for slowdown in found:
                    slower = head.copy()
                    slower[1] *= slowdown
                    found[slowdown] += _judge(base, slower)[1].verdict is Verdict.SLOWER
            cells = (alarms / trials, *(count / trials for count in found.values()))
            print(  # noqa: T201 - its task
                f"| {deviation:.0%} | {session:.0%} | {files} | "
                + " | ".join(f"{cell:.1%}" for cell in cells)
                + " |",
                flush=True,
            )


def _judge(base: Times, head: Times) -> list[Judgment]:
    pairs = [Samples(tuple(b), tuple(h)) for b, h in zip(base, head, strict=True)]
    return judge(pairs)


if __name__ == "__main__":
    TRIALS = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    print_coverage(4 * TRIALS)
    print()  # noqa: T201 - its task
    print_verdicts(TRIALS)
    print()  # noqa: T201 - its task
    print_files(TRIALS)
