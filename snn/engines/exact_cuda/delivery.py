"""Events are filed as slips, one for each run, under the day on which they are due, and then delivered to neurons.

Slips and what arrives come in any order; a neuron's own list is sorted when its thread walks it.
"""

from __future__ import annotations

import numpy as np

from snn.cuda import LANES, atomic_add, atomic_exchange, on_device
from snn.engines.exact_cuda.memory import ARRIVALS, FULL, SLIP
from snn.program.runs import PORT_BITS


@on_device
def file(tables, memory, sizes, first, end, now, thread, threads):
    """File the runs of events `first` .. `end - 1`; days without room for all their slips only count them."""
    runs, lane = tables.runs, thread % LANES
    for e in range(first + thread // LANES, end, threads // LANES):
        source, negative = memory.record_sources[e] >> 1, memory.record_sources[e] & 1
        for run in range(runs.first_run[0, source] + lane, runs.first_run[0, source + 1], LANES):
            due, at = memory.record_windows[e] + runs.windows[run], memory.record_offsets[e] + runs.offset[run]
            if at >= tables.window:
                due, at = due + 1, at - tables.window
            day = due % sizes.days
            pending = atomic_add(memory.pending, day, SLIP + runs.synapse[run + 1] - runs.synapse[run])
            if pending >> 32 >= sizes.slips:
                atomic_exchange(memory.counts, FULL, np.int64(1))
                continue
            slip = day * sizes.slips + (pending >> 32)
            memory.slip_offsets[slip], memory.slip_runs[slip] = at, 2 * run + negative
            memory.slip_firsts[slip], memory.slip_samples[slip] = pending & ARRIVALS, memory.record_samples[e]
    if thread == 0:
        memory.pending[now % sizes.days] = 0  # which has been delivered


@on_device
def _slip_of(memory, first, count, arrival):
    """Return which of the slips `first` .. `first + count - 1` brings an arrival."""
    low, high = np.int64(0), count
    while high - low > 1:
        middle = (low + high) // 2
        if memory.slip_firsts[first + middle] <= arrival:
            low = middle
        else:
            high = middle
    return first + low


@on_device
def deliver(tables, memory, sizes, now, thread, threads):
    """Put what arrives in window `now` on the lists of its targets: a thread an arrival."""
    runs, day = tables.runs, now % sizes.days
    pending = memory.pending[day]
    for arrival in range(thread, pending & ARRIVALS, threads):
        slip = _slip_of(memory, day * sizes.slips, pending >> 32, arrival)
        run = memory.slip_runs[slip] >> 1
        address = np.int64(runs.addresses[runs.synapse[run] + arrival - memory.slip_firsts[slip]])
        n = tables.first[runs.group[run]] + (address >> PORT_BITS)
        memory.arrival_offsets[arrival], memory.arrival_slips[arrival] = memory.slip_offsets[slip], slip
        place = np.int64(memory.slip_samples[slip]) * sizes.neurons + n
        memory.following[arrival] = atomic_exchange(memory.heads, place, np.int32(arrival))


@on_device
def _before(memory, a, b):
    """Return whether an arrival comes before another one: by time, then run, then synapse."""
    one, other = memory.arrival_offsets[a], memory.arrival_offsets[b]
    if one != other:
        return one < other
    first, second = memory.slip_runs[memory.arrival_slips[a]], memory.slip_runs[memory.arrival_slips[b]]
    return first < second if first != second else a < b


@on_device
def sorted_list(memory, first):
    """Sort a list of arrivals, by merging ever longer parts of it; returns its first one."""
    length, parts = 1, 2
    while parts > 1:
        left, first, last, parts = first, -1, -1, 0
        while left >= 0:
            parts += 1
            right, lefts, rights = left, 0, length
            while lefts < length and right >= 0:
                right = np.int64(memory.following[right])
                lefts += 1
            while lefts > 0 or (rights > 0 and right >= 0):
                if lefts == 0 or (rights > 0 and right >= 0 and _before(memory, right, left)):
                    chosen, right, rights = right, np.int64(memory.following[right]), rights - 1
                else:
                    chosen, left, lefts = left, np.int64(memory.following[left]), lefts - 1
                if last >= 0:
                    memory.following[last] = chosen
                else:
                    first = chosen
                last = chosen
            left = right
        if last >= 0:
            memory.following[last] = -1
        length *= 2
    return first
