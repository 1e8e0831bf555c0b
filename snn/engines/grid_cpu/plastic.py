"""Delivery of listed synapses whose spikes have shares: as that of static ones, but a slip has a share, too.

The share, in units of 2^-30, is u x, or for binary units alternately 1 and -1. It is computed when a spike is filed,
from the state of its source; each bank keeps that state for itself, so that no thread waits for another, and all banks
compute the same. Where a run is delivered, each weight is multiplied by the share and the product rounded to an
integer, which keeps sums free of any order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snn.arithmetic import fma
from snn.engines.grid_cpu import calendar
from snn.engines.grid_cpu.calendar import Calendar, make_calendar
from snn.jit import internal, only_with, prefetch
from snn.program.tables import LONGEST_RUN, UNIFORM, WIDE, Plastic
from snn.synapses.tsodyks_markram import recover

SHARE_BITS = 30  # of a share: products with weights of at most 2^30 are far from the ends of an int64
_LINES = 4  # cache lines of the next slip's run that are asked for
_WORDS_A_LINE = 32


class PlasticMemory(NamedTuple):
    """Spikes on their way through plastic synapses, and the state of the sources, by sample and row."""

    calendar: Calendar
    last: np.ndarray  # int64 (samples, rows): step of the source's last spike, or -1 if none counts
    u: np.ndarray  # float64 (samples, rows): at that spike
    x: np.ndarray  # likewise


def make_plastic_memory(plastic: Plastic, sizes: np.ndarray, batch: int) -> PlasticMemory:
    """Return the memory of no spikes at all, for nodes of these sizes."""
    rows = batch, len(plastic.rows)
    slips = make_calendar(plastic.bundles, plastic.banks, sizes[plastic.source], batch, plastic=True)
    return PlasticMemory(slips, np.full(rows, -1, np.int64), np.zeros(rows), np.zeros(rows))


def clear(memory: PlasticMemory) -> None:
    """Forget all spikes."""
    calendar.clear(memory.calendar)
    memory.last[:] = -1


def copy(memory: PlasticMemory) -> dict[str, Any]:
    """Return a copy of what has been written, for `restore`."""
    state = {name: getattr(memory, name).copy() for name in ("last", "u", "x")}
    return state | {"calendar": calendar.copy(memory.calendar)}


def restore(memory: PlasticMemory, copied: dict[str, Any]) -> None:
    """Go back to what `copy` returned."""
    calendar.restore(memory.calendar, copied["calendar"])
    for name in ("last", "u", "x"):
        getattr(memory, name)[:] = copied[name]


@internal
def share_of(plastic, memory, projection, source, row, sample, step):
    """Return the share of the weights that a spike of a source in some step brings, and keep the source's state."""
    last = memory.last[sample, row]
    if plastic.alternating[projection]:
        memory.last[sample, row] = step if last < 0 else -1
        return np.int64(1 << SHARE_BITS) if last < 0 else -np.int64(1 << SHARE_BITS)
    parameter = plastic.first[projection] + source
    use = plastic.use[parameter]
    u, x = use, 1.0
    if last >= 0:
        rates = plastic.rate_rec[parameter], plastic.rate_fac[parameter]
        u, x = recover(use, rates[0], rates[1], memory.u[sample, row], memory.x[sample, row], step - last)
    memory.last[sample, row], memory.u[sample, row], memory.x[sample, row] = step, u, x
    return np.int64(fma(u * x, np.float64(1 << SHARE_BITS), 0.5))


@internal
def _file(plastic, memory, b, ids, begin, end, sample, bank, k):
    """File the rows in bundle `b` of sources ``ids[begin]`` .. ``ids[end - 1]``, as `calendar.file_spikes` does."""
    slips, bundles = memory.calendar, plastic.bundles
    first, ring = slips.first_day[bank], slips.first_day[bank + 1] - slips.first_day[bank]
    base = slips.first_slip[bank]
    for e in range(begin, end):
        row = bundles.first_row[b] + ids[e]
        place = plastic.rows[row]
        if place < 0:
            continue
        slip = np.int64(slips.free[sample, bank])
        if slip >= 0:
            slips.free[sample, bank] = slips.links[sample, base + slip]
        else:
            slip = np.int64(slips.used[sample, bank])
            slips.used[sample, bank] = slip + 1
        day = first + (k + np.int64(plastic.words[place + 1])) % ring
        slips.shares[sample, base + slip] = share_of(
            plastic, memory, bundles.source[b], ids[e], row, sample, k - bundles.lead[b]
        )
        slips.places[sample, base + slip] = place
        slips.links[sample, base + slip] = slips.days[sample, day]
        slips.days[sample, day] = slip


@internal
def _deliver(words, at, share, into):
    """Deliver the run at `at`; returns where the next one would be."""
    count, form = np.uint64(words[at] & LONGEST_RUN), words[at] >> 14
    at += np.uint64(2)
    half, bits, one, two, three = (
        np.int64(1 << (SHARE_BITS - 1)),
        np.int64(SHARE_BITS),
        np.uint64(1),
        np.uint64(2),
        np.uint64(3),
    )
    if form == UNIFORM:
        weight = np.int64(np.int32(np.uint32(words[at]) | np.uint32(words[at + one]) << np.uint32(16)))
        weight = (weight * share + half) >> bits
        at += two
        for i in range(at, at + count):
            into[words[i]] += weight
        return at + count
    if form == WIDE:
        for i in range(at, at + three * count, three):
            weight = np.int64(np.int32(np.uint32(words[i + one]) | np.uint32(words[i + two]) << np.uint32(16)))
            into[words[i]] += (weight * share + half) >> bits
        return at + three * count
    for i in range(at, at + two * count, two):
        into[words[i]] += (np.int64(np.int16(words[i + one])) * share + half) >> bits
    return at + two * count


@internal
def _deliver_due(plastic, memory, sums, slot, sample, bank, k):
    """Deliver all runs that are due in step `k` at a bank, as `calendar.deliver_due` does."""
    slips, words, into = memory.calendar, plastic.words, sums[slot:]
    first, ring = slips.first_day[bank], slips.first_day[bank + 1] - slips.first_day[bank]
    if ring == 0:
        return
    base, slip = slips.first_slip[bank], slips.days[sample, first + k % ring]
    slips.days[sample, first + k % ring] = -1
    while slip >= 0:
        following = slips.links[sample, base + slip]
        if following >= 0:
            for line in range(_LINES):
                prefetch(words, slips.places[sample, base + following] + line * _WORDS_A_LINE)
        at, share = np.uint64(slips.places[sample, base + slip]), np.int64(slips.shares[sample, base + slip])
        wait = np.int64(0)
        while wait == 0 and words[at]:  # as long as there are runs of this delay
            at = _deliver(words, at, share, into)
            wait = np.int64(words[at + np.uint64(1)])
        if words[at]:
            day = first + (k + wait) % ring
            slips.places[sample, base + slip] = np.int64(at)
            slips.links[sample, base + slip] = slips.days[sample, day]
            slips.days[sample, day] = slip
        else:
            slips.links[sample, base + slip] = slips.free[sample, bank]
            slips.free[sample, bank] = slip
        slip = following


@only_with("plastic")
def arrive_by_plastic_list(tables, memory, span, sample, block, k):
    """File the spikes that have plastic rows at the banks of a block, and deliver what is due in step `k`."""
    nodes, plastic = tables.nodes, tables.plastic
    bundles, banks = plastic.bundles, plastic.banks
    for bank in range(tables.blocks.first_bank[block], tables.blocks.first_bank[block + 1]):
        for b in range(banks.first_bundle[bank], banks.first_bundle[bank + 1]):
            source, row = plastic.source[bundles.source[b]], k - bundles.lead[b] - span.first - 1 + span.history
            if row < 0:
                continue
            for other in range(nodes.first_slice[source], nodes.first_slice[source + 1]):
                begin, end = memory.ends[sample, other, row], memory.ends[sample, other, row + 1]
                if begin < end:
                    _file(plastic, memory.plastic, b, memory.ids[sample], begin, end, sample, bank, k)
        _deliver_due(plastic, memory.plastic, memory.sums[sample], banks.slot[bank], sample, bank, k)
