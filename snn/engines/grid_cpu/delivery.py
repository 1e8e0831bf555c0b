"""Delivery through patterns: what one event of a source adds to the sums of its targets.

Sums are integers, so events may be delivered in any order. `count` is how many coincident events there are, or the
amplitude of a current as an integer. Every function adds to ``sums[slot]`` for targets from `start` to `stop`.
"""

from __future__ import annotations

import numpy as np

from snn.jit import internal
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D, ONE_TO_ONE, SUM_POOL2D


@internal
def _dense(weights, first, targets, source, count, sums, slot, start, stop):
    row = first + source * targets
    for target in range(start, stop):
        sums[slot + target] += weights[row + target] * count


@internal
def windows(position, size, stride, padding, outputs):
    """Return the first and one past the last window that hold a position along one axis."""
    shifted = position + padding
    first = max(0, (shifted - size + stride) // stride)
    return first, min(outputs, shifted // stride + 1)


@internal
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
    y0, y1 = windows(y, size_y, stride_y, padding_y, out_height)
    x0, x1 = windows(x, size_x, stride_x, padding_x, out_width)
    for out_y in range(y0, y1):
        kernel_y = y + padding_y - out_y * stride_y
        for out_x in range(x0, x1):
            kernel_x = x + padding_x - out_x * stride_x
            w = first + ((channel * size_y + kernel_y) * size_x + kernel_x) * out_channels
            s = slot + (out_y * out_width + out_x) * out_channels
            for c in range(np.uint64(out_channels)):
                sums[np.uint64(s) + c] += weights[np.uint64(w) + c] * count


@internal
def _sum_pool2d(weight, shape, source, count, sums, slot):
    width, channels, out_height, out_width = shape[1], shape[2], shape[3], shape[4]
    position, channel = source // channels, source % channels
    y0, y1 = windows(position // width, shape[6], shape[8], shape[10], out_height)
    x0, x1 = windows(position % width, shape[7], shape[9], shape[11], out_width)
    for out_y in range(y0, y1):
        for out_x in range(x0, x1):
            sums[slot + (out_y * out_width + out_x) * channels + channel] += weight * count


@internal
def _max_pool2d(weight, shape, source, count, sums, slot, counters, first_counter, bests, first_best):
    """Count the source's events; a target receives one where that raises the largest count of its window."""
    width, channels, out_height, out_width = shape[1], shape[2], shape[3], shape[4]
    position, channel = source // channels, source % channels
    counters[first_counter + source] += count
    reached = counters[first_counter + source]
    y0, y1 = windows(position // width, shape[6], shape[8], shape[10], out_height)
    x0, x1 = windows(position % width, shape[7], shape[9], shape[11], out_width)
    for out_y in range(y0, y1):
        for out_x in range(x0, x1):
            target = (out_y * out_width + out_x) * channels + channel
            grown = reached - bests[first_best + target]
            if grown > 0:
                bests[first_best + target] = reached
                sums[slot + target] += weight * grown


@internal
def deliver(projections, weights, j, ids, begin, end, count, sums, slot, counters, bests, start, stop):
    """Deliver events through projection `j` to one slice of its target.

    Parameters
    ----------
    projections : NamedTuple
        Table of the Program.
    weights : ndarray of int32
        Weights of all patterns.
    j : int
        Projection.
    ids, begin, end : ndarray of int32, int, int
        The events: sources ids[begin] .. ids[end - 1].
    count : int
        Coincident events each of them stands for.
    sums, slot : ndarray of int64, int
        Sums of one sample, and the slot that neuron 0 of the target has or would have.
    counters, bests : ndarray of int64
        Spike counts of max-pooling.
    start, stop : int
        The slice.
    """
    kind, first, shape = projections.kind[j], projections.first_weight[j], projections.geometry[j]
    if kind == CONV2D:
        for e in range(begin, end):
            _conv2d(weights, first, shape, np.int64(ids[e]), count, sums, slot)
    elif kind == DENSE:
        for e in range(begin, end):
            _dense(weights, first, shape[0], np.int64(ids[e]), count, sums, slot, start, stop)
    elif kind == ONE_TO_ONE:
        for e in range(begin, end):
            if start <= ids[e] < stop:
                sums[slot + ids[e]] += weights[first + ids[e]] * count
    elif kind == SUM_POOL2D:
        for e in range(begin, end):
            _sum_pool2d(weights[first], shape, np.int64(ids[e]), count, sums, slot)
    elif kind == MAX_POOL2D:
        first_counter, first_best = projections.first_counter[j], projections.first_best[j]
        for e in range(begin, end):
            source = np.int64(ids[e])
            _max_pool2d(weights[first], shape, source, count, sums, slot, counters, first_counter, bests, first_best)
