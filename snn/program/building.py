"""Listed synapses become rows: counted, put down, sorted and written, by several threads side by side.

Each builder works on portions that follow one another, and each row has room for what every builder puts there, so the
order of a row does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from snn.errors import ResourceError
from snn.memory import require
from snn.program import rows, synapses
from snn.program.lists import Listed
from snn.program.tables import Bundles

_BYTES = 10  # that a synapse takes while it is sorted, at most
_DRAWER = 2**21  # synapses that a builder collects before it writes them to their rows
_PIECES = 8  # in how many pieces each thread writes its share of the rows


class Rows(NamedTuple):
    """What `build_rows` returns: parts of `Synapses`, `Bundles`, where each bank's begin, and fans by source node.

    Where synapses stay keys, `words` are those, and `rows` says where each row begins, and where the last one ends.
    """

    words: np.ndarray
    rows: np.ndarray
    bundles: Bundles
    first_bundle: np.ndarray
    fan_out: dict[int, np.ndarray]


class _Places(NamedTuple):
    """Where the slots of one node are, by port and neuron."""

    banks: np.ndarray  # int64 (ports, neurons)
    places: np.ndarray  # uint16 (ports, neurons): numbers in the bank


def _places_of(slots: np.ndarray, bank_slots: np.ndarray) -> _Places:
    banks = np.searchsorted(bank_slots, slots, side="right") - 1
    return _Places(banks, (slots - bank_slots[banks]).astype(np.uint16))


def _together(function: Callable[[int], None], count: int, threads: int) -> None:
    """Call ``function(0)`` .. ``function(count - 1)``, in several threads."""
    if threads == 1 or count == 1:
        for i in range(count):
            function(i)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(function, range(count)))


def _shares(lists: list[Listed], builders: int) -> list[list[tuple[int, int]]]:
    """Cut the sequence of all portions (list, portion) into one piece a builder, of as many synapses each."""
    portions = [(i, k) for i, one in enumerate(lists) for k in range(one.portions)]
    if not portions:
        return [[]] * builders
    work = np.cumsum([lists[i].expected / lists[i].portions for i, _ in portions])
    cuts = np.searchsorted(work, work[-1] * np.arange(1, builders) / builders)
    return [portions[a:b] for a, b in pairwise([0, *cuts.tolist(), len(portions)])]


class _Building:
    """One run of `build_rows`."""

    def __init__(self, lists: list[Listed], slots, bank_slots, sizes, dt: float, seed: int, threads: int):
        self.lists, self.sizes, self.dt, self.seed, self.threads = lists, sizes, dt, seed, threads
        self.places = {node: _places_of(mine, bank_slots) for node, mine in slots.items()}
        self.shares = _shares(lists, threads)
        self._bundle(len(bank_slots))

    def _bundle(self, banks: int) -> None:
        """Find which banks each source node reaches, and number the rows."""
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for one in self.lists:
            p = one.projection
            low, high = synapses.delay_bounds(p, self.dt)
            part = self.places[one.target].banks[list(set(one.ports)), p.target_start : p.target_start + p.target_size]
            for bank in np.unique(part).tolist():
                before = found.get((bank, one.source), (low, high))
                found[bank, one.source] = min(low, before[0]), max(high, before[1])
        order = sorted(found)
        first = np.cumsum([0, *(self.sizes[source] for _, source in order)])
        self.bundles = Bundles(
            source=np.array([source for _, source in order], np.int64),
            first_row=first[:-1].astype(np.int64),
            lead=np.array([found[key][0] for key in order], np.int64),
            reach=np.array([found[key][1] for key in order], np.int64),
        )
        self.row_count = int(first[-1])
        self.first_bundle = np.searchsorted([bank for bank, _ in order], np.arange(banks + 1)).astype(np.int64)
        self.first_rows = {one.source: np.full(banks, -1, np.int64) for one in self.lists}
        for (bank, source), row in zip(order, self.bundles.first_row, strict=True):
            self.first_rows[source][bank] = row

    def count(self) -> np.ndarray:
        """Draw all edges and count synapses, int32 (builders, rows); also finds how many each portion has."""
        counts = np.zeros((self.threads, self.row_count), np.int32)
        self.numbers = [np.zeros(one.portions, np.int64) for one in self.lists]
        # Where a neuron's two ports are in different banks, a synapse's row depends on the sign of its weight.
        mixed = [bool(np.ptp(self.places[one.target].banks[list(one.ports)], axis=0).any()) for one in self.lists]
        for i, one in enumerate(self.lists):
            if mixed[i]:
                self.numbers[i][:] = [len(one.edges(self.seed, portion)[0]) for portion in range(one.portions)]

        def work(builder: int) -> None:
            for i, portion in self.shares[builder]:
                one = self.lists[i]
                sources, targets = one.edges(self.seed, portion)
                self.numbers[i][portion] = len(sources)
                ports = np.array([one.ports[0]])
                if mixed[i]:
                    ports = one.weights(self.seed, int(self.numbers[i][:portion].sum()), len(sources))[1]
                first_rows = self.first_rows[one.source]
                rows.count_rows(sources, targets, ports, self.places[one.target].banks, first_rows, counts[builder])

        _together(work, self.threads, self.threads)
        return counts

    def fill(self, cursors: np.ndarray, keys: np.ndarray) -> None:
        """Draw everything and put the synapses down, each builder at its own cursors (builders, rows)."""

        def work(builder: int) -> None:
            share = self.shares[builder]
            largest = max((int(self.numbers[i][portion]) for i, portion in share), default=0)
            drawer, filled = rows.make_drawer(max(_DRAWER, largest)), 0
            for i, portion in share:
                one, first, count = self.lists[i], int(self.numbers[i][:portion].sum()), int(self.numbers[i][portion])
                if filled + count > len(drawer.rows):
                    rows.empty_drawer(drawer, filled, cursors[builder], keys)
                    filled = 0
                sources, targets = one.edges(self.seed, portion)
                weights, ports = one.weights(self.seed, first, count)
                delays = synapses.delays_of(one.projection, first, count, self.dt, self.seed, one.stream + 2)
                places, first_rows = self.places[one.target], self.first_rows[one.source]
                rows.put_down(sources, targets, ports, weights, delays, *places, first_rows, drawer, filled)
                filled += count
            rows.empty_drawer(drawer, filled, cursors[builder], keys)

        _together(work, self.threads, self.threads)

    def write(self, starts: np.ndarray, counts: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sort the rows and write them as words, in the keys' memory; returns those, and where each row begins."""
        leads = np.repeat(self.bundles.lead, self.sizes[self.bundles.source])
        used = np.zeros(self.row_count, np.int64)
        pieces = _PIECES * self.threads
        cuts = np.searchsorted(starts, starts[-1] * np.arange(pieces + 1) / pieces)
        cuts[0], cuts[-1] = 0, self.row_count

        def work(piece: int) -> None:
            low, high = int(cuts[piece]), int(cuts[piece + 1])
            rows.write_rows(low, high, starts, counts, leads, keys, keys.view(np.uint16), used)

        _together(work, pieces, self.threads)
        begins = np.empty(self.row_count, np.int64)
        length = rows.move_together(starts, used, keys.view(np.uint16), begins)
        keys.resize(length // 4 + 1, refcheck=False)  # gives the rest back
        words = keys.view(np.uint16)[: length + 1]
        words[length] = 0  # read by what looks one word beyond a row
        return words, begins


def build_rows(
    lists: list[Listed],
    slots: dict[int, np.ndarray],
    bank_slots: np.ndarray,
    sizes: np.ndarray,
    dt: float,
    seed: int,
    threads: int,
    sort: bool = True,
) -> Rows:
    """Draw all synapses and put them into rows.

    Parameters
    ----------
    lists : list of Listed
    slots : dict of int to ndarray of int64 (ports, neurons)
        The slots of each target node.
    bank_slots : ndarray of int64 (banks,)
        First slot of each bank.
    sizes : ndarray of int64 (nodes,)
    dt : float
        Step in ms.
    seed : int
    threads : int
    sort : bool
        Whether rows are sorted and written as runs; else they stay keys (see `snn.program.rows`), in any order.

    Raises
    ------
    ResourceError
        If the synapses will not fit into memory.
    """
    expected = sum(one.expected for one in lists)
    require(_BYTES * expected, f"{expected:,.0f} synapses, while they are sorted,")
    work = _Building(lists, slots, bank_slots, sizes, dt, seed, threads)
    by_builder = work.count()
    counts = by_builder.sum(axis=0, dtype=np.int64)
    delays = np.repeat(work.bundles.reach - work.bundles.lead + 1, sizes[work.bundles.source])
    starts = np.cumsum(np.concatenate([[0], rows.room(counts, delays) if sort else counts])).astype(np.int64)
    try:
        keys = np.empty(int(starts[-1]) + 1, np.uint64)
    except MemoryError:
        raise ResourceError(f"no memory for {int(counts.sum()):,} synapses ({starts[-1] * 8 / 1e9:.1f} GB)") from None
    work.fill(starts[:-1] + np.cumsum(by_builder, axis=0, dtype=np.int64) - by_builder, keys)
    words, begins = work.write(starts, counts, keys) if sort else (keys, starts)
    bundles, fan_out = work.bundles, {}
    for source, first in zip(bundles.source.tolist(), bundles.first_row.tolist(), strict=True):
        fan_out[source] = fan_out.get(source, 0) + counts[first : first + int(sizes[source])]
    return Rows(words, begins, bundles, work.first_bundle, fan_out)
