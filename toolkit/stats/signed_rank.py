"""How sure a difference between pairs is: Wilcoxon's signed-rank test, and its interval.

All three follow from the Walsh averages, the means of any two of the differences (and of each with
itself): their median is the estimate of Hodges and Lehmann, the share below 0 is the test, and the
interval holds what the test would not refuse. So they never contradict each other, and where pairs
are equally likely to come out either way round they are exact, whatever the noise's distribution.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SignedRanks:
    """What pairs say; see `signed_ranks`.

    Attributes
    ----------
    pairs : int
    averages : (pairs * (pairs + 1) / 2,) float64
        The Walsh averages, sorted.
    """

    pairs: int
    averages: NDArray[np.float64]

    @property
    def estimate(self) -> float:
        """The typical difference: the median of the Walsh averages."""
        size = self.averages.size
        return float((self.averages[(size - 1) // 2] + self.averages[size // 2]) / 2)

    @property
    def p_above(self) -> float:
        """One-sided p: how easily chance alone gives differences so much above 0.

        A tie counts half, and what that leaves between two values of the statistic goes to the
        larger p.
        """
        return self._p(float(np.searchsorted(self.averages, 0, side="left")))

    @property
    def p_apart(self) -> float:
        """Two-sided p: how easily chance alone gives differences so far from 0."""
        above = self.averages.size - float(np.searchsorted(self.averages, 0, side="right"))
        return min(1.0, 2 * min(self.p_above, self._p(above)))

    def _p(self, on_one_side: float) -> float:
        zeros = np.count_nonzero(self.averages == 0)
        return float(_cumulative(self.pairs)[math.ceil(on_one_side + zeros / 2)])

    def interval(self, level: float) -> tuple[float, float]:
        """Return where the typical difference lies; infinite where there are too few pairs.

        Parameters
        ----------
        level : float
            Such as 0.95.
        """
        outside = int(np.searchsorted(_cumulative(self.pairs), (1 - level) / 2, side="right")) - 1
        if outside < 0:
            return -math.inf, math.inf
        return float(self.averages[outside]), float(self.averages[-1 - outside])


def signed_ranks(differences: Sequence[float] | NDArray[np.float64]) -> SignedRanks:
    """Prepare the test, estimate and interval of paired differences.

    Parameters
    ----------
    differences : (pairs,) float
        One per pair, at least one; for ratios, of the logarithms.

    Examples
    --------
    >>> found = signed_ranks([0.1, 0.2, 0.3, 0.4, 0.5])
    >>> found.estimate, found.p_above  # one in 32 orders of signs
    (0.3, 0.03125)
    >>> found.interval(0.9)
    (0.1, 0.5)
    """
    values = np.asarray(differences, np.float64)
    first, second = _pairs(values.size)
    return SignedRanks(values.size, np.sort((values[first] + values[second]) / 2))


def fewest_pairs(p: float) -> int:
    """Return from how many pairs on the one-sided p can be as small as this.

    >>> [fewest_pairs(p) for p in (0.05, 0.01, 0.001)]
    [5, 7, 10]
    """
    return math.ceil(-math.log2(p))


@functools.lru_cache(maxsize=64)
def _pairs(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(size)


@functools.lru_cache(maxsize=64)
def _cumulative(pairs: int) -> NDArray[np.float64]:
    """Return the chance, by number of Walsh averages, that at most so many lie below 0."""
    shares = np.ones(1)
    for rank in range(1, pairs + 1):
        # The rank's sign is a coin: it adds itself to the statistic, or nothing.
        longer = np.zeros(shares.size + rank)
        longer[: shares.size] += shares / 2
        longer[rank:] += shares / 2
        shares = longer
    cumulative: NDArray[np.float64] = np.minimum(np.cumsum(shares), 1)
    return cumulative
