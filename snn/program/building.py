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


Builder = Callable[..., Rows]  # takes what `build_rows` takes without `sort`


class Places(NamedTuple):
    """Where the slots of one node are, by port and neuron."""

    banks: np.ndarray  # int64 (ports, neurons)
    places: np.ndarray  # uint16 (ports, neurons): numbers in the bank

    def apart(self, ports: tuple[int, int]) -> bool:
        """Return whether a neuron's two ports are in different banks: a synapse's row then depends on its weight."""
        return bool(np.ptp(self.banks[list(ports)], axis=0).any())


def places_of(slots: dict[int, np.ndarray], bank_slots: np.ndarray) -> dict[int, Places]:
    """Return where the slots of each node are."""
    found = {}
    for node, mine in slots.items():
        banks = np.searchsorted(bank_slots, mine, side="right") - 1
        found[node] = Places(banks, (mine - bank_slots[banks]).astype(np.uint16))
    return found


class Numbering(NamedTuple):
    """What `number_rows` returns.

    Attributes
    ----------
    bundles, first_bundle
        See `Rows`.
    rows : int
        How many there are.
    first : dict of int to ndarray of int64 (banks,)
        By source node, its first row in each bank, or -1.
    """

    bundles: Bundles
    first_bundle: np.ndarray
    rows: int
    first: dict[int, np.ndarray]

    def made(self, sizes: np.ndarray, counts: np.ndarray, words: np.ndarray, begins: np.ndarray) -> Rows:
        """Return rows, given how many synapses each has, their words, and where each begins."""
        fan_out: dict[int, np.ndarray] = {}
        for source, first in zip(self.bundles.source.tolist(), self.bundles.first_row.tolist(), strict=True):
            fan_out[source] = fan_out.get(source, 0) + counts[first : first + int(sizes[source])]
        return Rows(words, begins, self.bundles, self.first_bundle, fan_out)


def number_rows(lists: list[Listed], places: dict[int, Places], banks: int, sizes: np.ndarray, dt: float) -> Numbering:
    """Find which banks each source node reaches, and number the rows."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for one in lists:
        p = one.projection
        low, high = synapses.delay_bounds(p, dt)
        part = places[one.target].banks[list(set(one.ports)), p.target_start : p.target_start + p.target_size]
        for bank in np.unique(part).tolist():
            before = found.get((bank, one.source), (low, high))
            found[bank, one.source] = min(low, before[0]), max(high, before[1])
    order = sorted(found)
    starts = np.cumsum([0, *(sizes[source] for _, source in order)])
    bundles = Bundles(
        source=np.array([source for _, source in order], np.int64),
        first_row=starts[:-1].astype(np.int64),
        lead=np.array([found[key][0] for key in order], np.int64),
        reach=np.array([found[key][1] for key in order], np.int64),
    )
    first = {one.source: np.full(banks, -1, np.int64) for one in lists}
    for (bank, source), row in zip(order, bundles.first_row, strict=True):
        first[source][bank] = row
    first_bundle = np.searchsorted([bank for bank, _ in order], np.arange(banks + 1)).astype(np.int64)
    return Numbering(bundles, first_bundle, int(starts[-1]), first)


def together(function: Callable[[int], None], count: int, threads: int) -> None:
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
        self.places, self.shares = places_of(slots, bank_slots), _shares(lists, threads)
        self.numbering = number_rows(lists, self.places, len(bank_slots), sizes, dt)
        self.first_rows = self.numbering.first

    def count(self) -> np.ndarray:
        """Draw all edges and count synapses, int32 (builders, rows); also finds how many each portion has."""
        counts = np.zeros((self.threads, self.numbering.rows), np.int32)
        self.numbers = [np.zeros(one.portions, np.int64) for one in self.lists]
        mixed = [self.places[one.target].apart(one.ports) for one in self.lists]
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

        together(work, self.threads, self.threads)
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
                ends, to = one.edges(self.seed, portion), (self.places[one.target], self.first_rows[one.source])
                put_down(one, ends, first, *to, self.dt, self.seed, drawer, filled)
                filled += count
            rows.empty_drawer(drawer, filled, cursors[builder], keys)

        together(work, self.threads, self.threads)

    def write(self, starts: np.ndarray, counts: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sort the rows and write them as words, in the keys' memory; returns those, and where each row begins."""
        bundles = self.numbering.bundles
        leads = np.repeat(bundles.lead, self.sizes[bundles.source])
        used = np.zeros(self.numbering.rows, np.int64)
        pieces = _PIECES * self.threads
        cuts = np.searchsorted(starts, starts[-1] * np.arange(pieces + 1) / pieces)
        cuts[0], cuts[-1] = 0, self.numbering.rows

        def work(piece: int) -> None:
            low, high = int(cuts[piece]), int(cuts[piece + 1])
            rows.write_rows(low, high, starts, counts, leads, keys, keys.view(np.uint16), used)

        together(work, pieces, self.threads)
        begins = np.empty(self.numbering.rows, np.int64)
        length = rows.move_together(starts, used, keys.view(np.uint16), begins)
        keys.resize(length // 4 + 1, refcheck=False)  # gives the rest back
        words = keys.view(np.uint16)[: length + 1]
        words[length] = 0  # read by what looks one word beyond a row
        return words, begins


def put_down(
    one: Listed,
    ends: tuple[np.ndarray, np.ndarray],
    first: int,
    places: Places,
    first_rows: np.ndarray,
    dt: float,
    seed: int,
    drawer: rows.Drawer,
    filled: int,
) -> None:
    """Draw weights and delays of synapses from number `first` on, whose ends are known, and put them into a drawer."""
    sources, targets = ends
    weights, ports = one.weights(seed, first, len(sources))
    delays = synapses.delays_of(one.projection, first, len(sources), dt, seed, one.stream + 2)
    rows.put_down(sources, targets, ports, weights, delays, *places, first_rows, drawer, filled)


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
    bundles = work.numbering.bundles
    delays = np.repeat(bundles.reach - bundles.lead + 1, sizes[bundles.source])
    starts = np.cumsum(np.concatenate([[0], rows.room(counts, delays) if sort else counts])).astype(np.int64)
    try:
        keys = np.empty(int(starts[-1]) + 1, np.uint64)
    except MemoryError:
        raise ResourceError(f"no memory for {int(counts.sum()):,} synapses ({starts[-1] * 8 / 1e9:.1f} GB)") from None
    work.fill(starts[:-1] + np.cumsum(by_builder, axis=0, dtype=np.int64) - by_builder, keys)
    words, begins = work.write(starts, counts, keys) if sort else (keys, starts)
    return work.numbering.made(sizes, counts, words, begins)
