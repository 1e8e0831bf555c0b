"""Currents into neurons that vary: sampled and sinusoidal ones, and noise.

A current that changes is taken out of what flows into a neuron and put back with its new value, as integers: what
flows is the same in whichever order currents change.
"""

from __future__ import annotations

import math

import numpy as np

from snn.arithmetic import fma, sine
from snn.engines.grid_cpu.delivery import deliver
from snn.jit import internal, only_with
from snn.program.tables import ONE_TO_ONE
from snn.quantiles import normal
from snn.random import STRIP, strip_words


def scaled(courses, bits: list[int]):
    """Return the courses in units as fine as `bits` of their largest value leave room for, and shifts.

    Parameters
    ----------
    courses : Courses
    bits : list of int
        A row each.

    Returns
    -------
    courses : Courses
    shifts : ndarray of int64 (rows,)
        2^shift units are 1 pA.
    """
    amplitudes, waves, shifts = courses.amplitudes.copy(), courses.waves.copy(), np.zeros(len(bits), np.int64)
    for c in np.flatnonzero(courses.bin):
        first, elements = courses.first[c], courses.elements[c]
        part = amplitudes[first : first + courses.bins[c] * elements]
        if courses.bins[c] == 0:
            part = waves[first : first + elements, :2]
            largest = np.abs(part).sum(axis=1).max()
        else:
            largest = np.abs(part).max()
        shifts[c] = bits[c] - math.frexp(largest)[1] if largest else 0
        part[:] = np.ldexp(part, int(shifts[c]))
    return courses._replace(amplitudes=amplitudes, waves=waves), shifts


@internal
def amount_of(courses, c, element, k):
    """Return the current of an element in step `k`, as an integer."""
    if courses.bins[c]:
        row = (k - 1 - courses.start[c]) // courses.bin[c]
        value = courses.amplitudes[courses.first[c] + row * courses.elements[c] + element]
        return np.int64(math.floor(value + 0.5))
    offset, amplitude, cycles, phase = (
        courses.waves[courses.first[c] + element, 0],
        courses.waves[courses.first[c] + element, 1],
        courses.waves[courses.first[c] + element, 2],
        courses.waves[courses.first[c] + element, 3],
    )
    value = fma(amplitude, sine(fma(np.float64(k) - 0.5, cycles, phase)), offset)
    return np.int64(math.floor(value + 0.5))


@internal
def first_synapse_to(currents, c, target):
    """Return the first synapse of a current, which are in the order of targets, to this target or a later one."""
    low, high = currents.first_synapse[c], currents.first_synapse[c + 1]
    while low < high:
        middle = (low + high) // 2
        if currents.targets[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low


@internal
def _add_amounts(tables, memory, drives, first, c, sample, start, stop, k):
    """Add weights times amounts to ``drives[first + target]``, for targets from `start` to `stop`."""
    currents, courses, projections = tables.currents, tables.varying.courses, tables.projections
    j, weights = currents.projection[c], tables.synapses.pattern_weights
    if j < 0:
        last, amount = -1, np.int64(0)
        for i in range(first_synapse_to(currents, c, start), first_synapse_to(currents, c, stop)):
            if currents.sources[i] != last:
                last = currents.sources[i]
                amount = amount_of(courses, c, last, k)
            drives[first + currents.targets[i]] += currents.weights[i] * amount
    elif projections.kind[j] == ONE_TO_ONE:
        for i in range(start, stop):
            drives[first + i] += weights[projections.first_weight[j] + i] * amount_of(courses, c, i, k)
    else:
        for source in range(courses.elements[c]):
            deliver(
                projections, weights, j, memory.numbers, source, source + 1, amount_of(courses, c, source, k), drives,
                first, memory.counters[sample], memory.bests[sample], start, stop,
            )  # fmt: skip


@only_with("varying")
def vary_currents(tables, memory, sample, s, k):
    """Change the sampled and sinusoidal currents into slice `s` that have another value from step `k` on."""
    nodes, slices, currents, courses = tables.nodes, tables.slices, tables.currents, tables.varying.courses
    node, start, stop = slices.node[s], slices.start[s], slices.stop[s]
    flows, drives, flow = memory.flows[sample], memory.drives[sample], nodes.flow[node]
    for c in range(nodes.first_current[node], nodes.first_current[node + 1]):
        since, first = k - 1 - courses.start[c], currents.first_drive[c]
        ends = k - 1 == courses.stop[c]
        held = courses.bins[c] and since >= courses.bins[c] * courses.bin[c]
        if since < 0 or k - 1 > courses.stop[c] or not (ends or (since % courses.bin[c] == 0 and not held)):
            continue
        for i in range(start, stop):
            flows[flow + i] -= drives[first + i] if since else 0
            drives[first + i] = 0
        if ends:
            continue
        _add_amounts(tables, memory, drives, first, c, sample, start, stop, k)
        shift = memory.shifts[c]
        half = np.int64(1) << (shift - 1) if shift > 0 else np.int64(0)
        for i in range(start, stop):
            total = drives[first + i]
            drives[first + i] = (total + half) >> shift if shift >= 0 else total << -shift
            flows[flow + i] += drives[first + i]


@only_with("varying")
def noise_currents(tables, memory, span, sample, s, k, words):
    """Draw the noise currents into slice `s` that have another value from step `k` on."""
    slices, currents = tables.slices, tables.varying.currents
    node = slices.node[s]
    flows, flow = memory.flows[sample], tables.nodes.flow[node]
    for c in range(currents.first[node], currents.first[node + 1]):
        since, ends = k - 1 - currents.start[c], k - 1 == currents.stop[c]
        if since < 0 or k - 1 > currents.stop[c] or not (ends or since % currents.interval[c] == 0):
            continue
        target = currents.first_target[c] - currents.low[c]
        drive = memory.drives.shape[1] - len(currents.mean) + target
        begin, stop = max(currents.low[c], slices.start[s]), min(currents.high[c], slices.stop[s])
        drives = memory.drives[sample]
        for base in range(begin // STRIP * STRIP, stop, STRIP):
            if not ends:
                strip_words(span.seed, currents.stream[c], base // STRIP, k, span.first_sample + sample, words)
            for i in range(max(base, begin), min(base + STRIP, stop)):
                flows[flow + i] -= drives[drive + i] if since else 0
                if not ends:
                    value = fma(currents.std[target + i], normal(words[i - base]), currents.mean[target + i])
                    drives[drive + i] = math.floor(value + 0.5)
                    flows[flow + i] += drives[drive + i]
