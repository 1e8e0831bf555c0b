"""Rows of listed synapses: counted, filled, sorted and written in the form that `snn.program.tables` describes.

A synapse is first put down as a key of 64 bits: delay (16), slot in its bank (16), weight (32). Rows are then sorted
and turned into words where they stand, and moved together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.jit import compiled, prefetch_near
from snn.program.tables import LONGEST_RUN, NARROW, UNIFORM, WIDE

_KEY_WORDS = 4
_HEAD_WORDS, _WIDE_WORDS = 2, 3  # of a run, and for each of its synapses, if the form is WIDE: others only if shorter
_PARTS = 256  # of the rows: the last lines of all rows of one fit into a second-level cache
_AHEAD = 8  # keys in a cache line: lines to be written are asked for some lines ahead, which takes half the time
_FEW = 8  # different weights of one delay that are looked for before a run holds a weight a synapse


@compiled
def count_rows(sources, targets, ports, banks, first_rows, counts):
    """Count synapses by row.

    Parameters
    ----------
    sources, targets, ports : ndarray of integers (synapses,), or of one element
        Source neuron, target neuron and port of every synapse.
    banks : ndarray of int64 (ports, targets)
        Bank of each slot.
    first_rows : ndarray of int64 (banks,)
        The row of source 0, by bank.
    counts : ndarray of int32 (rows,)
        Is added to.
    """
    for e in range(len(sources)):
        port = ports[e if len(ports) > 1 else 0]
        counts[first_rows[banks[port, targets[e]]] + sources[e]] += 1


class Drawer(NamedTuple):
    """Synapses on their way to their rows.

    Written one by one to rows all over the memory, every synapse would wait for a cache line of its own. So a builder
    collects them, sorts them roughly by row, and then writes them, a part of the rows after the other.
    """

    rows: np.ndarray  # int32 (synapses,)
    keys: np.ndarray  # uint64 (synapses,)
    sorted_rows: np.ndarray  # likewise
    sorted_keys: np.ndarray


def make_drawer(size: int) -> Drawer:
    """Return an empty drawer for so many synapses."""
    rows = np.empty(size, np.int32), np.empty(size, np.int32)
    keys = np.empty(size, np.uint64), np.empty(size, np.uint64)
    return Drawer(rows[0], keys[0], rows[1], keys[1])


@compiled
def put_down(sources, targets, ports, weights, delays, banks, places, first_rows, drawer, filled):
    """Put synapses into a drawer, behind those in it; further parameters are those of `count_rows`.

    Parameters
    ----------
    weights, delays : ndarray of int32 (synapses,) or of one element
    places : ndarray of uint16 (ports, targets)
        Each slot's number in its bank.
    drawer : Drawer
    filled : int
        How many synapses are in it.
    """
    for e in range(len(sources)):
        port = ports[e if len(ports) > 1 else 0]
        key = np.uint64(delays[e if len(delays) > 1 else 0]) << np.uint64(48)
        key |= np.uint64(places[port, targets[e]]) << np.uint64(32)
        key |= np.uint64(np.uint32(weights[e if len(weights) > 1 else 0]))
        drawer.rows[filled + e] = first_rows[banks[port, targets[e]]] + sources[e]
        drawer.keys[filled + e] = key


@compiled
def empty_drawer(drawer, filled, cursors, keys):
    """Write the synapses in a drawer to their rows.

    Parameters
    ----------
    drawer, filled : Drawer, int
    cursors : ndarray of int64 (rows,)
        Where each row's next key goes.
    keys : ndarray of uint64
    """
    shift = 0
    while len(cursors) >> shift > _PARTS:
        shift += 1
    places = np.zeros(_PARTS + 2, np.int64)
    for i in range(filled):
        places[(drawer.rows[i] >> shift) + 1] += 1
    for part in range(_PARTS + 1):
        places[part + 1] += places[part]
    for i in range(filled):
        part = drawer.rows[i] >> shift
        at = places[part]
        prefetch_near(drawer.sorted_rows, at + 4 * _AHEAD)
        prefetch_near(drawer.sorted_keys, at + 2 * _AHEAD)
        drawer.sorted_rows[at] = drawer.rows[i]
        drawer.sorted_keys[at] = drawer.keys[i]
        places[part] = at + 1
    for i in range(filled):
        if i + 4 * _AHEAD < filled:
            prefetch_near(keys, cursors[drawer.sorted_rows[i + 4 * _AHEAD]])
        row = drawer.sorted_rows[i]
        keys[cursors[row]] = drawer.sorted_keys[i]
        cursors[row] += 1


@compiled
def _sort(keys, spare, count):
    """Sort keys by their upper 32 bits, a byte at a time; the sorted ones are returned, in one of the two arrays."""
    places = np.empty(256, np.int64)
    for shift in range(32, 64, 8):
        shift = np.uint64(shift)
        places[:] = 0
        for i in range(count):
            places[(keys[i] >> shift) & np.uint64(255)] += 1
        if places[(keys[0] >> shift) & np.uint64(255)] == count:
            continue  # all the same
        total = 0
        for digit in range(256):
            total, places[digit] = total + places[digit], total
        for i in range(count):
            digit = (keys[i] >> shift) & np.uint64(255)
            spare[places[digit]] = keys[i]
            places[digit] += 1
        keys, spare = spare, keys
    return keys


@compiled
def _few_weights(keys, low, high, weights, numbers):
    """Count the synapses of each different weight of keys low .. high - 1; returns how many weights, or 0 if many."""
    found = 0
    for i in range(low, high):
        weight = np.uint32(keys[i] & np.uint64(0xFFFFFFFF))
        k = 0
        while k < found and weights[k] != weight:
            k += 1
        if k == found:
            if found == _FEW:
                return 0
            weights[k], numbers[k] = weight, 0
            found += 1
        numbers[k] += 1
    return found


@compiled
def _fits_narrow(keys, low, high):
    for i in range(low, high):
        weight = np.int32(keys[i] & np.uint64(0xFFFFFFFF))
        if weight != np.int32(np.int16(weight)):
            return False
    return True


@compiled
def _write_runs(keys, low, high, wait, form, weight, words, at):
    """Write keys low .. high - 1 (of one weight, if the form is UNIFORM) as runs; returns where the next word goes."""
    while low < high:
        length = min(high - low, LONGEST_RUN)
        words[at], words[at + 1] = length | form << 14, wait
        wait, at = 0, at + 2
        if form == UNIFORM:
            words[at], words[at + 1] = weight & np.uint32(0xFFFF), weight >> np.uint32(16)
            at += 2
        for i in range(low, low + length):
            own = np.uint32(keys[i] & np.uint64(0xFFFFFFFF))
            words[at] = (keys[i] >> np.uint64(32)) & np.uint64(0xFFFF)
            at += 1
            if form != UNIFORM:
                words[at] = own & np.uint32(0xFFFF)
                at += 1
            if form == WIDE:
                words[at] = own >> np.uint32(16)
                at += 1
        low += length
    return at


@compiled
def _write_row(keys, count, lead, words, at):
    """Write sorted keys as a row; returns where the next word would go."""
    weights, numbers, chosen = np.empty(_FEW, np.uint32), np.empty(_FEW, np.int64), np.empty(count, np.uint64)
    low, before = 0, lead
    while low < count:
        delay = np.int64(keys[low] >> np.uint64(48))
        high = low + 1
        while high < count and np.int64(keys[high] >> np.uint64(48)) == delay:
            high += 1
        form = NARROW if _fits_narrow(keys, low, high) else WIDE
        found = _few_weights(keys, low, high, weights, numbers)
        if found and 4 * found + (high - low) <= 2 + (high - low) * (3 if form == WIDE else 2):
            for k in range(found):
                n = 0
                for i in range(low, high):
                    if np.uint32(keys[i] & np.uint64(0xFFFFFFFF)) == weights[k]:
                        chosen[n] = keys[i]
                        n += 1
                at = _write_runs(chosen, 0, n, delay - before, UNIFORM, weights[k], words, at)
                before = delay
        else:
            at = _write_runs(keys, low, high, delay - before, form, np.uint32(0), words, at)
        low, before = high, delay
    words[at] = 0
    return at + 1


@compiled
def write_rows(first, last, starts, counts, leads, keys, words, sizes):
    """Sort rows `first` .. `last - 1` and write them as words, each where its keys stood.

    Parameters
    ----------
    starts : ndarray of int64 (rows,)
        Where the keys of each row begin.
    counts : ndarray of int64 (rows,)
    leads : ndarray of int64 (rows,)
        The delay from which each row's first wait counts.
    keys, words : ndarray of uint64, ndarray of uint16
        The same memory.
    sizes : ndarray of int64 (rows,)
        Is set to the number of words of each row.
    """
    longest = 0
    for row in range(first, last):
        longest = max(longest, counts[row])
    one, other = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    for row in range(first, last):
        count = counts[row]
        if count == 0:
            sizes[row] = 0
            continue
        one[:count] = keys[starts[row] : starts[row] + count]
        at = 4 * starts[row]
        sizes[row] = _write_row(_sort(one, other, count), count, leads[row], words, at) - at


@compiled
def move_together(starts, sizes, words, rows):
    """Close the gaps between rows; returns how many words there are, and sets where each row begins, or -1."""
    at = 0
    for row in range(len(rows)):
        rows[row] = at if sizes[row] else -1
        begin = 4 * starts[row]
        for i in range(sizes[row]):
            words[at + i] = words[begin + i]
        at += sizes[row]
    return at


@compiled
def read_head(words, at):
    """Read the head of the run that begins at `at`.

    Returns
    -------
    count, each : int
        How many synapses, and how many words each of them has.
    wait : int
        How much later than the run before it is due.
    weight : int
        Of all synapses, if each has but one word, which says its target.
    first : int
        Where the synapses begin.
    """
    count, form = np.int64(words[at]) & LONGEST_RUN, words[at] >> 14
    wait, at = np.int64(words[at + 1]), at + _HEAD_WORDS
    if form == UNIFORM:
        return count, 1, wait, _wide(words, at), at + 2
    return count, 2 if form == NARROW else _WIDE_WORDS, wait, np.int32(0), at


@compiled
def _wide(words, at):
    return np.int32(np.uint32(words[at]) | np.uint32(words[at + 1]) << np.uint32(16))


@compiled
def read_weight(words, at, each, shared):
    """Return the weight of the synapse at `at`, given what `read_head` says of its run."""
    if each == 1:
        return shared
    return np.int32(np.int16(words[at + 1])) if each == 2 else _wide(words, at + 1)


@compiled
def read_rows(words, rows, lead, sources, places, weights, delays):
    """Read the rows of one bundle; arrays with an element a synapse are filled, or nothing if they have no room.

    Parameters
    ----------
    words : ndarray of uint16
    rows : ndarray of int64 (sources,)
        Where each source's row begins, or -1.
    lead : int
        See `snn.program.tables.Bundles`.
    sources, places, weights, delays : ndarray of int64 (synapses,)

    Returns
    -------
    int
        Number of synapses.
    """
    found = 0
    for source in range(len(rows)):
        at, delay = rows[source], lead
        while at >= 0 and words[at]:
            count, each, wait, shared, at = read_head(words, at)
            delay += wait
            for _ in range(count):
                if found < len(sources):
                    sources[found], places[found], delays[found] = source, words[at], delay
                    weights[found] = read_weight(words, at, each, shared)
                found += 1
                at += each
    return found


def read_keys(keys: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what `read_rows` fills, of rows that are keys ``first[i]`` .. ``first[i + 1] - 1`` in any order."""
    keys = keys[first[0] : first[-1]]
    sources = np.repeat(np.arange(len(first) - 1), np.diff(first))
    keys = keys[np.lexsort((keys, sources))]
    places, weights = keys >> np.uint64(32) & np.uint64(0xFFFF), (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return sources, places.astype(np.int64), weights.view(np.int32).astype(np.int64), (keys >> 48).astype(np.int64)


def room(counts: np.ndarray, delays: np.ndarray) -> np.ndarray:
    """Return how many keys' room each row needs while it is built, int64 (rows,).

    Parameters
    ----------
    counts, delays : ndarray of int64 (rows,)
        Synapses of each row, and how many different delays they may have.
    """
    runs = np.minimum(counts, delays) + counts // LONGEST_RUN
    words = np.maximum(_KEY_WORDS * counts, _WIDE_WORDS * counts + _HEAD_WORDS * runs + 1)
    return np.where(counts > 0, (words + _KEY_WORDS - 1) // _KEY_WORDS, 0)
