"""Runs on their way: a slip for each, in a list for the window in which it is due.

Slips are written as events come, and put in the order of time, source and synapse when their window begins. With one
delay they are in it already, since events are filed in the order of time; else they are distributed to as many buckets
as there are slips, by their offsets, after which few are out of place.
"""

from __future__ import annotations

from snn.engines.exact_cpu.memory import DUE, NEEDED, NEXT, SLIP, UNUSED, USED
from snn.jit import internal


@internal
def sort(offsets, keys, count):
    """Sort by offset, then key, what is nearly sorted or short."""
    for i in range(1, count):
        offset, key, j = offsets[i], keys[i], i
        while j > 0 and (offsets[j - 1] > offset or (offsets[j - 1] == offset and keys[j - 1] > key)):
            offsets[j], keys[j] = offsets[j - 1], keys[j - 1]
            j -= 1
        offsets[j], keys[j] = offset, key


@internal
def gather(tables, memory, block, now):
    """Put the slips of window `now` in their order, and take them out of their list."""
    counts, day = memory.counts[block], now % memory.first_slip.shape[1]
    offsets, runs = memory.due_offsets[block], memory.due_runs[block]
    first, last, count, sorted_so_far = memory.first_slip[block, day], memory.last_slip[block, day], 0, True
    slip = first
    while slip >= 0:
        offset, run = memory.slip_offsets[block, slip], memory.slip_runs[block, slip]
        if count > 0 and (offsets[count - 1] > offset or (offsets[count - 1] == offset and runs[count - 1] > run)):
            sorted_so_far = False
        offsets[count], runs[count] = offset, run
        count += 1
        slip = memory.slip_following[block, slip]
    if not sorted_so_far:
        _distribute(memory, block, first, count, count / tables.window)
        sort(offsets, runs, count)
    if first >= 0:
        memory.slip_following[block, last] = counts[SLIP]
        counts[SLIP] = first
    memory.first_slip[block, day] = -1
    counts[UNUSED] += count
    counts[DUE], counts[NEXT] = count, 0


@internal
def _distribute(memory, block, first, count, density):
    """Copy the slips of a list to where they are due, by buckets."""
    buckets, offsets, runs = memory.buckets[block], memory.due_offsets[block], memory.due_runs[block]
    for bucket in range(count + 1):
        buckets[bucket] = 0
    slip = first
    while slip >= 0:
        buckets[min(int(memory.slip_offsets[block, slip] * density), count - 1) + 1] += 1
        slip = memory.slip_following[block, slip]
    for bucket in range(count):
        buckets[bucket + 1] += buckets[bucket]
    slip = first
    while slip >= 0:
        bucket = min(int(memory.slip_offsets[block, slip] * density), count - 1)
        place = buckets[bucket]
        buckets[bucket] = place + 1
        offsets[place], runs[place] = memory.slip_offsets[block, slip], memory.slip_runs[block, slip]
        slip = memory.slip_following[block, slip]


@internal
def count_runs(tables, memory, block, blocks, now):
    """Find how many slips the published events of window `now` need in a block."""
    needed = 0
    for other in range(blocks):
        for e in range(memory.published[now & 1, other, 1]):
            source = memory.spike_sources[now & 1, other, e] >> 1
            needed += tables.runs.first_run[block, source + 1] - tables.runs.first_run[block, source]
    memory.counts[block, NEEDED] = needed


@internal
def file_events(tables, memory, block, blocks, now):
    """File the runs in a block of all events published: by neurons in window `now`, by trains in the next."""
    for other in range(blocks):
        neurons = memory.published[now & 1, other, 0]
        for e in range(memory.published[now & 1, other, 1]):
            source = memory.spike_sources[now & 1, other, e]
            window = now + (e >= neurons)
            _file(tables, memory, block, window, memory.spike_offsets[now & 1, other, e], source >> 1, source & 1)


@internal
def _file(tables, memory, block, window, offset, source, negative):
    runs, counts, days = tables.runs, memory.counts[block], memory.first_slip.shape[1]
    for run in range(runs.first_run[block, source], runs.first_run[block, source + 1]):
        due, at = window + runs.windows[run], offset + runs.offset[run]
        if at >= tables.window:
            due, at = due + 1, at - tables.window
        slip = counts[SLIP]
        if slip >= 0:
            counts[SLIP] = memory.slip_following[block, slip]
        else:
            slip = counts[USED]
            counts[USED] = slip + 1
        counts[UNUSED] -= 1
        memory.slip_offsets[block, slip], memory.slip_runs[block, slip] = at, 2 * run + negative
        memory.slip_following[block, slip] = -1
        day = due % days
        if memory.first_slip[block, day] < 0:
            memory.first_slip[block, day] = slip
        else:
            memory.slip_following[block, memory.last_slip[block, day]] = slip
        memory.last_slip[block, day] = slip
