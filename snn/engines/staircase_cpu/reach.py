"""What an event reaches: the stretches of targets that it adds to.

The functions here are taken in where they are called, and take few arguments: a call that passes all tables on takes
longer than what one event brings to its targets.
"""

from __future__ import annotations

import numpy as np

from snn.engines.staircase_cpu.memory import RUN_EVENTS, RUN_LENGTH, RUN_TARGET, RUN_WEIGHT
from snn.jit import inlined
from snn.program.staircase import LISTED
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D, SUM_POOL2D


@inlined
def _divide(a, b):
    """Return quotient and remainder of numbers from 0 to 2^32 - 1: at that size they take half as long."""
    quotient = np.int64(np.uint32(a) // np.uint32(b))
    return quotient, a - quotient * b


@inlined
def _windows(position, size, stride, padding, outputs):
    """Return the first and one past the last window that hold a position along one axis."""
    shifted = position + padding
    first, _ = _divide(max(0, shifted - size + stride), stride)
    last, _ = _divide(shifted, stride)
    return first, min(outputs, last + 1)


@inlined
def _run(runs, k, target, weight, length, events):
    """Write run `k`."""
    runs[k, RUN_TARGET], runs[k, RUN_WEIGHT], runs[k, RUN_LENGTH], runs[k, RUN_EVENTS] = target, weight, length, events


@inlined
def _conv2d(first, shape, source, events, runs):
    """List a run for each row of targets: `columns_in_runs` has put their weights side by side."""
    width, channels, out_height, out_width, out_channels = shape[1], shape[2], shape[3], shape[4], shape[5]
    size_y, size_x, stride_x, padding_y, padding_x = shape[6], shape[7], shape[9], shape[10], shape[11]
    position, channel = _divide(source, channels)
    y, x = _divide(position, width)
    y0, y1 = _windows(y, size_y, shape[8], padding_y, out_height)
    x0, x1 = _windows(x, size_x, stride_x, padding_x, out_width)
    column = x + padding_x - x0 * stride_x
    each, more = _divide(size_x, stride_x)
    place, rest = _divide(column, stride_x)
    place = rest * each + min(rest, more) + (each - 1 if rest >= more else each) - place
    found = 0
    if x0 < x1:
        for out_y in range(y0, y1):
            row = y + padding_y - out_y * shape[8]
            weight = first + ((channel * size_y + row) * size_x + place) * out_channels
            _run(runs, found, (out_y * out_width + x0) * out_channels, weight, (x1 - x0) * out_channels, events)
            found += 1
    return found


@inlined
def _largest(counters, first, shape, out_y, out_x, channel):
    """Return the largest counter of a window."""
    found, best = False, np.int64(0)
    for y in range(max(0, out_y * shape[8] - shape[10]), min(shape[0], out_y * shape[8] - shape[10] + shape[6])):
        for x in range(max(0, out_x * shape[9] - shape[11]), min(shape[1], out_x * shape[9] - shape[11] + shape[7])):
            count = counters[first + (y * shape[1] + x) * shape[2] + channel]
            if not found or count > best:
                found, best = True, count
    return best


@inlined
def _pool2d(maximum, first, shape, source, events, runs, counters, first_counter, bests, first_best):
    """Sum-pooling passes the events on; max-pooling what they change of the largest count of each window."""
    channels, out_width = shape[2], shape[4]
    position, channel = _divide(source, channels)
    y, x = _divide(position, shape[1])
    y0, y1 = _windows(y, shape[6], shape[8], shape[10], shape[3])
    x0, x1 = _windows(x, shape[7], shape[9], shape[11], out_width)
    before = after = np.int64(0)
    if maximum:
        before = counters[first_counter + source]
        after = before + events
        counters[first_counter + source] = after
    found = 0
    for out_y in range(y0, y1):
        for out_x in range(x0, x1):
            target = (out_y * out_width + out_x) * channels + channel
            amount = events
            if maximum:
                reached = bests[first_best + target]
                largest = max(reached, after)
                if before == reached and after < before:
                    largest = _largest(counters, first_counter, shape, out_y, out_x, channel)
                bests[first_best + target] = largest
                amount = largest - reached
            if amount != 0:
                _run(runs, found, target, first, 1, amount)
                found += 1
    return found


@inlined
def reach(fans, targets, j, source, events, begin, end, runs, counters, bests):
    """List the runs of targets that events of a neuron reach; returns their number.

    Parameters
    ----------
    fans : Fans
    targets : ndarray of int32
        Of listed synapses.
    j : int
        Fan.
    source, events : int, int
        The neuron, by its number in its node, and how many events it emits, with their sign.
    begin, end : int
        For a list of synapses, which of them: ``begin .. end - 1``.
    runs : ndarray of int64 (runs, 4)
        Takes the runs.
    counters, bests : ndarray of int64
        Max-pooling; they count the events.
    """
    kind, first, shape = fans.kind[j], fans.first_weight[j], fans.geometry[j]
    if kind == CONV2D:
        return _conv2d(first, shape, source, events, runs)
    if kind in (SUM_POOL2D, MAX_POOL2D):
        maximum, first_counter, first_best = kind == MAX_POOL2D, fans.first_counter[j], fans.first_best[j]
        return _pool2d(maximum, first, shape, source, events, runs, counters, first_counter, bests, first_best)
    if kind == LISTED:
        for k in range(begin, end):
            _run(runs, k - begin, targets[k], first + k, 1, events)
        return end - begin
    if kind == DENSE:
        _run(runs, 0, 0, first + source * shape[0], shape[0], events)
    else:
        _run(runs, 0, source, first + source, 1, events)
    return 1


@inlined
def add(weights, weight, length, events, sums, slot):
    """Add what events bring to the sums of one run of targets."""
    if events == 1:
        for c in range(np.uint64(length)):
            sums[np.uint64(slot) + c] += weights[np.uint64(weight) + c]
    elif events == -1:
        for c in range(np.uint64(length)):
            sums[np.uint64(slot) + c] -= weights[np.uint64(weight) + c]
    elif events == np.int32(events):  # a product of two numbers of 32 bits is one instruction
        few = np.int64(np.int32(events))
        for c in range(np.uint64(length)):
            sums[np.uint64(slot) + c] += np.int64(weights[np.uint64(weight) + c]) * few
    else:
        for c in range(np.uint64(length)):
            sums[np.uint64(slot) + c] += weights[np.uint64(weight) + c] * events
