"""The phased schedule: a launch for each population, in which it speaks, and one for each fan, which carries that on.

All are integers, whose sums have no order. A thread takes a target and adds up what comes to it; only where synapses
are listed does a thread take one of these, and add it atomically.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.cuda import LANES, atomic_add, cuda, kernel, on_device
from snn.neurons.staircase import PRODUCT, level_of
from snn.program.staircase import INPUT, Fans, StairNodes, Wires
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D, SUM_POOL2D


class Tables(NamedTuple):
    """A Program, as the kernels see it."""

    nodes: StairNodes
    fans: Fans
    wires: Wires
    parameters: np.ndarray
    fan_out: np.ndarray  # int64 (neurons,)


class Memory(NamedTuple):
    """The state of all samples, int64."""

    sums: np.ndarray  # (samples, sums)
    levels: np.ndarray  # (samples, neurons)
    changes: np.ndarray  # (samples, neurons): of levels, when the neuron spoke last
    bests: np.ndarray  # (samples, bests): max-pooling
    spoken: np.ndarray  # (samples, nodes): events of each node in this settling
    operations: np.ndarray  # (samples,): synapses that events lead to
    totals: np.ndarray  # (neurons,): events of all samples


@kernel
def speak(tables, memory, counts, node):
    """Let all neurons of a node say what their sums are, those of an input what is counted: (samples, inputs)."""
    nodes, sums, levels = tables.nodes, memory.sums, memory.levels
    kind, size, first, slot = nodes.kind[node], nodes.size[node], nodes.first[node], nodes.slot[node]
    at, rows, width = nodes.parameters[node], nodes.rows[node], nodes.width[node]
    other = slot + (size if kind == PRODUCT else 0)
    for item in range(cuda.grid(1), len(levels) * size, cuda.gridsize(1)):
        s, i = item // size, item % size
        number = first + i
        if kind == INPUT:
            wanted = counts[s, number]
        else:
            row = at + i % rows * width
            wanted = level_of(kind, tables.parameters, row, width, sums[s, slot + i], sums[s, other + i])
        change = wanted - levels[s, number]
        memory.changes[s, number] = change
        if change != 0:
            levels[s, number] = wanted
            events = np.int64(1) if kind == PRODUCT else abs(change)
            atomic_add(memory.spoken, (s, node), events)
            atomic_add(memory.operations, s, events * tables.fan_out[number])
            atomic_add(memory.totals, number, events)


@on_device
def _place(column, size, stride):
    """Return where the weight of a window's column stands in its row, see `columns_in_runs`."""
    each, more, rest = size // stride, size % stride, column % stride
    return rest * each + min(rest, more) + (each - 1 if rest >= more else each) - column // stride


@on_device
def _from_window(tables, memory, j, s, target):
    """Return what a target of a convolution or of sum-pooling receives."""
    fans, shape, first = tables.fans, tables.fans.geometry[j], tables.nodes.first[tables.fans.source[j]]
    weights, begin, channels, convolved = tables.wires.weights, fans.first_weight[j], shape[2], fans.kind[j] == CONV2D
    outputs = shape[5] if convolved else channels
    output, position, total = target % outputs, target // outputs, np.int64(0)
    top, left = position // shape[4] * shape[8] - shape[10], position % shape[4] * shape[9] - shape[11]
    for y in range(max(top, 0), min(top + shape[6], shape[0])):
        for x in range(max(left, 0), min(left + shape[7], shape[1])):
            pixel = first + (y * shape[1] + x) * channels
            if not convolved:
                total += memory.changes[s, pixel + output] * np.int64(weights[begin])
                continue
            place = _place(x - left, shape[7], shape[9])
            for channel in range(channels):
                change = memory.changes[s, pixel + channel]
                if change != 0:
                    row = (channel * shape[6] + y - top) * shape[7] + place
                    total += change * np.int64(weights[begin + row * outputs + output])
    return total


@on_device
def _from_largest(tables, memory, j, s, target):
    """Return what a target of max-pooling receives: by how much the largest level of its window has changed."""
    fans, shape, first = tables.fans, tables.fans.geometry[j], tables.nodes.first[tables.fans.source[j]]
    channel, position = target % shape[2], target // shape[2]
    top, left = position // shape[4] * shape[8] - shape[10], position % shape[4] * shape[9] - shape[11]
    found, largest = False, np.int64(0)
    for y in range(max(top, 0), min(top + shape[6], shape[0])):
        for x in range(max(left, 0), min(left + shape[7], shape[1])):
            level = memory.levels[s, first + (y * shape[1] + x) * shape[2] + channel]
            largest = max(largest, level) if found else level
            found = True
    if not found:
        return np.int64(0)
    best = fans.first_best[j] + target
    change = largest - memory.bests[s, best]
    memory.bests[s, best] = largest
    return change * np.int64(tables.wires.weights[fans.first_weight[j]])


@on_device
def _from_all(tables, memory, j, s, target):
    """Return what a target of a dense fan receives."""
    source, weights, begin = tables.fans.source[j], tables.wires.weights, tables.fans.first_weight[j]
    first, targets, total = tables.nodes.first[source], tables.fans.geometry[j, 0], np.int64(0)
    for i in range(tables.nodes.size[source]):
        change = memory.changes[s, first + i]
        if change != 0:
            total += change * np.int64(weights[begin + i * targets + target])
    return total


@kernel
def carry(tables, memory, j, targets):
    """Add what the neurons of a node have said to the sums of the targets that they reach by fan `j`."""
    fans, kind, slot, samples = tables.fans, tables.fans.kind[j], tables.fans.slot[j], len(memory.levels)
    for item in range(cuda.grid(1), samples * targets, cuda.gridsize(1)):
        s, target = item // targets, item % targets
        if kind == DENSE:
            total = _from_all(tables, memory, j, s, target)
        elif kind in (CONV2D, SUM_POOL2D):
            total = _from_window(tables, memory, j, s, target)
        elif kind == MAX_POOL2D:
            total = _from_largest(tables, memory, j, s, target)
        else:
            change = memory.changes[s, tables.nodes.first[fans.source[j]] + target]
            total = change * np.int64(tables.wires.weights[fans.first_weight[j] + target])
        memory.sums[s, slot + target] += total


@kernel
def carry_list(tables, memory, j):
    """As `carry`, where synapses are listed: a group of threads takes a source."""
    fans, wires, thread = tables.fans, tables.wires, cuda.grid(1)
    size, first = tables.nodes.size[fans.source[j]], tables.nodes.first[fans.source[j]]
    for item in range(thread // LANES, len(memory.levels) * size, cuda.gridsize(1) // LANES):
        s, i = item // size, item % size
        change, row = memory.changes[s, first + i], fans.first_row[j] + i
        if change == 0:
            continue
        for k in range(wires.rows[row] + thread % LANES, wires.rows[row + 1], LANES):
            weight = np.int64(wires.weights[fans.first_weight[j] + k])
            atomic_add(memory.sums, (s, fans.slot[j] + np.int64(wires.targets[k])), change * weight)


def targets_of(kind: int, shape: np.ndarray, sources: int) -> int:
    """Return how many targets a fan of a kind, a geometry and so many sources has, unless they are listed."""
    if kind == DENSE:
        return int(shape[0])
    if kind in (CONV2D, SUM_POOL2D, MAX_POOL2D):
        return int(shape[3] * shape[4] * (shape[5] if kind == CONV2D else shape[2]))
    return sources
