"""Delays in steps that are drawn: which 32-bit words stand for which.

A distribution's values never fall as the word rises, so a delay is the number of words, out of one for each delay that
may occur, that are not above the one drawn. Most words show by their upper bits how many those are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from snn.jit import compiled
from snn.random import Distribution, random_words

_CELLS = 4096  # ranges of words for each of which a table says the delay, if it is the same for all
SHIFT = 20  # of a word, to the number of its range


class Table(NamedTuple):
    """Which words stand for which delay."""

    shortest: int
    first_words: np.ndarray  # uint64 (delays - 1,): the first word of each delay but the shortest
    cells: np.ndarray  # int32 (cells,): delay of all words of each range, or -1


def _steps(distribution: Distribution, words: np.ndarray, dt: float, least: int) -> np.ndarray:
    return np.maximum(np.rint(distribution.of(words.astype(np.uint32)) / dt), least).astype(np.int64)


@lru_cache
def table_of(distribution: Distribution, dt: float, least: int) -> Table:
    """Return which words stand for which delay, in steps of `dt` and not below `least`."""
    shortest, longest = _steps(distribution, np.array([0, 2**32 - 1]), dt, least).tolist()
    delays = np.arange(shortest + 1, longest + 1)
    low, high = np.zeros(len(delays), np.uint64), np.full(len(delays), 2**32 - 1, np.uint64)
    while (low < high).any():
        middle = (low + high) // np.uint64(2)
        reached = _steps(distribution, middle, dt, least) >= delays
        low, high = np.where(reached, low, middle + np.uint64(1)), np.where(reached, middle, high)
    begins = np.arange(_CELLS, dtype=np.uint64) << np.uint64(SHIFT)
    first = np.searchsorted(low, begins, side="right")
    last = np.searchsorted(low, begins + np.uint64(2**SHIFT - 1), side="right")
    return Table(shortest, low, np.where(first == last, shortest + first, -1).astype(np.int32))


@compiled
def _look_up(words, table):
    out = np.empty(len(words), np.int32)
    for i in range(len(words)):
        delay = table.cells[words[i] >> np.uint32(SHIFT)]
        if delay < 0:
            delay = table.shortest + np.searchsorted(table.first_words, np.uint64(words[i]), side="right")
        out[i] = delay
    return out


def drawn_delays(
    distribution: Distribution, dt: float, least: int, seed: int, stream: int, first: int, count: int
) -> np.ndarray:
    """Return the delays in steps of synapses `first` .. `first + count - 1`, int32 (count,).

    A delay is the distribution's value, rounded to a multiple of `dt`, but `least` steps where it is less.
    """
    return _look_up(random_words(seed, stream, 0, first, count), table_of(distribution, dt, least))
