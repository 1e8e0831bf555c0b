"""Delivery of listed synapses: a calendar says which runs are due in which step.

A spike's row is a sequence of runs in the order of their delays (`snn.program.tables` describes it). The calendar of a
bank has a slip for every spike on its way, filed under the step in which the next run is due. When that step has come,
the run is delivered and the slip filed again by the wait that stands behind the run, so nothing is looked up twice, and
the slips of a step tell which memory will be needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import overload

from snn.jit import compiled, intrinsic
from snn.program.tables import LONGEST_RUN, UNIFORM, WIDE

_AHEAD = 4  # slips between asking for a run's memory and delivering it
_SPIKES_AHEAD = 8  # likewise for the rows of spikes that are filed
_LINES = 12  # cache lines of a run that are asked for; the hardware guesses the rest
_WORDS_A_LINE = 32


class Calendar(NamedTuple):
    """The slips of all banks; the first axis of an array is the sample where it says so."""

    days: np.ndarray  # int32 (samples, days): the first slip of each step of each bank's ring, or -1
    first_day: np.ndarray  # int64 (banks + 1,): into `days`
    places: np.ndarray  # int64 (samples, slips): where in the words the next run begins
    links: np.ndarray  # int32 (samples, slips): the next slip filed under the same step, or the next free one
    first_slip: np.ndarray  # int64 (banks + 1,): into `places` and `links`
    free: np.ndarray  # int32 (samples, banks): the first slip given back, or -1
    used: np.ndarray  # int32 (samples, banks): slips that have ever been in use


def make_calendar(bundles, banks, sizes: np.ndarray, batch: int) -> Calendar:
    """Return an empty calendar with room for all spikes that can be on their way at once.

    Memory that is not written to costs nothing, so that there is room for a spike of every neuron in every step.
    """
    count = len(banks.slot)
    days, slips = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for bank in range(count):
        mine = slice(banks.first_bundle[bank], banks.first_bundle[bank + 1])
        spans = bundles.reach[mine] - bundles.lead[mine] + 1
        days[bank + 1] = spans.max(initial=0)
        slips[bank + 1] = (sizes[bundles.source[mine]] * spans).sum()
    first_day, first_slip = np.cumsum(days), np.cumsum(slips)
    return Calendar(
        days=np.full((batch, int(first_day[-1])), -1, np.int32),
        first_day=first_day,
        places=np.empty((batch, int(first_slip[-1])), np.int64),
        links=np.empty((batch, int(first_slip[-1])), np.int32),
        first_slip=first_slip,
        free=np.full((batch, count), -1, np.int32),
        used=np.zeros((batch, count), np.int32),
    )


def clear(calendar: Calendar) -> None:
    """Forget all slips."""
    calendar.days[:] = -1
    calendar.free[:] = -1
    calendar.used[:] = 0


def _in_use(calendar: Calendar) -> list[tuple[int, slice]]:
    """Return sample and range of the slips that have ever been in use, by sample and bank."""
    first = calendar.first_slip
    return [(i, slice(first[b], first[b] + used)) for (i, b), used in np.ndenumerate(calendar.used)]


def copy(calendar: Calendar) -> dict[str, Any]:
    """Return a copy of what has been written, for `restore`."""
    parts = _in_use(calendar)
    whole = {name: getattr(calendar, name).copy() for name in ("days", "free", "used")}
    return whole | {name: [getattr(calendar, name)[i].copy() for i in parts] for name in ("places", "links")}


def restore(calendar: Calendar, copied: dict[str, Any]) -> None:
    """Go back to what `copy` returned."""
    for name in ("days", "free", "used"):
        getattr(calendar, name)[:] = copied[name]
    for name in ("places", "links"):
        for i, part in zip(_in_use(calendar), copied[name], strict=True):
            getattr(calendar, name)[i] = part


@intrinsic
def _prefetch(typing_context, array, index):
    """Ask for the cache line of ``array[index]`` to be brought into the second-level cache."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", (pointer.type,), ir.FunctionType(ir.VoidType(), [pointer.type, *[number] * 3])
        )
        builder.call(function, [pointer, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


def prefetch(array, index):
    """Ask for memory that is needed soon; a matter of speed only, and nothing in plain Python."""


@overload(prefetch)
def _prefetch_compiled(array, index):
    return lambda array, index: _prefetch(array, index)


@compiled
def _ask_for_run(words, place):
    """Ask for the memory of the run that begins at `place`."""
    for line in range(_LINES):
        prefetch(words, place + line * _WORDS_A_LINE)


@compiled
def _file(calendar, words, sample, bank, place, day):
    """File a new slip for the row that begins at `place`, whose first wait counts from the present step."""
    first, ring = calendar.first_day[bank], calendar.first_day[bank + 1] - calendar.first_day[bank]
    links = calendar.links[sample, calendar.first_slip[bank] :]
    slip = calendar.free[sample, bank]
    if slip >= 0:
        calendar.free[sample, bank] = links[slip]
    else:
        slip = calendar.used[sample, bank]
        calendar.used[sample, bank] = slip + 1
    calendar.places[sample, calendar.first_slip[bank] + slip] = place
    due = first + (day + np.int64(words[place + 1])) % ring
    links[slip] = calendar.days[sample, due]
    calendar.days[sample, due] = slip


@compiled
def file_spikes(calendar, synapses, first_row, ids, begin, end, sample, bank, k):
    """File the rows of sources ``ids[begin]`` .. ``ids[end - 1]``; the first wait of a row counts from step `k`."""
    rows, words = synapses.rows, synapses.words
    for e in range(begin, end + _SPIKES_AHEAD):
        if e < end:
            prefetch(rows, first_row + ids[e])
        near = e - _SPIKES_AHEAD // 2
        if begin <= near < end:
            prefetch(words, max(rows[first_row + ids[near]], 0))
        now = e - _SPIKES_AHEAD
        if now >= begin:
            place = rows[first_row + ids[now]]
            if place >= 0:
                _file(calendar, words, sample, bank, place, k)


@compiled
def _deliver_run(words, place, sums, slot):
    """Add the weights of the run that begins at `place` to the sums of its targets; returns where it ends."""
    head = np.int64(words[place])
    count, form = head & LONGEST_RUN, head >> 14
    at = np.uint64(place + 2)  # unsigned, so that no index is tested for being negative
    slot = np.uint64(slot)
    if form == UNIFORM:
        weight = np.int64(np.int32(np.uint32(words[at]) | np.uint32(words[at + np.uint64(1)]) << np.uint32(16)))
        at += np.uint64(2)
        end = at + np.uint64(count)
        for i in range(at, end):
            sums[slot + np.uint64(words[i])] += weight
    elif form == WIDE:
        end = at + np.uint64(3 * count)
        for i in range(at, end, np.uint64(3)):
            low, high = np.uint32(words[i + np.uint64(1)]), np.uint32(words[i + np.uint64(2)])
            sums[slot + np.uint64(words[i])] += np.int64(np.int32(low | high << np.uint32(16)))
    else:
        end = at + np.uint64(2 * count)
        for i in range(at, end, np.uint64(2)):
            sums[slot + np.uint64(words[i])] += np.int64(np.int16(words[i + np.uint64(1)]))
    return np.int64(end)


@compiled
def deliver_due(calendar, words, sums, slot, sample, bank, k):
    """Deliver all runs that are due in step `k` at a bank, and file their slips again or give them back.

    Parameters
    ----------
    words : ndarray of uint16
        See `snn.program.tables.Synapses`.
    sums, slot : ndarray of int64 (slots,), int
        Sums of the sample, and the bank's first slot.
    """
    first, ring = calendar.first_day[bank], calendar.first_day[bank + 1] - calendar.first_day[bank]
    if ring == 0:
        return
    slips = calendar.first_slip[bank]
    places, links = calendar.places[sample, slips:], calendar.links[sample, slips:]
    days = calendar.days[sample, first : first + ring]
    slip = days[k % ring]
    days[k % ring] = -1
    ahead = slip
    for _ in range(_AHEAD):
        if ahead >= 0:
            _ask_for_run(words, places[ahead])
            ahead = links[ahead]
    while slip >= 0:
        if ahead >= 0:
            _ask_for_run(words, places[ahead])
            ahead = links[ahead]
        following = links[slip]
        place = _deliver_run(words, places[slip], sums, slot)
        while words[place] and words[place + 1] == 0:  # more runs of this delay
            place = _deliver_run(words, place, sums, slot)
        if words[place]:
            due = (k + np.int64(words[place + 1])) % ring
            places[slip], links[slip], days[due] = place, days[due], slip
        else:
            links[slip] = calendar.free[sample, bank]
            calendar.free[sample, bank] = slip
        slip = following
