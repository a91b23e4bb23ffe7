"""Two processes that share the mean of a vector: gradients and statistics of the batch."""

from __future__ import annotations

import multiprocessing as mp
import os
import threading
import time
from multiprocessing.process import BaseProcess

import numpy as np
import torch
from torch import Tensor


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
        self._barrier.wait()
        mean = torch.from_numpy(self._rows.mean(axis=0))
        self._barrier.wait()
        return mean

    def abort(self) -> None:
        """Let the others fail instead of waiting."""
        self._barrier.abort()

    def watch(self, process: BaseProcess) -> None:
        """Abort when a child fails; a pause of any length is no failure."""

        def wait() -> None:
            process.join()
            if process.exitcode:
                self.abort()

        threading.Thread(target=wait, daemon=True).start()


def end_with_parent(seconds: float = 2.0) -> None:
    """End this process when its parent is gone; it looks from time to time."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
