"""Delivery of listed synapses: a calendar says which runs are due in which step.

A spike's row is a sequence of runs in the order of their delays (`snn.program.tables` describes it). The calendar of a
bank has a slip for every spike on its way, filed under the step in which the next run is due. When that step has come,
the run is delivered and the slip filed again by the wait that stands behind the run, so nothing is looked up twice, and
the slips of a step tell which memory will be needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snn.jit import internal, prefetch
from snn.program.tables import LONGEST_RUN, UNIFORM, WIDE

_AHEAD = 8  # slips between asking for a run's memory and delivering it
_SPIKES_AHEAD = 8  # likewise for the rows of spikes that are filed
_LINES = 15  # cache lines of a run that are asked for, at most; the hardware guesses the rest
_SHIFT = 4  # bits for that number behind a run's place on a slip
_WORDS_A_LINE = 32
_ON_SLIPS = ("places", "links", "shares")


class Calendar(NamedTuple):
    """The slips of all banks; the first axis of an array is the sample where it says so."""

    days: np.ndarray  # int32 (samples, days): the first slip of each step of each bank's ring, or -1
    first_day: np.ndarray  # int64 (banks + 1,): into `days`
    places: np.ndarray  # int64 (samples, slips): 16 times the next run's place in the words, plus its cache lines
    links: np.ndarray  # int32 (samples, slips): the next slip filed under the same step, or the next free one
    first_slip: np.ndarray  # int64 (banks + 1,): into `places` and `links`
    free: np.ndarray  # int32 (samples, banks): the first slip given back, or -1
    used: np.ndarray  # int32 (samples, banks): slips that have ever been in use
    shares: np.ndarray  # int32 (samples, slips): in 2^-30, of the weights that a spike brings; none if all of them


def make_calendar(bundles, banks, sizes: np.ndarray, batch: int, plastic: bool = False) -> Calendar:
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
        shares=np.empty((batch, int(first_slip[-1]) if plastic else 0), np.int32),
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
    return whole | {name: [getattr(calendar, name)[i].copy() for i in parts] for name in _ON_SLIPS}


def restore(calendar: Calendar, copied: dict[str, Any]) -> None:
    """Go back to what `copy` returned."""
    for name in ("days", "free", "used"):
        getattr(calendar, name)[:] = copied[name]
    for name in _ON_SLIPS:
        for i, part in zip(_in_use(calendar), copied[name], strict=True):
            getattr(calendar, name)[i] = part


@internal
def _note(head, place):
    """Return what a slip says of the run that begins at `place` with the word `head`."""
    count, form = head & LONGEST_RUN, head >> 14
    each = 1 if form == UNIFORM else 3 if form == WIDE else 2
    return place << _SHIFT | min(_LINES, (count * each + 4) // _WORDS_A_LINE + 1)


@internal
def file_spikes(calendar, synapses, first_row, ids, begin, end, sample, bank, k):
    """File the rows of sources ``ids[begin]`` .. ``ids[end - 1]``; the first wait of a row counts from step `k`."""
    rows, words = synapses.rows, synapses.words
    first, ring = calendar.first_day[bank], calendar.first_day[bank + 1] - calendar.first_day[bank]
    slips = calendar.first_slip[bank]
    days = calendar.days[sample, first : first + ring]
    places, links = calendar.places[sample, slips:], calendar.links[sample, slips:]
    free, used = calendar.free[sample, bank], calendar.used[sample, bank]
    for e in range(begin, end + _SPIKES_AHEAD):
        if e < end:
            prefetch(rows, first_row + ids[e])
        near, now = e - _SPIKES_AHEAD // 2, e - _SPIKES_AHEAD
        if begin <= near < end:
            prefetch(words, max(rows[first_row + ids[near]], 0))
        if now < begin or rows[first_row + ids[now]] < 0:
            continue
        place = rows[first_row + ids[now]]
        slip = free
        if slip >= 0:
            free = links[slip]
        else:
            slip = used
            used += 1
        due = (k + np.int64(words[place + 1])) % ring
        places[slip], links[slip], days[due] = _note(np.int64(words[place]), place), days[due], slip
    calendar.free[sample, bank], calendar.used[sample, bank] = free, used


@internal
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
    days, into = calendar.days[sample, first : first + ring], sums[slot:]
    slip = days[k % ring]
    days[k % ring] = -1
    ahead, lead, one, three = slip, _AHEAD, np.uint64(1), np.uint64(3)
    while slip >= 0:
        while ahead >= 0 and lead > 0:
            note = places[ahead]
            for line in range(note & _LINES):
                prefetch(words, (note >> _SHIFT) + line * _WORDS_A_LINE)
            ahead, lead = links[ahead], lead - 1
        lead = 1
        following = links[slip]
        at = np.uint64(places[slip] >> _SHIFT)  # unsigned, so that no index is tested for being negative
        wait = np.int64(0)
        while wait == 0 and words[at]:  # as long as there are runs of this delay
            count, form = np.uint64(words[at] & LONGEST_RUN), words[at] >> 14
            at += np.uint64(2)
            if form == UNIFORM:
                weight = np.int64(np.int32(np.uint32(words[at]) | np.uint32(words[at + one]) << np.uint32(16)))
                at += np.uint64(2)
                end = at + count
                for i in range(at, end):
                    into[words[i]] += weight
            elif form == WIDE:
                end = at + three * count
                for i in range(at, end, three):
                    low, high = np.uint32(words[i + one]), np.uint32(words[i + np.uint64(2)])
                    into[words[i]] += np.int64(np.int32(low | high << np.uint32(16)))
            else:
                end = at + np.uint64(2) * count
                for i in range(at, end, np.uint64(2)):
                    into[words[i]] += np.int64(np.int16(words[i + one]))
            at = end
            wait = np.int64(words[at + one])
        place = np.int64(at)
        if words[at]:
            due = (k + wait) % ring
            places[slip], links[slip], days[due] = _note(np.int64(words[at]), place), days[due], slip
        else:
            links[slip] = calendar.free[sample, bank]
            calendar.free[sample, bank] = slip
        slip = following
