"""Two processes that share the mean of a vector: gradients and statistics of the batch."""

from __future__ import annotations

import multiprocessing as mp

import numpy as np
import torch
from torch import Tensor

PATIENCE = 900
"""Seconds to wait for the other process before giving up."""


class Exchange:
    """Shared memory in which each process lays its vector down.

    Parameters
    ----------
    processes : int
    length : int
        Of the vectors.
    """

    def __init__(self, processes: int, length: int) -> None:
        context = mp.get_context("fork")
        memory = context.RawArray("f", processes * length)
        self._rows = np.frombuffer(memory, np.float32).reshape(processes, length)
        self._barrier = context.Barrier(processes)

    def mean(self, rank: int, vector: Tensor) -> Tensor:
        """Return the mean over the processes; the same bits in each of them."""
        self._rows[rank] = vector.numpy()
        self._barrier.wait(PATIENCE)
        mean = torch.from_numpy(self._rows.mean(axis=0))
        self._barrier.wait(PATIENCE)
        return mean

    def abort(self) -> None:
        """Let the others fail instead of waiting."""
        self._barrier.abort()
