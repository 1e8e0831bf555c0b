"""Listed synapses, one by one, in the order of their sources: what the threads of a device read side by side."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from snn.jit import compiled
from snn.memory import require
from snn.program.rows import read_head, read_weight

_BYTES = 10  # a synapse


class Rows(NamedTuple):
    """Synapses first[row] .. first[row + 1] - 1 are those of a source."""

    first: np.ndarray  # int64 (rows + 1)
    slots: np.ndarray  # int32 (synapses)
    weights: np.ndarray  # int32 (synapses)
    delays: np.ndarray  # uint16 (synapses): steps


@compiled
def _count(words, rows, counts):
    """Add the number of synapses of each row of a bundle to counts, int64 (sources,)."""
    for source in range(len(rows)):
        at = rows[source]
        while at >= 0 and words[at]:
            count, each, _, _, first = read_head(words, at)
            counts[source] += count
            at = first + each * count


@compiled
def _fill(words, rows, slot, lead, cursors, slots, weights, delays):
    """Write the synapses of each row of a bundle from its cursor on, and move that behind them."""
    for source in range(len(rows)):
        at, place, delay = rows[source], cursors[source], lead
        while at >= 0 and words[at]:
            count, each, wait, shared, at = read_head(words, at)
            delay += wait
            for _ in range(count):
                slots[place], delays[place] = slot + words[at], delay
                weights[place] = read_weight(words, at, each, shared)
                place, at = place + 1, at + each
        cursors[source] = place


def flatten(lists: list[tuple[Any, Any, Any, int]], sizes: list[int], threads: int) -> Rows:
    """Read rows of runs (see `snn.program.tables`) into synapses one by one.

    Parameters
    ----------
    lists : list of (synapses, bundles, banks, source)
        Words and rows, what says where they lead, and which of the sources that `bundles` counts.
    sizes : list of int
        Neurons of each of them.
    threads : int

    Raises
    ------
    ResourceError
        If they do not fit into the host's memory.
    """
    firsts = np.cumsum([0, *sizes]).tolist()
    counts = np.zeros(firsts[-1], np.int64)

    def share(work):
        pieces = [(i, low, high) for i, size in enumerate(sizes) for low, high in _cut(size, threads)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda piece: work(*piece), pieces))

    def bundles_of(i, low, high):
        synapses, bundles, banks, source = lists[i]
        for b in np.flatnonzero(bundles.source == source):
            bank = int(np.searchsorted(banks.first_bundle, b, side="right")) - 1
            first = int(bundles.first_row[b])
            yield synapses.words, synapses.rows[first + low : first + high], int(banks.slot[bank]), int(bundles.lead[b])

    def count(i, low, high):
        for words, rows, _, _ in bundles_of(i, low, high):
            _count(words, rows, counts[firsts[i] + low : firsts[i] + high])

    share(count)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    require(_BYTES * int(first[-1]), f"{int(first[-1]):,} synapses, one by one,")
    slots, weights, delays = (np.empty(first[-1], kind) for kind in (np.int32, np.int32, np.uint16))
    cursors = first[:-1].copy()

    def fill(i, low, high):
        mine = cursors[firsts[i] + low : firsts[i] + high]
        for words, rows, slot, lead in bundles_of(i, low, high):
            _fill(words, rows, slot, lead, mine, slots, weights, delays)

    share(fill)
    return Rows(first, slots, weights, delays)


def _cut(size: int, parts: int) -> list[tuple[int, int]]:
    cuts = [size * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(cuts))
