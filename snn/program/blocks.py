"""The layout of work and memory: nodes cut into slices, slices put together in blocks, slots given out bank by bank."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snn.program.tables import BANK, NEVER, Blocks, Slices
from snn.random import STRIP

_WORTH = 8192  # neurons times steps, some 10 microseconds, that each thread must have to do between two meetings
_LONG = 4096  # steps that a stage without a window runs at a time
NEAR = 2048  # neurons whose state stays in the first-level cache
NEAR_WEIGHTS = 2**18  # weights that stay in the second-level cache
_FULL = BANK - 4096  # slots of a block, at most: cuts at whole strips make some a little larger


class Layout(NamedTuple):
    """What `lay_out` returns."""

    slices: Slices
    first_slice: np.ndarray  # int64 (nodes + 1,): see Nodes
    blocks: Blocks
    bank_slots: np.ndarray  # int64 (banks,): first slot of each
    first_block: np.ndarray  # int64 (stages + 1,): see Stages

    def slots_of(self, node: int, ports: int) -> np.ndarray:
        """Return the slot of every neuron of a node at each of its ports, int64 (ports, neurons)."""
        parts = []
        for s in range(self.first_slice[node], self.first_slice[node + 1]):
            width = self.slices.stop[s] - self.slices.start[s]
            parts.append(self.slices.slot[s] + np.arange(ports * width).reshape(ports, width))
        return np.concatenate(parts, axis=1)


def _cut(sizes: list[int], parts: int) -> list[np.ndarray]:
    """Return for each node where to cut it, at whole strips of random numbers, so that all parts get as many neurons.

    What rounding gives one part too much of a node it gets less of the next.
    """
    wanted = np.zeros(parts + 1)  # neurons that the parts before each one should have by now
    given = np.zeros(parts + 1)
    cuts = []
    for size in sizes:
        wanted += size * np.arange(parts + 1) / parts
        mine = np.round((wanted - given) / STRIP) * STRIP
        mine = np.maximum.accumulate(np.clip(mine, 0, size))
        mine[0], mine[-1] = 0, size
        given += mine
        cuts.append(mine.astype(np.int64))
    return cuts


def _parts(neurons: int, slots: int, near: int, window: int, threads: int) -> int:
    """Return the number of blocks of a stage.

    Each is at most a bank and, in a stage without a window, which runs through all steps block after block, has at most
    about `near` neurons. There are as many for every thread, unless threads would meet more
    often than it is worth.
    """
    banks = max(1, math.ceil(slots / _FULL))
    if window == NEVER:
        banks = max(banks, math.ceil(neurons / near))
    if threads > 1 and neurons * min(window, _LONG) < _WORTH * threads:
        return banks
    shared = math.ceil(banks / threads) * threads
    return max(banks, min(shared, neurons // STRIP))


def lay_out(
    stages: list[list[int]],
    windows: np.ndarray,
    sizes: np.ndarray,
    ports: np.ndarray,
    near: np.ndarray,
    whole: set[int],
    threads: int,
) -> Layout:
    """Cut nodes into slices and give every slice its block and slots.

    Each block of a stage gets an equal share of every node of the stage, so that blocks take equally long.

    Parameters
    ----------
    stages : list of list of int
        The nodes of each stage.
    windows : ndarray of int64 (stages,)
        Steps for which the blocks of each stage run without looking at one another.
    sizes, ports : ndarray of int64 (nodes,)
        Neurons of each node, and ports that events arrive at.
    near : ndarray of int64 (nodes,)
        Neurons whose state and weights of patterns stay in the caches; more do no harm where synapses are listed.
    whole : set of int
        Nodes that must not be cut.
    threads : int
        Among how many threads the blocks of a stage should be shared.
    """
    cuts: dict[int, np.ndarray] = {}
    block_count = []
    for nodes, window in zip(stages, windows.tolist(), strict=True):
        free = [i for i in nodes if i not in whole]
        parts = 1
        if free:
            neurons, slots = int(sizes[free].sum()), int((sizes * ports)[free].sum())
            parts = _parts(neurons, slots, int(near[free].min()), window, threads)
        block_count.append(parts)
        cuts |= dict(zip(free, _cut([int(sizes[i]) for i in free], parts), strict=True))
        cuts |= {i: np.array([0, sizes[i]]) for i in nodes if i in whole}
    first_slice = np.cumsum([0, *(int(np.count_nonzero(np.diff(cuts[i]))) for i in range(len(sizes)))])
    table = np.zeros((int(first_slice[-1]), 4), np.int64)  # node, start, stop, slot
    of_block, bank_slots, banks_of_block, slot = [], [], [], 0
    for nodes, parts in zip(stages, block_count, strict=True):
        for part in range(parts):
            mine, first = [], slot
            for i in nodes:
                if part + 1 >= len(cuts[i]) or cuts[i][part] == cuts[i][part + 1]:
                    continue
                s = int(first_slice[i] + np.count_nonzero(np.diff(cuts[i][: part + 1])))
                table[s] = i, cuts[i][part], cuts[i][part + 1], slot
                slot += int(ports[i]) * int(cuts[i][part + 1] - cuts[i][part])
                mine.append(s)
            of_block.append(mine)
            bank_slots.extend(range(first, slot, BANK))
            banks_of_block.append(len(range(first, slot, BANK)))
    blocks = Blocks(
        first_slice=np.cumsum([0, *map(len, of_block)]),
        slices=np.array([s for mine in of_block for s in mine], np.int64),
        first_bank=np.cumsum([0, *banks_of_block]),
    )
    return Layout(
        slices=Slices(*(np.ascontiguousarray(column) for column in table.T)),
        first_slice=first_slice,
        blocks=blocks,
        bank_slots=np.array(bank_slots, np.int64),
        first_block=np.cumsum([0, *block_count]),
    )
