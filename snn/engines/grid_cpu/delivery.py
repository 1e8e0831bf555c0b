"""Delivery: what one event of a source adds to the sums of its targets.

Sums are integers, so events may be delivered in any order. `count` is how many coincident events there are, or the
amplitude of a current as an integer. Every function adds to ``sums[slot]`` for targets from `start` to `stop`.
"""

from __future__ import annotations

import numpy as np

from snn.jit import compiled
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D, ONE_TO_ONE, SPARSE, SUM_POOL2D


@compiled
def _dense(weights, first, targets, source, count, sums, slot, start, stop):
    row = first + source * targets
    for target in range(start, stop):
        sums[slot + target] += weights[row + target] * count


@compiled
def _windows(position, size, stride, padding, outputs):
    """Return the first and one past the last window that hold a position along one axis."""
    shifted = position + padding
    first = max(0, (shifted - size + stride) // stride)
    return first, min(outputs, shifted // stride + 1)


@compiled
def _conv2d(weights, first, shape, source, count, sums, slot):
    width, channels, out_height, out_width, out_channels = shape[1], shape[2], shape[3], shape[4], shape[5]
    size_y, size_x, stride_y, stride_x, padding_y, padding_x = (
        shape[6],
        shape[7],
        shape[8],
        shape[9],
        shape[10],
        shape[11],
    )
    position, channel = source // channels, source % channels
    y, x = position // width, position % width
    y0, y1 = _windows(y, size_y, stride_y, padding_y, out_height)
    x0, x1 = _windows(x, size_x, stride_x, padding_x, out_width)
    for out_y in range(y0, y1):
        kernel_y = y + padding_y - out_y * stride_y
        for out_x in range(x0, x1):
            kernel_x = x + padding_x - out_x * stride_x
            w = first + ((channel * size_y + kernel_y) * size_x + kernel_x) * out_channels
            s = slot + (out_y * out_width + out_x) * out_channels
            for c in range(np.uint64(out_channels)):
                sums[np.uint64(s) + c] += weights[np.uint64(w) + c] * count


@compiled
def _sum_pool2d(weight, shape, source, count, sums, slot):
    width, channels, out_height, out_width = shape[1], shape[2], shape[3], shape[4]
    position, channel = source // channels, source % channels
    y0, y1 = _windows(position // width, shape[6], shape[8], shape[10], out_height)
    x0, x1 = _windows(position % width, shape[7], shape[9], shape[11], out_width)
    for out_y in range(y0, y1):
        for out_x in range(x0, x1):
            sums[slot + (out_y * out_width + out_x) * channels + channel] += weight * count


@compiled
def _max_pool2d(weight, shape, source, count, sums, slot, counters, first_counter, bests, first_best):
    """Count the source's events; a target receives one where that raises the largest count of its window."""
    width, channels, out_height, out_width = shape[1], shape[2], shape[3], shape[4]
    position, channel = source // channels, source % channels
    counters[first_counter + source] += count
    reached = counters[first_counter + source]
    y0, y1 = _windows(position // width, shape[6], shape[8], shape[10], out_height)
    x0, x1 = _windows(position % width, shape[7], shape[9], shape[11], out_width)
    for out_y in range(y0, y1):
        for out_x in range(x0, x1):
            target = (out_y * out_width + out_x) * channels + channel
            grown = reached - bests[first_best + target]
            if grown > 0:
                bests[first_best + target] = reached
                sums[slot + target] += weight * grown


@compiled
def _sparse(weights, targets, begin, end, count, sums, slot):
    for i in range(np.uint64(begin), np.uint64(end)):
        sums[slot + targets[i]] += weights[i] * count


@compiled
def deliver(projections, synapses, j, part, delay, sources, source, count, sums, counters, bests, start, stop):
    """Deliver one event through projection `j` to one slice of its target.

    Parameters
    ----------
    projections, synapses : NamedTuple
        Tables of the Program.
    j, part, delay : int
        Projection, number of the slice within the target node, number of the delay within the projection.
    sources, source : int
        Number of neurons of the source, and which fired.
    count : int
        Coincident events.
    sums, counters, bests : ndarray of int64
        Sums of one sample; spike counts of max-pooling.
    start, stop : int
        The slice.
    """
    kind, slot, first = projections.kind[j], projections.slot[j], projections.first_weight[j]
    if kind == SPARSE:
        row = projections.first_row[j] + (part * projections.delays[j] + delay) * sources + source
        rows = synapses.rows
        _sparse(synapses.weights, synapses.targets, rows[row], rows[row + 1], count, sums, slot)
    elif kind == CONV2D:
        _conv2d(synapses.pattern_weights, first, projections.geometry[j], source, count, sums, slot)
    elif kind == DENSE:
        targets = projections.geometry[j, 0]
        _dense(synapses.pattern_weights, first, targets, source, count, sums, slot, start, stop)
    elif kind == ONE_TO_ONE:
        if start <= source < stop:
            sums[slot + source] += synapses.pattern_weights[first + source] * count
    elif kind == SUM_POOL2D:
        _sum_pool2d(synapses.pattern_weights[first], projections.geometry[j], source, count, sums, slot)
    elif kind == MAX_POOL2D:
        first_counter, first_best = projections.first_counter[j], projections.first_best[j]
        weight = synapses.pattern_weights[first]
        shape = projections.geometry[j]
        _max_pool2d(weight, shape, source, count, sums, slot, counters, first_counter, bests, first_best)
