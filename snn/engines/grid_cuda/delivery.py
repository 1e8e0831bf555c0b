"""Delivery: a unit that spikes puts entries on a list, and teams of threads share out the synapses of all entries.

A team takes a piece of an entry at a time, each of its threads every so manieth synapse of the piece. So all teams have
as much to do, however different the rows are.
"""

from __future__ import annotations

import numpy as np

from snn.cuda import LANES, atomic_add, device_part, in_kernels, on_device
from snn.engines.grid_cpu import delivery, plastic
from snn.engines.grid_cpu.plastic import SHARE_BITS
from snn.engines.grid_cuda.gathering import clear_bits, set_bit
from snn.engines.grid_cuda.tables import (
    FIRST_OUTLET,
    FIRST_POOL,
    FIRST_ROW,
    FIRST_STATE,
    FIRST_SYNAPSE,
    LATE,
    LISTED,
    NODE,
    NUMBER,
    OUTLET_AND_SAMPLE,
    OUTLET_KIND,
    OUTLET_SLOT,
    PENDING,
    PIECE,
    PIECE_AND_COUNT,
    PLASTIC,
    PROJECTION,
    SLOT,
    SOURCE_AND_SHARE,
    SPIKES,
    STRIDE,
)
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D, ONE_TO_ONE

_windows, _share_of = in_kernels(delivery.windows), in_kernels(plastic.share_of)
_ENTRY = 1 << 32  # what one more entry adds to `pending`
_LOWER = 2**32 - 1  # the lower half of a number
_WHOLE, _HALF = 1 << SHARE_BITS, 1 << (SHARE_BITS - 1)


@on_device
def _extent(shape, source):
    """Return the windows that hold a source of a convolution or pooling: first and one past the last, y and x."""
    position = source // shape[2]
    y0, y1 = _windows(position // shape[1], shape[6], shape[8], shape[10], shape[3])
    x0, x1 = _windows(position % shape[1], shape[7], shape[9], shape[11], shape[4])
    return y0, y1, x0, x1


@device_part("patterns", 0)
def _pattern_synapses(tables, o, source):
    """Return through how many synapses of outlet `o`, which follows a pattern, a spike of a source is delivered."""
    kind, shape = tables.outlets[o, OUTLET_KIND], tables.patterns.geometry[o]
    if tables.patterns.gathered[o]:
        return np.int64(0)
    if kind == DENSE:
        return shape[0]
    if kind == ONE_TO_ONE or kind == MAX_POOL2D:
        return np.int64(1)
    y0, y1, x0, x1 = _extent(shape, source)
    return max(y1 - y0, 0) * max(x1 - x0, 0) * (shape[5] if kind == CONV2D else np.int64(1))


@on_device
def _synapses(tables, o, source):
    """Return the first of the listed synapses that a source has through outlet `o`, and how many it has in all."""
    kind, row = tables.outlets[o, OUTLET_KIND], tables.outlets[o, FIRST_ROW] + source
    if kind == LISTED or kind == PLASTIC:
        first = tables.rows.first[row]
        return first, tables.rows.first[row + 1] - first
    return np.int64(0), np.int64(_pattern_synapses(tables, o, source))


@device_part("plastic", _WHOLE)
def _share(tables, memory, o, source, sample, k):
    """Return the share of their weights that a spike brings to the synapses of outlet `o`: all, where not plastic."""
    outlets = tables.outlets
    if outlets[o, OUTLET_KIND] != PLASTIC:
        return np.int64(_WHOLE)
    state = outlets[o, FIRST_STATE] + source
    return np.int64(_share_of(tables.plastic, memory, outlets[o, PROJECTION], source, state, sample, k))


@device_part("spikes", 0)
def _counted(memory):
    """Return the place of a spike on the list; asked for first, since it takes long."""
    return atomic_add(memory.marks, SPIKES, 1)


@device_part("spikes")
def _put_down(memory, place, spike):
    memory.spikes[place] = spike


@device_part("tally")
def _add_to_tally(memory, item):
    memory.tally[item] += 1  # no other thread has this unit


@on_device
def speak(tables, memory, sizes, span, sample, unit, k):
    """Record a unit's spike in step `k`, and list what is to be delivered for it.

    Spikes of neurons are delivered in the next step, those of trains in the same one.
    """
    place = _counted(memory)
    _add_to_tally(memory, sample * sizes.units + unit)
    node, source = tables.units[unit, NODE], np.int64(tables.units[unit, NUMBER])
    set_bit(tables, memory, sizes, node, source, sample, k)
    first, stop = tables.nodes[node, FIRST_OUTLET], tables.nodes[node + 1, FIRST_OUTLET]
    side = k + np.int64(unit < sizes.neurons) & 1
    row, new = np.int64(sample) * sizes.rows + k - span.first - 1, np.int64(0)
    for o in range(first, stop):
        count = _synapses(tables, o, source)[1]
        if count:
            new += _ENTRY + (count + PIECE - 1) // PIECE
    pending = atomic_add(memory.marks, PENDING[1] if side else PENDING[0], new)
    _put_down(memory, place, row * sizes.units + unit)
    entry, piece = pending >> 32, pending & _LOWER
    for o in range(first, stop):
        begin, count = _synapses(tables, o, source)
        if count == 0:
            continue
        at = side * sizes.entries + entry
        memory.entries[at, PIECE_AND_COUNT] = count << 32 | piece
        memory.entries[at, FIRST_SYNAPSE] = begin
        memory.entries[at, OUTLET_AND_SAMPLE] = sample << 32 | o
        memory.entries[at, SOURCE_AND_SHARE] = _share(tables, memory, o, source, sample, k) << 32 | source
        after = piece + (count + PIECE - 1) // PIECE
        for p in range(side * sizes.pieces + piece, side * sizes.pieces + after):
            memory.piece_entry[p] = entry
        piece, entry = after, entry + 1


@on_device
def _add(sums, key, share, day, days, pace, place):
    """Add the weight of a key to the sums of its slot and day; `day` is that of the spike, a day has `pace` sums."""
    if key == 0:  # beyond the piece; where it is a synapse, its weight is 0
        return
    day += np.int64(key >> np.uint64(48))
    day -= days if day >= days else 0
    weight = (np.int64(np.int32(np.uint32(key & np.uint64(_LOWER)))) * share + _HALF) >> SHARE_BITS
    atomic_add(sums, day * pace + place + np.int64(key >> np.uint64(32) & np.uint64(0xFFFF)), weight)


@on_device
def _key(keys, i, stop):
    return keys[i] if i < stop else np.uint64(0)


@on_device
def _deliver_list(tables, memory, sizes, o, sample, share, begin, stop, lane, spoken):
    """Deliver listed synapses `begin` .. `stop` - 1; four keys are read before the first is needed."""
    keys, sums, pace, days = tables.rows.keys, memory.sums, sizes.samples * sizes.slots, sizes.days
    place, day = sample * sizes.slots + tables.outlets[o, OUTLET_SLOT], spoken % days
    for i in range(begin + lane, stop, 4 * LANES):
        one, two = _key(keys, i, stop), _key(keys, i + LANES, stop)
        three, four = _key(keys, i + 2 * LANES, stop), _key(keys, i + 3 * LANES, stop)
        _add(sums, one, share, day, days, pace, place)
        _add(sums, two, share, day, days, pace, place)
        _add(sums, three, share, day, days, pace, place)
        _add(sums, four, share, day, days, pace, place)


@on_device
def _pattern_synapse(shape, kind, y0, x0, x1, source, i):
    """Return target and place among the weights of the i-th synapse of a source."""
    if kind == DENSE:
        return np.int64(i), source * shape[0] + i
    if kind == ONE_TO_ONE:
        return np.int64(source), np.int64(source)
    channels = shape[5] if kind == CONV2D else np.int64(1)
    window, channel = i // channels, i % channels
    y, x = y0 + window // (x1 - x0), x0 + window % (x1 - x0)
    if kind != CONV2D:
        return (y * shape[4] + x) * shape[2] + source % shape[2], np.int64(0)
    position = source // shape[2]
    kernel_y = position // shape[1] + shape[10] - y * shape[8]
    kernel_x = position % shape[1] + shape[11] - x * shape[9]
    place = (((source % shape[2]) * shape[6] + kernel_y) * shape[7] + kernel_x) * channels + channel
    return (y * shape[4] + x) * channels + channel, place


@device_part("patterns")
def _deliver_pattern(tables, memory, sizes, o, source, sample, low, high, lane, spoken, k):
    patterns, kind, shape = tables.patterns, tables.outlets[o, OUTLET_KIND], tables.patterns.geometry[o]
    due = spoken + patterns.delay[o]
    day = due % sizes.days
    if kind == MAX_POOL2D:
        if lane == 0:
            place = sample * sizes.counters + patterns.first_counter[o] + source
            if due == k:
                atomic_add(memory.counters, place, 1)
            else:
                atomic_add(memory.counted, day * sizes.samples * sizes.counters + place, 1)
        return
    y0, x0, x1 = np.int64(0), np.int64(0), np.int64(1)
    if kind != DENSE and kind != ONE_TO_ONE:
        y0, _, x0, x1 = _extent(shape, source)
    for i in range(low + lane, high, LANES):
        target, place = _pattern_synapse(shape, kind, y0, x0, x1, source, i)
        unit = patterns.target[o] + target
        slot = tables.units[unit, SLOT] + patterns.port[o] * tables.units[unit, STRIDE]
        weight = np.int64(tables.weights[patterns.first_weight[o] + place])
        atomic_add(memory.sums, (day * sizes.samples + sample) * sizes.slots + slot, weight)


@device_part("pools")
def _count(tables, memory, sizes, k, thread, threads):
    """Add to the counters of max-pooling what is due in step `k`."""
    day = k % sizes.days * sizes.samples * sizes.counters
    for i in range(thread, sizes.samples * sizes.counters, threads):
        if memory.counted[day + i]:
            atomic_add(memory.counters, i, memory.counted[day + i])
            memory.counted[day + i] = 0


@on_device
def arrive(tables, memory, sizes, k, thread, threads):
    """Deliver what spiked in the step before `k`, and trains in `k` itself."""
    side = k & 1
    first, lane = side * sizes.entries, thread % LANES
    pieces = memory.marks[PENDING[1] if side else PENDING[0]] & _LOWER
    for piece in range(thread // LANES, pieces, threads // LANES):
        at = first + memory.piece_entry[side * sizes.pieces + piece]
        size, listed = memory.entries[at, PIECE_AND_COUNT], memory.entries[at, FIRST_SYNAPSE]
        place, origin = memory.entries[at, OUTLET_AND_SAMPLE], memory.entries[at, SOURCE_AND_SHARE]
        o, sample, source, share = place & _LOWER, place >> 32, origin & _LOWER, origin >> 32
        low = (piece - (size & _LOWER)) * PIECE
        high = min(low + PIECE, size >> 32)
        kind, spoken = tables.outlets[o, OUTLET_KIND], k - tables.outlets[o, LATE]
        if kind == LISTED or kind == PLASTIC:
            _deliver_list(tables, memory, sizes, o, sample, share, listed + low, listed + high, lane, spoken)
        else:
            _deliver_pattern(tables, memory, sizes, o, source, sample, low, high, lane, spoken, k)
    if thread == 0:
        memory.marks[PENDING[0] if side else PENDING[1]] = 0
    _count(tables, memory, sizes, k, thread, threads)
    clear_bits(tables, memory, sizes, k + 1, thread, threads)


@device_part("pools")
def pool(tables, memory, sizes, sample, node, i, base, unit):
    """Add what reaches neuron `i` of a node through max-pooling: what the largest count of its window has grown by."""
    for p in range(tables.nodes[node, FIRST_POOL], tables.nodes[node + 1, FIRST_POOL]):
        o = tables.pools[p]
        patterns, shape = tables.patterns, tables.patterns.geometry[o]
        first = sample * sizes.counters + patterns.first_counter[o]
        channels, position = shape[2], i // shape[2]
        y0 = position // shape[4] * shape[8] - shape[10]
        x0 = position % shape[4] * shape[9] - shape[11]
        largest = np.int64(0)
        for y in range(max(y0, 0), min(y0 + shape[6], shape[0])):
            for x in range(max(x0, 0), min(x0 + shape[7], shape[1])):
                largest = max(largest, memory.counters[first + (y * shape[1] + x) * channels + i % channels])
        best = patterns.first_best[o] + i
        grown = largest - memory.bests[sample, best]
        if grown > 0:
            memory.bests[sample, best] = largest
            place = base + tables.units[unit, SLOT] + patterns.port[o] * tables.units[unit, STRIDE]
            memory.sums[place] += np.int64(tables.weights[patterns.first_weight[o]]) * grown
