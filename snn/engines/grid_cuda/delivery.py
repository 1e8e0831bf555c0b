"""Delivery: a unit that spikes puts entries on a list, and teams of threads share out the synapses of all entries.

A team takes a piece of an entry at a time, each of its threads every so manieth synapse of the piece. The list says at
which piece each entry begins, so that all teams have as much to do, however different the rows are.
"""

from __future__ import annotations

import numpy as np

from snn.cuda import LANES, atomic_add, in_kernels, on_device
from snn.engines.grid_cpu import delivery, plastic
from snn.engines.grid_cpu.plastic import SHARE_BITS
from snn.engines.grid_cuda.tables import LISTED, PIECE, PLASTIC
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D, ONE_TO_ONE

_windows, _share_of = in_kernels(delivery.windows), in_kernels(plastic.share_of)
_ENTRY = 1 << 32  # what one more entry adds to `pending`
_PIECES = _ENTRY - 1


@on_device
def _extent(shape, source):
    """Return the windows that hold a source of a convolution or pooling: first and one past the last, y and x."""
    position = source // shape[2]
    y0, y1 = _windows(position // shape[1], shape[6], shape[8], shape[10], shape[3])
    x0, x1 = _windows(position % shape[1], shape[7], shape[9], shape[11], shape[4])
    return y0, y1, x0, x1


@on_device
def _synapses(tables, o, source):
    """Return how many synapses a spike of a source has through outlet `o`."""
    kind, shape = tables.outlets.kind[o], tables.outlets.geometry[o]
    if kind in (LISTED, PLASTIC):
        row = tables.outlets.first_row[o] + source
        return tables.rows.first[row + 1] - tables.rows.first[row]
    if kind == DENSE:
        return shape[0]
    if kind in (ONE_TO_ONE, MAX_POOL2D):
        return np.int64(1)
    y0, y1, x0, x1 = _extent(shape, source)
    return max(y1 - y0, 0) * max(x1 - x0, 0) * (shape[5] if kind == CONV2D else np.int64(1))


@on_device
def speak(tables, memory, sizes, span, sample, unit, k):
    """Record a unit's spike in step `k`, and list what is to be delivered for it."""
    node, outlets = tables.units.node[unit], tables.outlets
    row = np.int64(sample) * sizes.rows + k - span.first - 1
    memory.spikes[atomic_add(memory.spike_count, 0, 1)] = row * sizes.units + unit
    source = unit - tables.nodes.first_unit[node]
    for o in range(tables.nodes.first_outlet[node], tables.nodes.first_outlet[node + 1]):
        synapses = _synapses(tables, o, source)
        if synapses == 0:
            continue
        side = (k + outlets.late[o]) & 1
        pending = atomic_add(memory.pending, side, _ENTRY + (synapses + PIECE - 1) // PIECE)
        entry = side * sizes.entries + (pending >> 32)
        memory.entry_piece[entry] = pending & _PIECES
        memory.entry_outlet[entry] = o
        memory.entry_unit[entry] = source
        memory.entry_sample[entry] = sample
        if outlets.kind[o] == PLASTIC:
            state = outlets.first_state[o] + source
            memory.entry_share[entry] = _share_of(
                tables.plastic, memory, outlets.projection[o], source, state, sample, k
            )


@on_device
def _deliver_list(tables, memory, sizes, o, source, sample, share, low, high, lane, k):
    rows, row = tables.rows, tables.outlets.first_row[o] + source
    begin, stop, kind = rows.first[row] + low, rows.first[row] + high, tables.outlets.kind[o]
    step, half = k - tables.outlets.late[o], np.int64(1 << (SHARE_BITS - 1))
    for i in range(begin + lane, stop, LANES):
        day, weight = (step + np.int64(rows.delays[i])) % sizes.days, np.int64(rows.weights[i])
        if kind == PLASTIC:
            weight = (weight * share + half) >> SHARE_BITS
        place = (day * sizes.samples + sample) * sizes.slots + np.int64(rows.slots[i])
        atomic_add(memory.sums, place, weight)


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


@on_device
def _deliver_pattern(tables, memory, sizes, o, source, sample, low, high, lane, k):
    outlets, kind, shape = tables.outlets, tables.outlets.kind[o], tables.outlets.geometry[o]
    due = k - outlets.late[o] + outlets.delay[o]
    day = due % sizes.days
    if kind == MAX_POOL2D:
        if lane == 0:
            place = sample * sizes.counters + outlets.first_counter[o] + source
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
        unit = outlets.target[o] + target
        slot = tables.units.slot[unit] + outlets.port[o] * tables.units.stride[unit]
        weight = np.int64(tables.weights[outlets.first_weight[o] + place])
        atomic_add(memory.sums, (day * sizes.samples + sample) * sizes.slots + slot, weight)


@on_device
def arrive(tables, memory, sizes, k, thread, threads):
    """Deliver what spiked in the step before `k`, and trains in `k` itself."""
    side = k & 1
    pending = memory.pending[side]
    entries, pieces, first = pending >> 32, pending & _PIECES, side * sizes.entries
    lane = thread % LANES
    for piece in range(thread // LANES, pieces, threads // LANES):
        low, high = np.int64(0), entries
        while high - low > 1:
            middle = (low + high) // 2
            if memory.entry_piece[first + middle] <= piece:
                low = middle
            else:
                high = middle
        entry = first + low
        o, source = np.int64(memory.entry_outlet[entry]), np.int64(memory.entry_unit[entry])
        sample, begin = np.int64(memory.entry_sample[entry]), (piece - memory.entry_piece[entry]) * PIECE
        stop = min(begin + PIECE, _synapses(tables, o, source))
        kind = tables.outlets.kind[o]
        if kind in (LISTED, PLASTIC):
            share = np.int64(memory.entry_share[entry])
            _deliver_list(tables, memory, sizes, o, source, sample, share, begin, stop, lane, k)
        else:
            _deliver_pattern(tables, memory, sizes, o, source, sample, begin, stop, lane, k)
    if thread == 0:
        memory.pending[1 - side] = 0
    day = k % sizes.days * sizes.samples * sizes.counters
    for i in range(thread, sizes.samples * sizes.counters, threads):
        if memory.counted[day + i]:
            atomic_add(memory.counters, i, memory.counted[day + i])
            memory.counted[day + i] = 0


@on_device
def pool(tables, memory, sizes, sample, node, i, base, unit):
    """Add what reaches neuron `i` of a node through max-pooling: what the largest count of its window has grown by."""
    for p in range(tables.nodes.first_pool[node], tables.nodes.first_pool[node + 1]):
        o = tables.pools[p]
        shape, first = tables.outlets.geometry[o], sample * sizes.counters + tables.outlets.first_counter[o]
        channels, position = shape[2], i // shape[2]
        y0 = position // shape[4] * shape[8] - shape[10]
        x0 = position % shape[4] * shape[9] - shape[11]
        largest = np.int64(0)
        for y in range(max(y0, 0), min(y0 + shape[6], shape[0])):
            for x in range(max(x0, 0), min(x0 + shape[7], shape[1])):
                largest = max(largest, memory.counters[first + (y * shape[1] + x) * channels + i % channels])
        best = tables.outlets.first_best[o] + i
        grown = largest - memory.bests[sample, best]
        if grown > 0:
            memory.bests[sample, best] = largest
            place = base + tables.units.slot[unit] + tables.outlets.port[o] * tables.units.stride[unit]
            memory.sums[place] += np.int64(tables.weights[tables.outlets.first_weight[o]]) * grown
